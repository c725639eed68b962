//! What others are told.

use chrono::{DateTime, Utc};
use qm_ids::{ItemId, LineId, LocationId, OrderId, PlanId, ReservationId, TenantId};

/// An event with whose it is and the trace of what caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whose.
    pub tenant: TenantId,
    /// The trace of its cause.
    pub trace: Option<String>,
    /// What happened.
    pub event: Event,
}

/// Less was available than planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Where.
    pub location: LocationId,
    /// Of what.
    pub item: ItemId,
    /// Units wanted.
    pub requested: i64,
    /// Units that the plan could have had.
    pub available: i64,
}

/// What happened to stock and claims. The contract says more of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Reserved {
        reservation: ReservationId,
        order: OrderId,
        announced: Vec<u8>,
    },
    Rejected {
        order: OrderId,
        attempt: i32,
        plan: PlanId,
        shortages: Vec<Shortage>,
    },
    Released {
        order: OrderId,
        reservation: ReservationId,
        plan: PlanId,
        ended: bool,
    },
    ReservationBroken {
        order: OrderId,
        reservation: ReservationId,
        plan: PlanId,
        location: LocationId,
        line: LineId,
        item: ItemId,
        quantity: i64,
    },
    AvailabilityIncreased {
        item: ItemId,
        location: LocationId,
        quantity: i64,
        held: i64,
        held_until: Option<DateTime<Utc>>,
    },
    LowStock {
        item: ItemId,
        sku: String,
        location: LocationId,
        available: i64,
        threshold: i64,
    },
}
