//! What order asks for: a source for the units of one attempt. With the facts of the items it becomes a demand.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{ItemId, LineId, OrderId, PlanId, TenantId, derive};
use serde::{Deserialize, Serialize};

use super::demand::{
    ComplianceClass, Demand, DemandLine, Destination, Exclusion, FulfilmentKind, StorageClass,
};

/// An attempt that needs a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Whose.
    pub tenant: TenantId,
    /// The order.
    pub order: OrderId,
    /// Revision of the order that the attempt was minted at.
    pub revision: i64,
    /// Number of the attempt within the order, from 1.
    pub attempt: i32,
    /// Higher goes first when stock is short.
    pub priority: i32,
    /// True when the units waited for stock and may draw on what was set aside for those who wait.
    pub for_backorder: bool,
    /// The units, each line and item once.
    pub units: Vec<LineUnits>,
    /// Where not to look.
    pub exclusions: Vec<Exclusion>,
    /// Carried to the shopper, or collected.
    pub kind: FulfilmentKind,
    /// The service level that was sold.
    pub service_level: String,
    /// Local date promised.
    pub promise_by: Option<NaiveDate>,
    /// Where the goods go.
    pub destination: Destination,
    /// When the order was placed.
    pub placed_at: DateTime<Utc>,
}

/// Units of one order line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineUnits {
    /// The line.
    pub line: LineId,
    /// Its item.
    pub item: ItemId,
    /// Units of the item's base unit.
    pub quantity: u32,
}

/// What routing knows of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFacts {
    /// Shipping weight of one unit.
    pub weight_grams: u32,
    /// How it must be kept.
    pub storage: StorageClass,
    /// The licence that a location needs for it.
    pub restricted: Option<ComplianceClass>,
    /// Whether suppliers may ship it for us.
    pub drop_ship: bool,
    /// Where its units come from.
    pub supply: Supply,
}

/// Where units of an item come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supply {
    /// From stock that inventory or a supplier counts.
    Stock,
    /// Made on demand, without end, at virtual locations.
    Generated,
    /// A service: without end, at every location that may otherwise do the work.
    Service,
}

impl Supply {
    /// The word that tables use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Generated => "generated",
            Self::Service => "service",
        }
    }

    /// The reverse of [`as_str`](Self::as_str).
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Stock, Self::Generated, Self::Service].into_iter().find(|supply| supply.as_str() == word)
    }
}

/// The plan of an order's attempt.
pub fn plan_of(order: OrderId, attempt: i32) -> PlanId {
    derive(order.as_uuid(), "plan", attempt.unsigned_abs().into())
}

impl Request {
    /// The attempt's plan. It derives from order and attempt, so that a repeated request meets its own plan.
    pub fn plan(&self) -> PlanId {
        plan_of(self.order, self.attempt)
    }

    /// The demand that a policy plans, or the first item whose facts are not known.
    pub fn demand(&self, items: &HashMap<ItemId, ItemFacts>) -> Result<Demand, ItemId> {
        let line = |units: &LineUnits| {
            let facts = items.get(&units.item).ok_or(units.item)?;
            Ok(DemandLine {
                line_id: units.line,
                item: units.item,
                quantity: units.quantity,
                weight_grams: facts.weight_grams,
                storage: facts.storage,
                restricted: facts.restricted.clone(),
                drop_ship: facts.drop_ship,
            })
        };
        Ok(Demand {
            destination: self.destination.clone(),
            kind: self.kind,
            service_level: self.service_level.clone(),
            placed_at: self.placed_at,
            promise_by: self.promise_by,
            lines: self.units.iter().map(line).collect::<Result<_, ItemId>>()?,
            exclusions: self.exclusions.clone(),
        })
    }
}
