//! What others were told of plans, put back into a database that has forgotten it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use prost::Message as _;
use qm_database::Tx;
use qm_ids::OrderId;
use qm_messaging::HandleError;
use qm_proto::routing::v1 as proto;

use crate::{
    domain::{Claim, LineUnits, Plan},
    store::{self, Announcement, Key},
};

/// In the place of an explanation: why it was decided so, nobody was told.
const EXPLANATION: &str = r#"{"remembered":true}"#;

/// Something that others were told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Where units come from.
    Planned {
        /// As it was announced.
        announced: proto::Planned,
        /// The places that it takes.
        claims: Vec<Claim>,
    },
    /// Units without a source.
    Unfillable {
        /// As it was announced.
        announced: proto::Unfillable,
        /// The units.
        units: Vec<LineUnits>,
    },
}

/// Puts it back, in the order in which it was told.
pub async fn remember(tx: &Tx, told: Vec<(Key, OrderId, DateTime<Utc>, Told)>) -> Result<(), HandleError> {
    let before = store::lock_many(tx, told.iter().map(|it| it.0)).await?;
    let mut announcements: BTreeMap<Key, Announcement> =
        store::announcements(tx, told.iter().map(|it| it.0)).await?.into_iter().collect();
    let mut after = before.clone();
    for (key, order, at, told) in told {
        let plan = after.entry(key).or_insert_with(|| Plan::tombstone(key.0, key.1, order));
        let announcement = announcements.entry(key).or_insert_with(|| nothing(key));
        match told {
            Told::Planned { announced, claims } => {
                let is_new = plan.claims.is_empty();
                let units = claims.iter().flat_map(|claim| claim.units.clone()).collect();
                plan.remember_planned(announced.attempt, announced.cost_minor, claims, at);
                if is_new {
                    announcement.planned = announced.encode_to_vec();
                    ask_for(announcement, units)?;
                }
            }
            Told::Unfillable { announced, units } => {
                if plan.remember_unfilled(announced.attempt, at) {
                    announcement.unfillable = announced.encode_to_vec();
                    ask_for(announcement, units)?;
                }
            }
        }
    }
    store::save(tx, &before, &after).await?;
    Ok(store::replace(tx, announcements.into_values().collect()).await?)
}

fn nothing((tenant_id, plan_id): Key) -> Announcement {
    Announcement {
        tenant_id,
        plan_id,
        asked: "[]".to_owned(),
        planned: Vec::new(),
        unfillable: Vec::new(),
        explanation: EXPLANATION.to_owned(),
    }
}

/// Whatever was told of was asked for.
fn ask_for(announcement: &mut Announcement, more: Vec<LineUnits>) -> Result<(), HandleError> {
    let failed = |error: serde_json::Error| HandleError::Failed(format!("units asked for: {error}"));
    let mut asked: Vec<LineUnits> = serde_json::from_str(&announcement.asked).map_err(failed)?;
    for units in more {
        match asked.iter_mut().find(|it| (it.line, it.item) == (units.line, units.item)) {
            Some(it) => it.quantity = it.quantity.saturating_add(units.quantity),
            None => asked.push(units),
        }
    }
    announcement.asked = serde_json::to_string(&asked).map_err(failed)?;
    Ok(())
}
