//! How an order is after something happened to it.

use chrono::{DateTime, Utc};
use qm_ids::{FulfilmentId, LineId};

use super::{
    event::Event,
    order::{Attempt, AttemptState, Order},
    piece::{self, Bucket, Piece, Source, UnitRange},
    work::{Fulfilment, FulfilmentState},
};

impl Order {
    /// Folds a fact into the order.
    pub(super) fn evolve(&mut self, event: &Event) {
        match event {
            Event::Placed(order) => *self = (**order).clone(),
            Event::SourcingRequested {
                attempt,
                reason,
                rejections,
                exclusions,
                units,
                sees_until,
                due_at,
            } => {
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
                    sees_until: *sees_until,
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
            Event::FoundNothing { attempt } => {
                for known in self.attempts.iter_mut().filter(|known| known.number == *attempt) {
                    known.told_unfillable = true;
                }
            }
            Event::Backordered { units, .. } => self.change(units, |piece| {
                piece.bucket = Bucket::Backordered;
                piece.source = None;
            }),
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
                self.change_state(*fulfilment, |_| FulfilmentState::Requested { asks: 1, due_at: *due_at });
                let units = self.ranges(|_, piece| {
                    piece.bucket == Bucket::Allocated
                        && piece.source.is_some_and(|source| source.fulfilment == *fulfilment)
                });
                self.change(&units, |piece| piece.bucket = Bucket::InFulfilment);
            }
            Event::FulfilmentRepeated { fulfilment, due_at }
            | Event::RecallRepeated { fulfilment, due_at } => {
                self.change_state(*fulfilment, |state| asked_again(state, *due_at));
            }
            Event::FulfilmentOpened { fulfilment } => {
                self.change_state(*fulfilment, |_| FulfilmentState::Opened);
            }
            Event::RecallRequested { fulfilment, intent, due_at } => {
                self.change_state(*fulfilment, |_| FulfilmentState::Recalling {
                    intent: *intent,
                    asks: 1,
                    due_at: *due_at,
                });
            }
            Event::RecallRefused { fulfilment, intent } => {
                self.change_state(*fulfilment, |_| FulfilmentState::RecallRefused { intent: *intent });
            }
            Event::FulfilmentEnded { fulfilment } => {
                self.change_state(*fulfilment, |state| match state {
                    FulfilmentState::Planned | FulfilmentState::Dropped => FulfilmentState::Dropped,
                    _ => FulfilmentState::Ended,
                });
            }
            Event::Reported { fulfilment, report } => {
                self.change_fulfilment(*fulfilment, |known| known.reports.push(report.clone()));
            }
            Event::Travelled { fulfilment, journey } => self.change_fulfilment(*fulfilment, |known| {
                known.journeys.retain(|other| other.shipment != journey.shipment);
                known.journeys.push(journey.clone());
            }),
            Event::ClaimBroken { fulfilment, line, quantity } => {
                self.change_fulfilment(*fulfilment, |known| add_broken(known, *line, *quantity));
            }
            Event::BrokenLeft { fulfilment, line, quantity } => {
                self.change_fulfilment(*fulfilment, |known| add_broken(known, *line, -*quantity));
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

    fn change_fulfilment(&mut self, id: FulfilmentId, mut change: impl FnMut(&mut Fulfilment)) {
        for fulfilment in self.fulfilments.iter_mut().filter(|fulfilment| fulfilment.id == id) {
            change(fulfilment);
        }
    }

    fn change_state(&mut self, id: FulfilmentId, change: impl Fn(FulfilmentState) -> FulfilmentState) {
        self.change_fulfilment(id, |fulfilment| fulfilment.state = change(fulfilment.state));
    }
}

/// The same question, asked once more.
fn asked_again(state: FulfilmentState, due_at: DateTime<Utc>) -> FulfilmentState {
    match state {
        FulfilmentState::Requested { asks, .. } => FulfilmentState::Requested { asks: asks + 1, due_at },
        FulfilmentState::Recalling { intent, asks, .. } => {
            FulfilmentState::Recalling { intent, asks: asks + 1, due_at }
        }
        FulfilmentState::Planned
        | FulfilmentState::Opened
        | FulfilmentState::RecallRefused { .. }
        | FulfilmentState::Ended
        | FulfilmentState::Dropped => state,
    }
}

fn add_broken(fulfilment: &mut Fulfilment, line: LineId, quantity: i64) {
    match fulfilment.broken.iter_mut().find(|(known, _)| *known == line) {
        Some((_, sum)) => *sum += quantity,
        None => fulfilment.broken.push((line, quantity)),
    }
    fulfilment.broken.retain(|(_, quantity)| *quantity > 0);
}
