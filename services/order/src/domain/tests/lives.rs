//! Random lives: a world answers the order's messages late, twice under different names, in any order, and people
//! interfere.

use proptest::prelude::*;

use super::{
    others::{Message, Others},
    world::{decide, now, placed},
};
use crate::domain::{
    ArrivalsByItem, Bucket, Event, Fate, HoldKind, Order, RejectReason, cancel, hold, look_again,
    record_broken, record_cancelled, record_fulfilment_rejected, record_issued, record_journey,
    record_opened, record_recall_refused, record_rejected, record_reserved, record_unfillable, release_hold,
    sweep, wake,
};

struct World {
    order: Order,
    others: Others,
    arrivals: ArrivalsByItem,
    /// Every message that the order got.
    told: Vec<Message>,
}

impl World {
    /// Tells the order; returns what happened.
    fn deliver(&mut self, message: &Message, dice: &mut impl FnMut(usize) -> usize) -> Vec<Event> {
        let arrivals = &mut self.arrivals;
        let mut events = decide(&mut self.order, |step| match message {
            Message::Reserved(reservation) => record_reserved(step, reservation),
            Message::Rejected(attempt) => record_rejected(step, *attempt, &[], arrivals),
            Message::Unfillable(attempt, units) => record_unfillable(step, *attempt, units, arrivals),
            Message::Opened(id) => record_opened(step, *id),
            Message::FulfilmentRejected(id, version, units) => {
                record_fulfilment_rejected(step, *id, *version, units, RejectReason::Declined)
            }
            Message::Cancelled(id, version, units) => record_cancelled(step, *id, *version, units),
            Message::RecallRefused(id) => record_recall_refused(step, *id),
            Message::Issued(id, at, units) => record_issued(step, *id, at, units),
            Message::Travelled(id, shipment, fate, units) => {
                record_journey(step, *id, *shipment, *fate, units)
            }
        });
        if let Message::Rejected(attempt) | Message::Unfillable(attempt, _) = message {
            events.extend(decide(&mut self.order, |step| look_again(step, *attempt, arrivals)));
            events.extend(self.serve());
        }
        self.others.react(&self.order, &events, dice);
        self.told.push(message.clone());
        events
    }

    /// Wakes units for what is to wake somebody, as a job does it.
    fn serve(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for (item, arrived) in &mut self.arrivals {
            let Some(latest) = arrived.latest else { continue };
            events.extend(decide(&mut self.order, |step| {
                let woken = wake(step, *item, arrived.unserved, latest);
                arrived.serve(woken);
                woken.to_string()
            }));
            arrived.keep();
        }
        events
    }

    /// Somebody interferes.
    fn interfere(&mut self, choice: usize, dice: &mut impl FnMut(usize) -> usize) {
        let order = self.order.clone();
        let (arrivals, others) = (&mut self.arrivals, &mut self.others);
        let broken = if choice == 4 { others.break_claim(&order, dice) } else { None };
        let events = decide(&mut self.order, |step| match choice {
            0 => cancel(step, "cancelled").unwrap_or_default(),
            1 => {
                let id = qm_ids::HoldId::from_uuid(qm_ids::Uuid::from_u128(order.holds.len() as u128 + 1));
                hold(step, id, HoldKind::Manual, "", <_>::default()).unwrap_or_default()
            }
            2 => release_hold(step, None).unwrap_or_default(),
            3 => {
                let item = order.lines[0].item;
                let arrived = arrivals.entry(item).or_default();
                arrived.arrive(2, now());
                let woken = wake(step, item, arrived.unserved, arrived.latest.unwrap());
                arrived.serve(woken);
                arrived.keep();
                woken.to_string()
            }
            4 => broken.map_or(String::new(), |(reservation, location, units)| {
                record_broken(step, reservation, location, &units)
            }),
            _ => sweep(step).to_string(),
        });
        self.others.react(&self.order, &events, dice);
    }

    /// A work that is not over.
    fn open_work(&self, pick: usize) -> Option<usize> {
        let works = self.others.works.iter().enumerate();
        let open: Vec<usize> = works.filter(|(_, work)| !work.is_over()).map(|(index, _)| index).collect();
        open.get(pick % open.len().max(1)).copied()
    }

    /// The order's units agree with what the executors know.
    fn check_against_the_truth(&self) {
        for work in &self.others.works {
            for line in &self.order.lines {
                let count = |bucket| -> i64 {
                    let pieces = line.pieces.iter().filter(|piece| {
                        piece.bucket == bucket
                            && piece.source.is_some_and(|source| source.fulfilment == work.id)
                    });
                    pieces.map(|piece| piece.quantity).sum()
                };
                let end = |fate| work.ends.get(&(line.id, fate)).copied().unwrap_or(0);
                let issued = work.issued.get(&line.id).copied().unwrap_or(0);
                let (delivered, lost, returning) =
                    (end(Fate::Delivered), end(Fate::Lost), end(Fate::Returning));
                let shipped = issued - delivered - lost - returning;
                let known = [Bucket::Delivered, Bucket::Lost, Bucket::Returning, Bucket::Shipped].map(count);
                assert_eq!(known, [delivered, lost, returning, shipped], "{work:?}\n{:?}", self.order);
                assert_eq!(count(Bucket::InFulfilment), 0, "{work:?}\n{:?}", self.order);
            }
        }
        // Law 4: each claim ended, and each of its units once.
        for (key, claim) in &self.others.claims {
            assert_eq!(claim.open(), 0, "{key:?}: {claim:?}");
            assert!([claim.released, claim.issued, claim.broken].iter().all(|part| *part >= 0), "{claim:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_laws_hold_and_the_order_comes_to_rest(
        quantities in prop::collection::vec(1i64..6, 1..4),
        choices in prop::collection::vec((0usize..1000, 0usize..12), 10..80),
        rolls in prop::collection::vec(0usize..1000, 200),
    ) {
        let decision = placed(&quantities);
        let mut world = World {
            order: decision.order,
            others: Others::default(),
            arrivals: ArrivalsByItem::new(),
            told: Vec::new(),
        };
        let mut roll = 0;
        let mut dice = |sides: usize| { roll += 1; rolls[roll % rolls.len()] % sides };
        world.others.react(&world.order, &decision.events, &mut dice);
        for (pick, action) in choices {
            match action {
                0..=4 if !world.others.mail.is_empty() => {
                    let index = pick % world.others.mail.len();
                    let message = world.others.mail.remove(index);
                    world.deliver(&message, &mut dice);
                }
                // What was told comes again, under another name.
                5 | 6 if !world.told.is_empty() => {
                    let message = world.told[pick % world.told.len()].clone();
                    world.deliver(&message, &mut dice);
                }
                7..=9 => if let Some(index) = world.open_work(pick) {
                    world.others.work(index, &mut dice);
                },
                _ => world.interfere(pick % 6, &mut dice),
            }
        }
        // Everybody answers, warehouses finish, holds are lifted.
        for _ in 0..5_000 {
            if let Some(message) = world.others.mail.pop() {
                world.deliver(&message, &mut dice);
            } else if world.order.is_held() {
                world.interfere(2, &mut dice);
            } else if let Some(index) = world.open_work(0) {
                world.others.work(index, &mut dice);
            } else {
                break;
            }
        }
        prop_assert!(world.others.mail.is_empty(), "the order and the world talk for ever");
        let waiting = world.order.count(Bucket::Open) + world.order.count(Bucket::Allocated);
        prop_assert_eq!(waiting, 0, "at rest nothing waits for an answer: {:?}", world.order);
        world.check_against_the_truth();

        // All is told once more: nothing moves, and nobody is asked anything.
        let revision = world.order.revision;
        for message in world.told.clone() {
            let events = world.deliver(&message, &mut dice);
            let is_stale = |event: &Event| matches!(event, Event::ReleaseRequested { units, .. } if units.is_empty());
            prop_assert!(events.iter().all(is_stale), "{:?} told again: {:?}", message, events);
        }
        prop_assert_eq!(world.order.revision, revision);
        prop_assert!(world.others.mail.is_empty());
    }
}
