//! What can happen to an order, and how the order is then.

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{FulfilmentId, HoldId, LocationId, PlanId, ReservationId};

use super::{
    order::{
        Attempt, AttemptState, Exclusion, Fulfilment, FulfilmentState, Hold, LineUnits, Order, RecallIntent,
    },
    piece::{self, Bucket, Piece, Source, UnitRange},
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
    /// Units wait for stock.
    Backordered {
        /// The attempt that found nothing.
        attempt: i32,
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
    /// Nothing is left in play.
    Completed,
}

impl Order {
    /// Folds a fact into the order.
    pub(super) fn evolve(&mut self, event: &Event) {
        match event {
            Event::Placed(order) => *self = (**order).clone(),
            Event::SourcingRequested { attempt, reason, rejections, exclusions, units, due_at } => {
                self.change(units, |piece| {
                    piece.bucket = Bucket::Open;
                    piece.attempt = *attempt;
                    piece.source = None;
                });
                self.attempts.push(Attempt {
                    number: *attempt,
                    reason: *reason,
                    rejections: *rejections,
                    exclusions: exclusions.clone(),
                    told_unfillable: false,
                    broken: Vec::new(),
                    state: AttemptState::Pending { asks: 1, due_at: *due_at },
                });
            }
            Event::SourcingRepeated { attempt, due_at } => {
                self.change_attempt(*attempt, |state| match state {
                    AttemptState::Pending { asks, .. } => {
                        AttemptState::Pending { asks: asks + 1, due_at: *due_at }
                    }
                    AttemptState::Closed => AttemptState::Closed,
                })
            }
            Event::AttemptClosed { attempt } => self.change_attempt(*attempt, |_| AttemptState::Closed),
            Event::Backordered { attempt, units, .. } => {
                for known in self.attempts.iter_mut().filter(|known| known.number == *attempt) {
                    known.told_unfillable = true;
                }
                self.change(units, |piece| {
                    piece.bucket = Bucket::Backordered;
                    piece.source = None;
                });
            }
            Event::FulfilmentPlanned { fulfilment, units } => {
                let source = Source {
                    plan: fulfilment.plan,
                    reservation: fulfilment.reservation,
                    location: fulfilment.location,
                    fulfilment: fulfilment.id,
                };
                self.fulfilments.push(fulfilment.clone());
                self.change(units, |piece| {
                    piece.bucket = Bucket::Allocated;
                    piece.source = Some(source);
                });
            }
            Event::BrokenEarly { attempt, location, units } => {
                for known in self.attempts.iter_mut().filter(|known| known.number == *attempt) {
                    known.broken.push((*location, units.clone()));
                }
            }
            Event::PromiseChanged { promise } => self.current_promise = *promise,
            Event::Allocated => self.told_allocated = true,
            Event::FulfilmentRequested { fulfilment, due_at, .. } => {
                self.change_fulfilment(*fulfilment, |state| FulfilmentState::Requested {
                    asks: if let FulfilmentState::Requested { asks, .. } = state { asks + 1 } else { 1 },
                    due_at: *due_at,
                });
                let units = self.ranges(|_, piece| {
                    piece.bucket == Bucket::Allocated
                        && piece.source.is_some_and(|source| source.fulfilment == *fulfilment)
                });
                self.change(&units, |piece| piece.bucket = Bucket::InFulfilment);
            }
            Event::FulfilmentOpened { fulfilment } => {
                self.change_fulfilment(*fulfilment, |_| FulfilmentState::Opened);
            }
            Event::RecallRequested { fulfilment, intent, due_at } => {
                self.change_fulfilment(*fulfilment, |state| FulfilmentState::Recalling {
                    intent: *intent,
                    asks: if let FulfilmentState::Recalling { asks, .. } = state { asks + 1 } else { 1 },
                    due_at: *due_at,
                });
            }
            Event::RecallRefused { fulfilment, intent } => {
                self.change_fulfilment(*fulfilment, |_| FulfilmentState::RecallRefused { intent: *intent });
            }
            Event::FulfilmentEnded { fulfilment } => {
                self.change_fulfilment(*fulfilment, |_| FulfilmentState::Ended);
            }
            Event::Moved { units, to } => self.change(units, |piece| piece.bucket = *to),
            Event::UnitsCancelled { units, .. } => self.change(units, |piece| {
                piece.bucket = Bucket::Cancelled;
                piece.source = None;
            }),
            Event::ReleaseRequested { .. } => {}
            Event::HoldPlaced(hold) => self.holds.push(hold.clone()),
            Event::HoldReleased { hold, at } => {
                for hold in self.holds.iter_mut().filter(|known| known.id == *hold) {
                    hold.released_at = Some(*at);
                }
            }
            Event::Cancelled { .. } | Event::Completed => self.told_end = true,
        }
    }

    fn change(&mut self, units: &[UnitRange], mut fate: impl FnMut(&mut Piece)) {
        for range in units {
            if let Some(line) = self.lines.iter_mut().find(|line| line.id == range.line) {
                piece::change(&mut line.pieces, &range.units, &mut fate);
            }
        }
    }

    fn change_attempt(&mut self, number: i32, change: impl Fn(AttemptState) -> AttemptState) {
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.number == number) {
            attempt.state = change(attempt.state);
        }
    }

    fn change_fulfilment(&mut self, id: FulfilmentId, change: impl Fn(FulfilmentState) -> FulfilmentState) {
        for fulfilment in self.fulfilments.iter_mut().filter(|fulfilment| fulfilment.id == id) {
            fulfilment.state = change(fulfilment.state);
        }
    }
}
