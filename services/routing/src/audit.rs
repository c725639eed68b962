//! What routing can say about the conservation laws.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use prost::Message as _;
use qm_database::Database;
use qm_ids::TenantId;
use qm_proto::{routing::v1 as proto, types::v1::LineUnits as ProtoUnits};
use qm_runtime::operations::{AuditError, Auditor, Fact, LawReport};

use crate::{
    domain::{Claim, LineUnits, Plan},
    store::{self, Announcement},
};

/// Audits routing's own books.
#[derive(Debug, Clone)]
pub struct Audit {
    pub(crate) database: Database,
}

#[async_trait]
impl Auditor for Audit {
    async fn check_laws(&self, tenant: Option<TenantId>) -> Result<Vec<LawReport>, AuditError> {
        let mut units = LawReport::new(
            "plan_units",
            "law 1: of each line that a plan was asked for, assigned and unfilled units add up to those asked for",
        );
        let mut capacity = LawReport::new(
            "capacity",
            "law 7: a plan that stands claims one place for each assignment until its units are let go, an ended one none",
        );
        store::each_plan(&self.database, tenant, |it| {
            let id = it.plan.id;
            match it.announcement.map(Told::read) {
                Some(Some(told)) => {
                    units.check(told.adds_up(), || {
                        format!("{id} was announced with other units than asked for")
                    });
                    capacity.check(told.is_claimed_by(it.plan), || {
                        format!("the claims of {id} are not those of its assignments")
                    });
                }
                Some(None) => units.check(false, || format!("what was announced of {id} cannot be read")),
                None => units.check(it.plan.made.is_none(), || format!("{id} was never announced")),
            }
        })
        .await?;
        let mut days = LawReport::new(
            "capacity_days",
            "law 7: the counter of a location's day is the number of claims that stand on it",
        );
        store::each_day(&self.database, tenant, |(_, location, date), counted, standing| {
            days.check(counted == standing, || {
                format!("{location} counts {counted} claims on {date}, and {standing} stand")
            });
        })
        .await?;
        Ok(vec![units, capacity, days])
    }

    async fn list_facts(&self, set: &str, _: &str, _: usize) -> Result<Vec<Fact>, AuditError> {
        Err(AuditError::UnknownSet(set.to_owned()))
    }
}

/// What was announced of a plan.
struct Told {
    asked: Vec<LineUnits>,
    planned: proto::Planned,
    unfillable: proto::Unfillable,
}

impl Told {
    fn read(row: &Announcement) -> Option<Self> {
        Some(Self {
            asked: serde_json::from_str(&row.asked).ok()?,
            planned: proto::Planned::decode(row.planned.as_slice()).ok()?,
            unfillable: proto::Unfillable::decode(row.unfillable.as_slice()).ok()?,
        })
    }

    fn adds_up(&self) -> bool {
        let mut asked: BTreeMap<(String, String), i64> = BTreeMap::new();
        for units in &self.asked {
            let key = (units.line.to_string(), units.item.to_string());
            *asked.entry(key).or_default() += i64::from(units.quantity);
        }
        let assigned = self.planned.assignments.iter().flat_map(|assignment| &assignment.units);
        let mut told: BTreeMap<(String, String), i64> = BTreeMap::new();
        for ProtoUnits { line_id, item_id, quantity } in assigned.chain(&self.unfillable.units) {
            *told.entry((line_id.clone(), item_id.clone())).or_default() += quantity;
        }
        asked == told
    }

    /// One claim for each assignment, on its day, and each as the plan's state says.
    fn is_claimed_by(&self, plan: &Plan) -> bool {
        let place =
            |claim: &Claim| (claim.location.to_string(), claim.group.clone(), claim.ship_date.to_string());
        let claimed: BTreeSet<_> = plan.claims.iter().map(place).collect();
        let assigned: BTreeSet<_> = self
            .planned
            .assignments
            .iter()
            .map(|it| (it.location_id.clone(), it.group.clone(), it.ship_date.clone()))
            .collect();
        claimed == assigned && plan.claims.len() == self.planned.assignments.len() && plan.holds()
    }
}

#[cfg(test)]
mod tests {
    use qm_ids::{Id, ItemId, LineId, LocationId, OrderId, PlanId, Uuid};

    use super::*;

    fn id<T: Id>(n: u128) -> T {
        T::from_uuid(Uuid::from_u128(n))
    }

    /// Three units asked for; two assigned to location 5, one not.
    fn told() -> Told {
        let units = |quantity: i64| {
            vec![ProtoUnits {
                line_id: id::<LineId>(1).to_string(),
                item_id: id::<ItemId>(2).to_string(),
                quantity,
            }]
        };
        let assignment = proto::Assignment {
            location_id: id::<LocationId>(5).to_string(),
            group: "ship:standard:ambient".to_owned(),
            units: units(2),
            ship_date: "2026-03-02".to_owned(),
            ..proto::Assignment::default()
        };
        Told {
            asked: vec![LineUnits { line: id(1), item: id(2), quantity: 3 }],
            planned: proto::Planned { assignments: vec![assignment], ..proto::Planned::default() },
            unfillable: proto::Unfillable { units: units(1), ..proto::Unfillable::default() },
        }
    }

    fn plan() -> Plan {
        let claim = Claim {
            location: id(5),
            group: "ship:standard:ambient".to_owned(),
            ship_date: "2026-03-02".parse().unwrap(),
            units: vec![LineUnits { line: id(1), item: id(2), quantity: 2 }],
            issued_at: None,
            ended_at: None,
        };
        Plan { claims: vec![claim], ..Plan::tombstone(id::<TenantId>(7), id::<PlanId>(8), id::<OrderId>(9)) }
    }

    #[test]
    fn units_that_are_lost_or_doubled_are_found() {
        assert!(told().adds_up());
        for change in [-1, 1] {
            let mut told = told();
            told.planned.assignments[0].units[0].quantity += change;
            assert!(!told.adds_up());
        }
        assert!(!Told { unfillable: proto::Unfillable::default(), ..told() }.adds_up());
    }

    #[test]
    fn claims_that_are_not_those_of_the_assignments_are_found() {
        assert!(told().is_claimed_by(&plan()));
        type Change = fn(&mut Plan);
        let changes: [Change; 5] = [
            |plan| plan.claims.clear(),
            |plan| plan.claims.push(plan.claims[0].clone()),
            |plan| plan.claims[0].ship_date = "2026-03-03".parse().unwrap(),
            |plan| plan.claims[0].units.clear(),
            |plan| plan.claims[0].ended_at = Some("2026-03-02T08:00:00Z".parse().unwrap()),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut plan = plan();
            change(&mut plan);
            assert!(!told().is_claimed_by(&plan), "change {index}");
        }
    }
}
