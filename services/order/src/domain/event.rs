//! What can happen to an order.

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{FulfilmentId, HoldId, LineId, LocationId, PlanId, ReservationId};

use super::{
    order::{Exclusion, Hold, LineUnits, Order},
    piece::{Bucket, UnitRange},
    work::{Fulfilment, Journey, RecallIntent, Report},
};

/// Rejections in a row after which units are backordered instead of tried again.
pub const MAX_REJECTIONS: i32 = 5;

/// Why units need a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourcingReason {
    /// A new order.
    Placed,
    /// Inventory could not reserve the plan before.
    Rejected,
    /// Stock arrived for backordered units.
    Backorder,
    /// A location could not fulfil.
    ShortPick,
    /// A reservation was broken.
    ReservationBroken,
}

/// Why a claim on stock is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The order no longer wants the units.
    Cancelled,
    /// The plan answered an attempt that was superseded.
    Stale,
    /// The location could not find the units.
    ShortPick,
    /// The location declined the work.
    Declined,
}

/// A fact about an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It exists.
    Placed(Box<Order>),
    /// Units need a source: the attempt is minted and routing is asked.
    SourcingRequested {
        /// The attempt's number.
        attempt: i32,
        /// Why.
        reason: SourcingReason,
        /// Rejections in a row that led here.
        rejections: i32,
        /// Where not to look.
        exclusions: Vec<Exclusion>,
        /// The units.
        units: Vec<UnitRange>,
        /// The attempt sees all stock whose arrival was handled until then.
        sees_until: DateTime<Utc>,
        /// When to ask again.
        due_at: DateTime<Utc>,
    },
    /// Routing is asked again for what still waits.
    SourcingRepeated {
        /// The attempt's number.
        attempt: i32,
        /// When to ask again.
        due_at: DateTime<Utc>,
    },
    /// No unit waits for the attempt any more.
    AttemptClosed {
        /// The attempt's number.
        attempt: i32,
    },
    /// An attempt was told which of its units no location can fill, or that it failed for the last time.
    FoundNothing {
        /// The attempt's number.
        attempt: i32,
    },
    /// Units wait for stock.
    Backordered {
        /// The units.
        units: Vec<UnitRange>,
        /// True when they had waited before.
        again: bool,
    },
    /// A location got work, and stock is reserved for it.
    FulfilmentPlanned {
        /// The work.
        fulfilment: Fulfilment,
        /// Its units.
        units: Vec<UnitRange>,
    },
    /// A claim was broken before it was told that it stood.
    BrokenEarly {
        /// The attempt whose plan it was for.
        attempt: i32,
        /// Where.
        location: LocationId,
        /// The units.
        units: LineUnits,
    },
    /// The promise of the plans that stand.
    PromiseChanged {
        /// Local date.
        promise: Option<NaiveDate>,
    },
    /// Every unit in play is backed.
    Allocated,
    /// An executor is asked to fulfil.
    FulfilmentRequested {
        /// Which.
        fulfilment: FulfilmentId,
        /// The units, summed by line.
        units: Vec<LineUnits>,
        /// When to ask again.
        due_at: DateTime<Utc>,
    },
    /// The executor is asked again.
    FulfilmentRepeated {
        /// Which.
        fulfilment: FulfilmentId,
        /// When to ask again.
        due_at: DateTime<Utc>,
    },
    /// The executor has the work.
    FulfilmentOpened {
        /// Which.
        fulfilment: FulfilmentId,
    },
    /// An executor is asked not to fulfil.
    RecallRequested {
        /// Which.
        fulfilment: FulfilmentId,
        /// What becomes of the units.
        intent: RecallIntent,
        /// When to ask again.
        due_at: DateTime<Utc>,
    },
    /// The executor is asked for the recall again.
    RecallRepeated {
        /// Which.
        fulfilment: FulfilmentId,
        /// When to ask again.
        due_at: DateTime<Utc>,
    },
    /// It was too late for the recall.
    RecallRefused {
        /// Which.
        fulfilment: FulfilmentId,
        /// What was to become of the units.
        intent: RecallIntent,
    },
    /// Nothing of a fulfilment is left to do.
    FulfilmentEnded {
        /// Which.
        fulfilment: FulfilmentId,
    },
    /// An executor reported something; told again, it means the same units.
    Reported {
        /// Of which work.
        fulfilment: FulfilmentId,
        /// What.
        report: Report,
    },
    /// A shipment got somewhere.
    Travelled {
        /// Of which work.
        fulfilment: FulfilmentId,
        /// Where to; replaces what was known of the shipment.
        journey: Journey,
    },
    /// Units in work lost their claim on stock.
    ClaimBroken {
        /// The work.
        fulfilment: FulfilmentId,
        /// The line.
        line: LineId,
        /// How many, > 0.
        quantity: i64,
    },
    /// Units without a claim left the work: nothing was released for them.
    BrokenLeft {
        /// The work.
        fulfilment: FulfilmentId,
        /// The line.
        line: LineId,
        /// How many, > 0.
        quantity: i64,
    },
    /// Units went on to another bucket with what backs them.
    Moved {
        /// The units.
        units: Vec<UnitRange>,
        /// Where to.
        to: Bucket,
    },
    /// Units will not be delivered.
    UnitsCancelled {
        /// The units.
        units: Vec<UnitRange>,
        /// In words.
        reason: String,
    },
    /// A claim on stock, or some of its units, is let go.
    ReleaseRequested {
        /// The claim.
        reservation: ReservationId,
        /// Its plan.
        plan: PlanId,
        /// The units by location; empty for all.
        units: Vec<(LocationId, LineUnits)>,
        /// Why.
        reason: ReleaseReason,
    },
    /// A hold stands.
    HoldPlaced(Hold),
    /// A hold was lifted.
    HoldReleased {
        /// Which.
        hold: HoldId,
        /// When.
        at: DateTime<Utc>,
    },
    /// Nothing is left in play and nothing was delivered.
    Cancelled {
        /// In words.
        reason: String,
    },
    /// Nothing is left in play and something was delivered.
    Completed,
}

impl Event {
    /// True when whoever read the order before no longer knows it. That something is asked once more, that a claim which
    /// nobody wants is let go, and what is only kept in mind is nothing that a person could have seen: their change must
    /// not fail because of it.
    pub fn is_change(&self) -> bool {
        match self {
            Self::SourcingRepeated { .. }
            | Self::FulfilmentRepeated { .. }
            | Self::RecallRepeated { .. }
            | Self::ReleaseRequested { .. }
            | Self::FoundNothing { .. }
            | Self::BrokenEarly { .. }
            | Self::ClaimBroken { .. }
            | Self::BrokenLeft { .. }
            | Self::Reported { .. }
            | Self::Travelled { .. } => false,
            Self::Placed(_)
            | Self::SourcingRequested { .. }
            | Self::AttemptClosed { .. }
            | Self::Backordered { .. }
            | Self::FulfilmentPlanned { .. }
            | Self::PromiseChanged { .. }
            | Self::Allocated
            | Self::FulfilmentRequested { .. }
            | Self::FulfilmentOpened { .. }
            | Self::RecallRequested { .. }
            | Self::RecallRefused { .. }
            | Self::FulfilmentEnded { .. }
            | Self::Moved { .. }
            | Self::UnitsCancelled { .. }
            | Self::HoldPlaced(_)
            | Self::HoldReleased { .. }
            | Self::Cancelled { .. }
            | Self::Completed => true,
        }
    }
}
