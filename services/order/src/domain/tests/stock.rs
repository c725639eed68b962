//! Many orders for one item, and stock that arrives at any time: whoever waits, waits because there is none.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::world::{PATIENCE, all, check_laws, location, now, placed, reserved};
use crate::domain::{
    Arrivals, ArrivalsByItem, Bucket, Event, LineUnits, MAX_REJECTIONS, Order, Reservation, Step, cancel,
    look_again, record_rejected, record_reserved, record_unfillable, wake,
};

/// A message under way; the first number is the order's.
#[derive(Debug, Clone)]
enum Message {
    /// To routing, which looks at what is there when it comes.
    Asked(usize, i32, i64),
    /// To inventory, which claims all or nothing when it comes.
    Planned(usize, Reservation, i64),
    Reserved(usize, Reservation),
    Rejected(usize, i32),
    Unfillable(usize, i32, i64),
    /// Units became available.
    Arrived(i64),
    /// Units woke somebody who found nothing.
    PassedOn,
}

struct World {
    orders: Vec<Order>,
    mail: Vec<Message>,
    /// Units that nobody has a claim on.
    available: i64,
    arrivals: ArrivalsByItem,
    seconds: i64,
    /// How far apart the replicas' clocks are.
    skew: i64,
    /// Units that arrived, that were woken, and that woke somebody who found nothing.
    arrived: i64,
    woken: i64,
    passed_on: i64,
    /// True once an attempt was rejected for the last time, with whatever was left.
    is_exhausted: bool,
}

impl World {
    fn decide(&mut self, order: usize, verb: impl FnOnce(&mut Step, &mut ArrivalsByItem)) -> Vec<Event> {
        let at = self.clock();
        let mut step = Step::new(self.orders[order].clone(), at, PATIENCE);
        verb(&mut step, &mut self.arrivals);
        let decision = step.finish("test", "", None, <_>::default());
        check_laws(&decision.order);
        self.orders[order] = decision.order;
        for event in &decision.events {
            match event {
                Event::SourcingRequested { attempt, units, .. } => {
                    let units = units.iter().map(crate::domain::UnitRange::quantity).sum();
                    self.mail.push(Message::Asked(order, *attempt, units));
                }
                Event::ReleaseRequested { units, .. } => {
                    // All of a stale reservation: its units are those of the message that it answered.
                    assert!(units.is_empty(), "{units:?}");
                }
                _ => {}
            }
        }
        decision.events
    }

    /// What the next replica takes the time to be.
    fn clock(&mut self) -> DateTime<Utc> {
        self.seconds += 1;
        let skew = if self.seconds % 2 == 0 { self.skew } else { 0 };
        now() + TimeDelta::seconds(self.seconds + skew)
    }

    fn place(&mut self, quantity: i64) {
        let mut order = placed(&[quantity]).order;
        order.placed_at += TimeDelta::seconds(self.orders.len() as i64);
        let at = self.clock();
        // As if placed now: it has seen what was handled long before.
        order.attempts[0].sees_until = at - crate::domain::arrival::SKEW;
        self.orders.push(order);
        self.mail.push(Message::Asked(self.orders.len() - 1, 1, quantity));
    }

    fn arrive(&mut self, units: i64) {
        self.available += units;
        self.arrived += units;
        self.mail.push(Message::Arrived(units));
    }

    fn units(&self, order: usize, quantity: i64) -> Vec<LineUnits> {
        vec![LineUnits { quantity, ..all(&self.orders[order])[0].clone() }]
    }

    fn asked(events: &[Event]) -> i64 {
        let asked = events.iter().filter_map(|event| match event {
            Event::SourcingRequested { units, .. } => Some(units),
            _ => None,
        });
        asked.flatten().map(crate::domain::UnitRange::quantity).sum()
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Asked(order, attempt, wanted) => {
                let planned = wanted.min(self.available);
                if planned > 0 {
                    let at = [(location(1), self.units(order, planned))];
                    let plan = reserved(&self.orders[order], attempt, &at);
                    self.mail.push(Message::Planned(order, plan, planned));
                }
                if planned < wanted {
                    self.mail.push(Message::Unfillable(order, attempt, wanted - planned));
                }
            }
            Message::Planned(order, plan, units) => {
                self.mail.push(if units <= self.available {
                    self.available -= units;
                    Message::Reserved(order, plan)
                } else {
                    Message::Rejected(order, plan.attempt)
                });
            }
            Message::Reserved(order, plan) => {
                let events = self.decide(order, |step, _| {
                    record_reserved(step, &plan);
                });
                if events.iter().any(|event| matches!(event, Event::ReleaseRequested { .. })) {
                    self.arrive(plan.assignments[0].units[0].quantity);
                }
            }
            Message::Rejected(order, attempt) => {
                let known = self.orders[order].attempt(attempt).unwrap();
                let is_superseded = !self.orders[order]
                    .pieces()
                    .any(|(_, it)| it.bucket == Bucket::Open && it.attempt == attempt);
                self.is_exhausted |= is_superseded || known.rejections + 1 >= MAX_REJECTIONS;
                self.decide_and_pass_on(order, |step, arrivals| {
                    record_rejected(step, attempt, &[], arrivals);
                });
            }
            Message::Unfillable(order, attempt, units) => {
                let units = self.units(order, units);
                let mut events = self.decide_and_pass_on(order, |step, arrivals| {
                    record_unfillable(step, attempt, &units, arrivals);
                });
                events.extend(self.decide(order, |step, arrivals| {
                    look_again(step, attempt, arrivals);
                }));
                self.woken += Self::asked(&events);
            }
            Message::Arrived(units) => {
                let item = self.orders[0].lines[0].item;
                let at = self.clock();
                let mut arrived: Arrivals = self.arrivals.remove(&item).unwrap_or_default();
                arrived.arrive(units, at);
                self.arrivals.insert(item, arrived);
                self.serve();
            }
            Message::PassedOn => self.serve(),
        }
    }

    /// Decides what came of an attempt; what it passes on is seen by the next look.
    fn decide_and_pass_on(
        &mut self,
        order: usize,
        verb: impl FnOnce(&mut Step, &mut ArrivalsByItem),
    ) -> Vec<Event> {
        let unserved = |world: &Self| world.arrivals.values().map(|it| it.unserved).sum::<i64>();
        let before = unserved(self);
        let events = self.decide(order, verb);
        let passed_on = unserved(self) - before;
        if passed_on > 0 {
            self.passed_on += passed_on;
            self.mail.push(Message::PassedOn);
        }
        events
    }

    /// Wakes who waits for what is to wake somebody.
    fn serve(&mut self) {
        let item = self.orders[0].lines[0].item;
        let mut arrived: Arrivals = self.arrivals.remove(&item).unwrap_or_default();
        for order in 0..self.orders.len() {
            let Some(latest) = arrived.latest else { break };
            let left = arrived.unserved;
            let events = self.decide(order, |step, _| {
                wake(step, item, left, latest);
            });
            arrived.serve(Self::asked(&events));
            self.woken += Self::asked(&events);
        }
        arrived.keep();
        self.arrivals.insert(item, arrived);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn nobody_waits_for_stock_that_is_there(
        choices in prop::collection::vec((0usize..1000, 0usize..10), 10..120),
        skew in -4i64..=4,
    ) {
        let mut world = World {
            orders: Vec::new(),
            mail: Vec::new(),
            available: 0,
            arrivals: ArrivalsByItem::new(),
            seconds: 0,
            skew,
            arrived: 0,
            woken: 0,
            passed_on: 0,
            is_exhausted: false,
        };
        world.place(3);
        for (pick, action) in choices {
            match action {
                0 => world.place(1 + (pick % 4) as i64),
                1 => world.arrive(1 + (pick % 4) as i64),
                2 => {
                    let order = pick % world.orders.len();
                    world.decide(order, |step, _| {
                        cancel(step, "").ok();
                    });
                }
                _ if !world.mail.is_empty() => {
                    let message = world.mail.remove(pick % world.mail.len());
                    world.deliver(message);
                }
                _ => {}
            }
        }
        for _ in 0..5_000 {
            let Some(message) = world.mail.pop() else { break };
            world.deliver(message);
        }
        prop_assert!(world.mail.is_empty(), "they talk for ever");
        let (woken, units) = (world.woken, world.arrived + world.passed_on);
        prop_assert!(woken <= units, "{woken} woken by {units}");
        let waiting: i64 = world.orders.iter().map(|order| order.count(Bucket::Backordered)).sum();
        if !world.is_exhausted {
            let (available, orders) = (world.available, &world.orders);
            prop_assert!(waiting == 0 || available == 0, "{waiting} wait, {available} are there: {orders:?}");
        }
    }
}
