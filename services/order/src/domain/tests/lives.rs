//! Random lives: a world answers the order's messages late, twice, in any order, and people interfere.

use proptest::prelude::*;
use qm_ids::{FulfilmentId, LocationId};

use super::world::{decide, location, placed, plan, reserved};
use crate::domain::{
    Bucket, Event, HoldKind, LineUnits, Order, RejectReason, Reservation, cancel, hold, record_broken,
    record_cancelled, record_delivered, record_fulfilment_rejected, record_issued, record_opened,
    record_recall_refused, record_rejected, record_reserved, record_unfillable, release_hold, sweep, wake,
};

/// A message under way to the order.
#[derive(Debug, Clone)]
enum Message {
    Reserved(Reservation),
    Rejected(i32),
    Unfillable(i32, Vec<LineUnits>),
    Opened(FulfilmentId),
    FulfilmentRejected(FulfilmentId, Vec<LineUnits>),
    Cancelled(FulfilmentId),
    RecallRefused(FulfilmentId),
    Issued(FulfilmentId, Vec<LineUnits>),
    Delivered(FulfilmentId, Vec<LineUnits>),
}

/// What the world remembers of work it was asked to do.
#[derive(Debug, Clone)]
struct Work {
    id: FulfilmentId,
    units: Vec<LineUnits>,
    is_over: bool,
}

struct World {
    order: Order,
    mail: Vec<Message>,
    works: Vec<Work>,
    answered: Vec<i32>,
}

impl World {
    fn react(&mut self, events: &[Event], dice: &mut impl FnMut(usize) -> usize) {
        for event in events {
            match event {
                Event::SourcingRequested { attempt, units, .. } => {
                    let units = self.order.units_of(units);
                    self.answer(*attempt, &units, dice);
                }
                Event::FulfilmentRequested { fulfilment, units, .. } => {
                    if self.works.iter().any(|work| work.id == *fulfilment) {
                        continue;
                    }
                    self.mail.push(Message::Opened(*fulfilment));
                    let mut work = Work { id: *fulfilment, units: units.clone(), is_over: false };
                    match dice(4) {
                        0 => {
                            self.mail.push(Message::FulfilmentRejected(*fulfilment, units.clone()));
                            work.is_over = true;
                        }
                        1 | 2 => self.issue(&mut work),
                        _ => {}
                    }
                    self.works.push(work);
                }
                Event::RecallRequested { fulfilment, .. } => {
                    let Some(work) = self.works.iter_mut().find(|work| work.id == *fulfilment) else {
                        continue;
                    };
                    if work.is_over {
                        self.mail.push(Message::RecallRefused(*fulfilment));
                    } else {
                        work.is_over = true;
                        self.mail.push(Message::Cancelled(*fulfilment));
                    }
                }
                _ => {}
            }
        }
    }

    fn issue(&mut self, work: &mut Work) {
        work.is_over = true;
        self.mail.push(Message::Issued(work.id, work.units.clone()));
        self.mail.push(Message::Delivered(work.id, work.units.clone()));
    }

    /// Routing and inventory: rejected, or some units at one or two locations and the rest unfillable.
    fn answer(&mut self, attempt: i32, units: &[LineUnits], dice: &mut impl FnMut(usize) -> usize) {
        if self.answered.contains(&attempt) {
            return;
        }
        self.answered.push(attempt);
        if dice(4) == 0 {
            self.mail.push(Message::Rejected(attempt));
            return;
        }
        let mut at: Vec<(LocationId, Vec<LineUnits>)> =
            vec![(location(1), Vec::new()), (location(2), Vec::new())];
        let mut missing = Vec::new();
        for unit in units {
            let mut left = unit.quantity;
            for (_, given) in &mut at {
                let take = (dice(4) as i64).min(left);
                left -= take;
                if take > 0 {
                    given.push(LineUnits { quantity: take, ..unit.clone() });
                }
            }
            if left > 0 {
                missing.push(LineUnits { quantity: left, ..unit.clone() });
            }
        }
        at.retain(|(_, units)| !units.is_empty());
        if !at.is_empty() {
            self.mail.push(Message::Reserved(reserved(&self.order, attempt, &at)));
        }
        if !missing.is_empty() {
            self.mail.push(Message::Unfillable(attempt, missing));
        }
    }

    fn deliver(&mut self, message: &Message, dice: &mut impl FnMut(usize) -> usize) {
        let events = decide(&mut self.order, |step| match message {
            Message::Reserved(reservation) => record_reserved(step, reservation),
            Message::Rejected(attempt) => record_rejected(step, *attempt, &[]),
            Message::Unfillable(attempt, units) => record_unfillable(step, *attempt, units),
            Message::Opened(id) => record_opened(step, *id),
            Message::FulfilmentRejected(id, units) => {
                record_fulfilment_rejected(step, *id, units, RejectReason::Declined)
            }
            Message::Cancelled(id) => record_cancelled(step, *id, &[]),
            Message::RecallRefused(id) => record_recall_refused(step, *id),
            Message::Issued(id, units) => record_issued(step, *id, units),
            Message::Delivered(id, units) => record_delivered(step, *id, units),
        });
        self.react(&events, dice);
    }

    /// Someone interferes.
    fn interfere(&mut self, choice: usize, dice: &mut impl FnMut(usize) -> usize) {
        let order = self.order.clone();
        let events = decide(&mut self.order, |step| match choice {
            0 => cancel(step, "cancelled").unwrap_or_default(),
            1 => {
                let id = qm_ids::HoldId::from_uuid(qm_ids::Uuid::from_u128(order.holds.len() as u128 + 1));
                hold(step, id, HoldKind::Manual, "", <_>::default()).unwrap_or_default()
            }
            2 => release_hold(step, None).unwrap_or_default(),
            3 => wake(step, order.lines[0].item, 2).to_string(),
            4 => {
                let attempt = order.attempts.first().map_or(1, |attempt| attempt.number);
                let line = &order.lines[0];
                let units = LineUnits { line: line.id, item: line.item, quantity: 1 };
                record_broken(step, super::world::reservation(plan(&order, attempt)), location(1), &units)
            }
            _ => sweep(step).to_string(),
        });
        self.react(&events, dice);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_laws_hold_and_the_order_comes_to_rest(
        quantities in prop::collection::vec(1i64..6, 1..4),
        choices in prop::collection::vec((0usize..1000, 0usize..8), 10..60),
        rolls in prop::collection::vec(0usize..1000, 200),
    ) {
        let decision = placed(&quantities);
        let mut world =
            World { order: decision.order, mail: Vec::new(), works: Vec::new(), answered: Vec::new() };
        let mut roll = 0;
        let mut dice = |sides: usize| { roll += 1; rolls[roll % rolls.len()] % sides };
        world.react(&decision.events, &mut dice);
        for (pick, action) in choices {
            match action {
                0..=4 if !world.mail.is_empty() => {
                    let index = pick % world.mail.len();
                    let message = world.mail[index].clone();
                    // Kept one time in four: it comes again.
                    if action != 0 {
                        world.mail.remove(index);
                    }
                    world.deliver(&message, &mut dice);
                }
                _ => world.interfere(pick % 6, &mut dice),
            }
        }
        // Everybody answers, warehouses finish, holds are lifted.
        for _ in 0..2_000 {
            if let Some(message) = world.mail.pop() {
                world.deliver(&message, &mut dice);
                continue;
            }
            if world.order.is_held() {
                world.interfere(2, &mut dice);
                continue;
            }
            let Some(index) = world.works.iter().position(|work| !work.is_over) else { break };
            let mut work = world.works[index].clone();
            world.issue(&mut work);
            world.works[index] = work;
        }
        prop_assert!(world.mail.is_empty(), "the order and the world talk for ever");
        let waiting = world.order.count(Bucket::Open) + world.order.count(Bucket::Allocated);
        prop_assert_eq!(waiting, 0, "at rest nothing waits for an answer: {:?}", world.order);
    }
}
