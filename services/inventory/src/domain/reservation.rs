//! The claim of a plan: its header and its legs.

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{ItemId, LineId, LocationId, OrderId, PlanId, ReservationId, TenantId, derive};

use super::stock::{StockKey, stock_id};

/// Names a reservation.
pub type ReservationKey = (TenantId, ReservationId);

/// Names a leg: its reservation and its position in the plan.
pub type LegKey = (TenantId, ReservationId, i32);

/// The id of the reservation of a plan.
pub fn reservation_id(plan: PlanId) -> ReservationId {
    derive(plan.as_uuid(), "reservation", 0)
}

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Some of its units are claimed.
    Live,
    /// It was let go as a whole, perhaps before it came to be: a tombstone.
    Released,
    /// None of its units is claimed any longer: the last of them left, or were let go one by one.
    Ended,
    /// None of its units is claimed any longer: the last of them lost their claim to a fact.
    Broken,
}

impl State {
    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Released => "released",
            Self::Ended => "ended",
            Self::Broken => "broken",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Live, Self::Released, Self::Ended, Self::Broken].into_iter().find(|state| state.word() == word)
    }
}

/// A reservation without its legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Whose.
    pub tenant: TenantId,
    /// Its id, derived from the plan.
    pub id: ReservationId,
    /// The plan.
    pub plan: PlanId,
    /// The order.
    pub order: OrderId,
    /// The plan's attempt.
    pub attempt: i32,
    /// Higher keeps its claim longer.
    pub priority: i32,
    /// What became of it.
    pub state: State,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// The plan as routing announced it, encoded; empty for a tombstone.
    pub announced: Vec<u8>,
}

/// Units of one line that a plan claims at one location. Each unit ends once: released, issued or broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Whose.
    pub tenant: TenantId,
    /// The reservation.
    pub reservation: ReservationId,
    /// Position in the plan.
    pub position: i32,
    /// Where.
    pub location: LocationId,
    /// The order line.
    pub line: LineId,
    /// Of what.
    pub item: ItemId,
    /// Units claimed, > 0.
    pub quantity: i64,
    /// Units let go.
    pub released: i64,
    /// Units that left.
    pub issued: i64,
    /// Units that lost their claim to a fact.
    pub broken: i64,
    /// Local date by which its units arrive; none when nothing is promised.
    pub promised: Option<NaiveDate>,
    /// True when its units stand in a stock row's `allocated`; false for items that are not stocked.
    pub stocked: bool,
    /// True once picking has begun: it cannot be broken any more.
    pub picked: bool,
}

impl Leg {
    /// Units still claimed.
    pub fn open(&self) -> i64 {
        self.quantity - self.released - self.issued - self.broken
    }

    /// Its name.
    pub fn key(&self) -> LegKey {
        (self.tenant, self.reservation, self.position)
    }

    /// The stock row that it claims from.
    pub fn stock_key(&self) -> StockKey {
        (self.tenant, stock_id(self.item, self.location))
    }

    /// True when it is for these units.
    pub fn is_for(&self, location: LocationId, line: LineId, item: ItemId) -> bool {
        (self.location, self.line, self.item) == (location, line, item)
    }
}

/// Units of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineUnits {
    /// The order line.
    pub line: LineId,
    /// Of what.
    pub item: ItemId,
    /// Units, > 0.
    pub quantity: i64,
}

/// Units of one line at one location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocationUnits {
    /// Where.
    pub location: LocationId,
    /// The units.
    pub units: LineUnits,
}
