//! What people and systems of record report: receive, adjust, count. A fact is always recorded; where it leaves less
//! than is claimed, claims break (design §4, law 3).

use std::cmp::Reverse;

use qm_refusal::Refusal;

use super::{
    book::{Book, Cause, Delta},
    event::Event,
    reservation::{LegKey, State},
    stock::StockKey,
};

/// Most units that one report may speak of.
const MAX_QUANTITY: i64 = 1_000_000_000;
/// Most units of one item at one location; far from where sums overflow.
const MAX_SELLABLE: i64 = 1_000_000_000_000;

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementKind {
    /// Goods arrived: units > 0.
    Receive,
    /// A correction: units, not 0, are added.
    Adjust,
    /// A count: so many units, >= 0, are sellable now.
    Count,
}

impl MovementKind {
    fn word(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Adjust => "adjust",
            Self::Count => "count",
        }
    }
}

/// A report of one stock row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMovement {
    /// The stock row; it must be in the book.
    pub stock: StockKey,
    /// What is reported.
    pub kind: MovementKind,
    /// Units, as the kind says.
    pub quantity: i64,
    /// Why; required for adjust.
    pub reason: String,
    /// The reporter's own reference.
    pub reference: String,
    /// The version that the reporter saw; 0 for any.
    pub expected_version: i64,
}

impl NewMovement {
    /// Refuses what no stock row would allow, naming the field.
    pub fn check(&self) -> Result<(), Refusal> {
        let fits = match self.kind {
            MovementKind::Receive => (1..=MAX_QUANTITY).contains(&self.quantity),
            MovementKind::Adjust => self.quantity != 0 && self.quantity.unsigned_abs() <= MAX_QUANTITY as u64,
            MovementKind::Count => (0..=MAX_QUANTITY).contains(&self.quantity),
        };
        if !fits {
            let message = match self.kind {
                MovementKind::Receive => "must be 1 to 1000000000",
                MovementKind::Adjust => "must be -1000000000 to 1000000000 and not 0",
                MovementKind::Count => "must be 0 to 1000000000",
            };
            return Err(Refusal::invalid("quantity", "out_of_range", message));
        }
        if self.kind == MovementKind::Adjust && self.reason.trim().is_empty() {
            return Err(Refusal::invalid("reason", "required", "an adjustment needs a reason"));
        }
        if self.expected_version < 0 {
            return Err(Refusal::invalid("expected_version", "out_of_range", "must not be negative"));
        }
        Ok(())
    }
}

impl Book {
    /// Records a report, or refuses it: another version than expected, or a sellable quantity that cannot be.
    pub fn report(&mut self, report: &NewMovement, cause: &Cause) -> Result<(), Refusal> {
        report.check()?;
        let stock = self.stock().get(&report.stock).ok_or_else(|| Refusal::not_found("stock"))?;
        if report.expected_version != 0 && report.expected_version != stock.version {
            let message = format!("the stock row is at version {}", stock.version);
            return Err(Refusal::precondition_failed(message).at("expected_version"));
        }
        let sellable = match report.kind {
            MovementKind::Receive | MovementKind::Adjust => stock.sellable + report.quantity,
            MovementKind::Count => report.quantity,
        };
        if sellable < 0 {
            let message = format!("only {} units are on the books", stock.sellable);
            return Err(Refusal::conflict("below_zero", message).at("quantity"));
        }
        if sellable > MAX_SELLABLE {
            let message = format!("more than {MAX_SELLABLE} units of one item at one location");
            return Err(Refusal::invalid("quantity", "out_of_range", message));
        }
        let delta = sellable - stock.sellable;
        self.begin(report.stock.0, cause);
        let excess = self.break_claims(report.stock, sellable);
        let delta = Delta { sellable: delta, ..Delta::default() };
        self.record(report.stock, report.kind.word(), delta, &report.reason, &report.reference);
        if excess > 0 {
            // What is being picked is there, whatever was reported.
            let delta = Delta { sellable: excess, ..Delta::default() };
            self.record(report.stock, "adjust", delta, "recorded_shortage", &report.reference);
        }
        self.settle();
        Ok(())
    }

    /// The lowest sellable quantity that these reports pass through, below which claims would break.
    pub fn lowest<'r>(&self, key: StockKey, reports: impl Iterator<Item = &'r NewMovement>) -> i64 {
        let mut sellable = self.stock().get(&key).map_or(0, |stock| stock.sellable);
        let mut lowest = sellable;
        for report in reports.filter(|report| report.stock == key) {
            sellable = match report.kind {
                MovementKind::Count => report.quantity,
                _ => sellable.saturating_add(report.quantity),
            };
            lowest = lowest.min(sellable);
        }
        lowest
    }

    /// Breaks claims until no more than `sellable` units are claimed: holds first, then reservations of the lowest
    /// priority, among those the latest promise (none is the latest), and of equal ones the latest planned. Returns by how much the claims of what is being picked still exceed it.
    fn break_claims(&mut self, key: StockKey, sellable: i64) -> i64 {
        let Some(stock) = self.stock().get(&key) else { return 0 };
        let mut excess = stock.claims() - sellable;
        if excess <= 0 {
            return 0;
        }
        let mut holds: Vec<_> = self.holds_at(key).map(|hold| (Reverse(hold.expires_at), hold.id)).collect();
        holds.sort_unstable();
        for (_, hold) in holds {
            let taken = self.shrink_hold((key.0, hold), excess);
            if taken > 0 {
                excess -= taken;
                let delta = Delta { soft_reserved: -taken, ..Delta::default() };
                self.record(key, "release", delta, "hold broken", &hold.to_string());
            }
        }
        for leg in self.breakable(key) {
            if excess <= 0 {
                break;
            }
            excess -= self.break_leg(leg, excess);
        }
        excess
    }

    /// The claims on a stock row that may be broken, the first to go first.
    fn breakable(&self, key: StockKey) -> Vec<LegKey> {
        let of = self.stock().get(&key).map(|row| (row.tenant, row.item, row.location));
        let mut legs: Vec<_> = self
            .legs()
            .values()
            .filter(|leg| of == Some((leg.tenant, leg.item, leg.location)))
            .filter(|leg| leg.stocked && !leg.picked && leg.open() > 0)
            .filter_map(|leg| {
                let reservation = self.reservations().get(&(leg.tenant, leg.reservation))?;
                let promise = (leg.promised.is_some(), Reverse(leg.promised));
                let age = (Reverse(reservation.planned_at), Reverse(leg.reservation));
                Some(((reservation.priority, promise, age), leg.key()))
            })
            .collect();
        legs.sort_unstable();
        legs.into_iter().map(|(_, key)| key).collect()
    }

    fn break_leg(&mut self, key: LegKey, units: i64) -> i64 {
        let leg = &self.legs()[&key];
        let taken = units.min(leg.open());
        let Some(reservation) = self.reservations().get(&(leg.tenant, leg.reservation)) else { return 0 };
        let event = Event::ReservationBroken {
            order: reservation.order,
            reservation: leg.reservation,
            plan: reservation.plan,
            location: leg.location,
            line: leg.line,
            item: leg.item,
            quantity: taken,
        };
        let (stock, reference) = (leg.stock_key(), leg.reservation.to_string());
        let reservation = (leg.tenant, leg.reservation);
        self.change_leg(key, |leg| leg.broken += taken);
        if !self.is_live(reservation) {
            self.change_reservation(reservation, State::Broken);
        }
        let delta = Delta { allocated: -taken, ..Delta::default() };
        self.record(stock, "release", delta, "reservation broken", &reference);
        self.tell(event);
        taken
    }
}
