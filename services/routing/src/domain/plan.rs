//! A plan after it was made: the claims on capacity that it holds, and how they end.
//!
//! A claim is one shipment of a location's day. It ends when all its units are let go (released, rejected, broken), and
//! its place in the day is free again. Once its units were issued the place is used up: it counts for its day for ever.

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{FulfilmentId, ItemId, LineId, LocationId, OrderId, PlanId, TenantId, derive};
use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::request::{LineUnits, Request};

/// A plan, or the tombstone of one that was let go before it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whose.
    pub tenant: TenantId,
    /// Derived from order and attempt.
    pub id: PlanId,
    /// The order.
    pub order: OrderId,
    /// What was decided; absent in a tombstone.
    pub made: Option<Made>,
    /// What was let go before the plan was made.
    pub early: Vec<LetGo>,
    /// When the last of it was let go, and why. Absent while it stands: it is carried out, or was.
    pub ended: Option<(DateTime<Utc>, EndReason)>,
    /// One for each assignment, from when the plan was made.
    pub claims: Vec<Claim>,
}

/// What was decided, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The attempt.
    pub attempt: i32,
    /// How much of it has a source.
    pub outcome: Outcome,
    /// Planned cost of transport and handling, minor units.
    pub cost_minor: i64,
    /// When.
    pub at: DateTime<Utc>,
}

/// How much of an attempt has a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// All units.
    Planned,
    /// Some units.
    PartiallyPlanned,
    /// None.
    Unfillable,
}

/// Why a plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Inventory could not reserve it.
    Rejected,
    /// Order no longer wants it.
    Released,
    /// Its stock turned out not to be there.
    Broken,
}

/// A place in a location's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Where.
    pub location: LocationId,
    /// The group, in the form that contracts use.
    pub group: String,
    /// The local date.
    pub ship_date: NaiveDate,
    /// The units that are still wanted of it.
    pub units: Vec<LineUnits>,
    /// When its units left; from then on the place is used up.
    pub issued_at: Option<DateTime<Utc>>,
    /// When the last of its units was let go.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Units that are no longer wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetGo {
    /// The units; empty for all of the plan.
    pub units: Vec<LocationUnits>,
}

/// Units of one line at one location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationUnits {
    /// Where.
    pub location: LocationId,
    /// The line.
    pub line: LineId,
    /// Its item.
    pub item: ItemId,
    /// How many.
    pub quantity: u32,
}

impl Outcome {
    /// The word that tables and metrics use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::PartiallyPlanned => "partially_planned",
            Self::Unfillable => "unfillable",
        }
    }

    /// The reverse of [`word`](Self::word).
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Planned, Self::PartiallyPlanned, Self::Unfillable].into_iter().find(|it| it.word() == word)
    }

    fn of(decision: &Decision) -> Self {
        match (decision.assignments.is_empty(), decision.unfilled.is_empty()) {
            (true, _) => Self::Unfillable,
            (false, false) => Self::PartiallyPlanned,
            (false, true) => Self::Planned,
        }
    }
}

impl EndReason {
    /// The word that tables use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Released => "released",
            Self::Broken => "broken",
        }
    }

    /// The reverse of [`word`](Self::word).
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Rejected, Self::Released, Self::Broken].into_iter().find(|it| it.word() == word)
    }
}

impl Claim {
    /// True while it takes a place in its day.
    pub fn counts(&self) -> bool {
        self.ended_at.is_none()
    }

    /// The work that this becomes; order derives the same.
    fn fulfilment(&self, plan: PlanId) -> FulfilmentId {
        derive(plan.as_uuid(), &format!("fulfilment/{}/{}", self.location, self.group), 0)
    }
}

impl Plan {
    /// A tombstone: the plan was let go before it was made.
    pub fn tombstone(tenant: TenantId, id: PlanId, order: OrderId) -> Self {
        Self { tenant, id, order, made: None, early: Vec::new(), ended: None, claims: Vec::new() }
    }

    /// The plan of a request. With a tombstone, what it says was let go is so from the beginning.
    pub fn make(
        request: &Request,
        decision: &Decision,
        tombstone: Option<&Self>,
        now: DateTime<Utc>,
    ) -> Self {
        let claims = decision.assignments.iter().map(|assignment| Claim {
            location: assignment.location,
            group: assignment.group.to_string(),
            ship_date: assignment.ship_date,
            units: assignment
                .lines
                .iter()
                .map(|line| LineUnits { line: line.line_id, item: line.item, quantity: line.quantity })
                .collect(),
            issued_at: None,
            ended_at: None,
        });
        let spent = decision.assignments.iter().map(|assignment| assignment.cost.spent().0);
        let mut plan = Self {
            made: Some(Made {
                attempt: request.attempt,
                outcome: Outcome::of(decision),
                cost_minor: spent.fold(0, i64::saturating_add),
                at: now,
            }),
            early: tombstone.map(|it| it.early.clone()).unwrap_or_default(),
            claims: claims.collect(),
            ..Self::tombstone(request.tenant, request.plan(), request.order)
        };
        for let_go in plan.early.clone() {
            plan.end_units(&let_go, EndReason::Released, now);
        }
        plan
    }

    /// What was announced of a plan that is not known any more: places for its assignments. One that is known was announced
    /// again.
    pub fn remember_planned(&mut self, attempt: i32, cost_minor: i64, claims: Vec<Claim>, at: DateTime<Utc>) {
        if !self.claims.is_empty() {
            self.repeat();
            return;
        }
        let outcome = if self.made.is_some() { Outcome::PartiallyPlanned } else { Outcome::Planned };
        self.made = Some(Made { attempt, outcome, cost_minor, at });
        self.claims = claims;
        for let_go in self.early.clone() {
            self.end_units(&let_go, EndReason::Released, at);
        }
    }

    /// The same of units without a source. False when they were known.
    pub fn remember_unfilled(&mut self, attempt: i32, at: DateTime<Utc>) -> bool {
        let made = self.made.unwrap_or(Made { attempt, outcome: Outcome::Unfillable, cost_minor: 0, at });
        let is_new = self.made.is_none_or(|made| made.outcome == Outcome::Planned);
        let outcome = if made.outcome == Outcome::Planned { Outcome::PartiallyPlanned } else { made.outcome };
        self.made = Some(Made { outcome, ..made });
        is_new
    }

    /// It is announced again. What inventory could not reserve it may reserve now, so it claims its places again.
    pub fn repeat(&mut self) {
        if let Some((_, EndReason::Rejected)) = self.ended {
            for claim in self.claims.iter_mut().filter(|claim| !claim.units.is_empty()) {
                claim.ended_at = None;
                self.ended = None;
            }
        }
    }

    /// Units are no longer wanted. Before the plan is made that is kept for it.
    pub fn let_go(&mut self, let_go: LetGo, reason: EndReason, now: DateTime<Utc>) {
        match self.made {
            Some(_) => self.end_units(&let_go, reason, now),
            None => self.early.push(let_go),
        }
    }

    /// Nothing of it could be reserved. Of a plan of which units left this says no more than that nothing is reserved any
    /// longer, and what became of the rest is told on its own.
    pub fn reject(&mut self, now: DateTime<Utc>) {
        if self.claims.iter().any(|claim| claim.issued_at.is_some()) {
            return;
        }
        for claim in &mut self.claims {
            claim.ended_at.get_or_insert(now);
        }
        self.settle(EndReason::Rejected, now);
    }

    /// Units of a fulfilment left. That is a fact: the place is used up even if it had been let go.
    pub fn issue(&mut self, fulfilment: FulfilmentId, now: DateTime<Utc>) {
        let id = self.id;
        for claim in self.claims.iter_mut().filter(|claim| claim.fulfilment(id) == fulfilment) {
            claim.issued_at.get_or_insert(now);
            claim.ended_at = None;
        }
        self.settle(EndReason::Released, now);
    }

    fn end_units(&mut self, let_go: &LetGo, reason: EndReason, now: DateTime<Utc>) {
        for claim in &mut self.claims {
            if let_go.units.is_empty() {
                claim.units.clear();
            }
            for units in let_go.units.iter().filter(|units| units.location == claim.location) {
                for held in claim.units.iter_mut().filter(|it| it.line == units.line && it.item == units.item)
                {
                    held.quantity = held.quantity.saturating_sub(units.quantity);
                }
            }
            claim.units.retain(|units| units.quantity > 0);
            if claim.units.is_empty() && claim.issued_at.is_none() {
                claim.ended_at.get_or_insert(now);
            }
        }
        self.settle(reason, now);
    }

    /// It stands while a claim counts.
    fn settle(&mut self, reason: EndReason, now: DateTime<Utc>) {
        if self.claims.iter().any(Claim::counts) {
            self.ended = None;
        } else if !self.claims.is_empty() {
            self.ended.get_or_insert((now, reason));
        }
    }

    /// True when its claims are as its state says: while it stands, a place counts exactly as long as units of it are
    /// wanted or have left; once it ended, none counts.
    pub fn holds(&self) -> bool {
        let is_needed = |claim: &Claim| !claim.units.is_empty() || claim.issued_at.is_some();
        match self.ended {
            Some(_) => !self.claims.iter().any(Claim::counts),
            None => {
                let is_over = !self.claims.is_empty() && !self.claims.iter().any(Claim::counts);
                !is_over && self.claims.iter().all(|claim| claim.counts() == is_needed(claim))
            }
        }
    }
}
