//! A small world: one order, and the messages under way to and from it.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use qm_ids::{
    FulfilmentId, ItemId, LocationId, OrderId, PlanId, ReservationId, ShipmentId, TenantId, Uuid, derive,
};
use qm_money::{Currency, Minor, UnitPrice};

use crate::domain::{
    Assignment, AttemptState, Bucket, Customer, Decision, Event, FulfilmentState, Hold, Item, Kind, Line,
    LineUnits, NewLine, NewOrder, Order, Reservation, Step, UnitRange, place, record_rejected,
    record_reserved, record_unfillable,
    status::{FulfilmentStatus, Status},
};

pub(super) const PATIENCE: TimeDelta = TimeDelta::seconds(30);

pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

pub(super) fn location(n: u128) -> LocationId {
    LocationId::from_uuid(Uuid::from_u128(0x1000 + n))
}

pub(super) fn item(n: usize) -> ItemId {
    ItemId::from_uuid(Uuid::from_u128(0x2000 + n as u128))
}

pub(super) fn plan(order: &Order, attempt: i32) -> PlanId {
    derive(order.id.as_uuid(), "plan", attempt.unsigned_abs().into())
}

pub(super) fn reservation(plan: PlanId) -> ReservationId {
    derive(plan.as_uuid(), "reservation", 0)
}

pub(super) fn new_order(quantities: &[i64]) -> NewOrder {
    let lines: Vec<_> = quantities
        .iter()
        .enumerate()
        .map(|(index, quantity)| NewLine {
            sku: format!("SKU-{index}"),
            title: String::new(),
            quantity: *quantity,
            unit_price: UnitPrice::parse("1.00").unwrap(),
            discount: Minor(1),
            tax: Minor(0),
            tax_inclusive: true,
        })
        .collect();
    let total = quantities.iter().map(|quantity| quantity * 100 - 1).sum();
    NewOrder {
        channel: "web".to_owned(),
        external_id: String::new(),
        currency: Currency::USD,
        customer: Customer::default(),
        ship_to: None,
        kind: Kind::Ship,
        service_level: "standard".to_owned(),
        promise_by: None,
        priority: 0,
        lines,
        shipping: Minor(0),
        fees: Vec::new(),
        discount: Minor(0),
        total: Minor(total),
        placed_at: now(),
    }
}

pub(super) fn items(count: usize) -> Vec<Option<Item>> {
    (0..count).map(|index| Some(Item { id: item(index), name: format!("Item {index}") })).collect()
}

/// When the next question is overdue.
pub(super) fn next_due(order: &Order) -> Option<DateTime<Utc>> {
    let attempts = order.attempts.iter().filter_map(|attempt| match attempt.state {
        AttemptState::Pending { due_at, .. } => Some(due_at),
        AttemptState::Closed => None,
    });
    let fulfilments = order.fulfilments.iter().filter_map(|fulfilment| match fulfilment.state {
        FulfilmentState::Requested { due_at, .. } | FulfilmentState::Recalling { due_at, .. } => Some(due_at),
        _ => None,
    });
    attempts.chain(fulfilments).min()
}

pub(super) fn placed(quantities: &[i64]) -> Decision {
    let names = (TenantId::from_uuid(Uuid::from_u128(1)), OrderId::from_uuid(Uuid::from_u128(2)), 1);
    let step = place(names, &new_order(quantities), &items(quantities.len()), (now(), PATIENCE)).unwrap();
    step.finish("place", "placed", None, ("api_key".to_owned(), String::new()))
}

/// Decides, and returns what happened.
pub(super) fn decide(order: &mut Order, verb: impl FnOnce(&mut Step) -> String) -> Vec<Event> {
    let before = order.clone();
    let mut step = Step::new(order.clone(), now(), PATIENCE);
    let outcome = verb(&mut step);
    let decision = step.finish("test", outcome, None, (String::new(), String::new()));
    check_laws(&decision.order);
    // The state is the fold of the events, but for revision and timeline.
    let mut folded = before.clone();
    for event in &decision.events {
        folded.evolve(event);
    }
    folded.revision = decision.order.revision;
    folded.updated_at = decision.order.updated_at;
    folded.timeline_length = decision.order.timeline_length;
    assert_eq!(folded, decision.order);
    let has_changed = decision.events.iter().any(Event::is_change);
    assert_eq!(decision.order.revision, before.revision + i64::from(has_changed));
    if !has_changed {
        assert_eq!(
            visible(&decision.order),
            visible(&before),
            "a person sees no change: {:?}",
            decision.events
        );
    }
    *order = decision.order;
    decision.events
}

/// What a person sees of an order.
fn visible(order: &Order) -> (Vec<Line>, Vec<Hold>, Status, FulfilmentStatus, Option<NaiveDate>) {
    let summaries = (order.status(), order.fulfilment_status());
    (order.lines.clone(), order.holds.clone(), summaries.0, summaries.1, order.current_promise)
}

/// An order whose units are in fulfilment at one location.
pub(super) fn in_fulfilment(quantities: &[i64]) -> (Order, FulfilmentId) {
    let mut order = placed(quantities).order;
    let units = open_units(&order, 1);
    decide(&mut order, |step| record_reserved(step, &reserved(step.order(), 1, &[(location(1), units)])));
    assert_eq!(order.status(), Status::InFulfilment);
    let id = order.fulfilments[0].id;
    (order, id)
}

/// All units of an order, by line.
pub(super) fn all(order: &Order) -> Vec<LineUnits> {
    order.units_of(&order.ranges(|_, _| true))
}

/// Units of an order's first line.
pub(super) fn some(order: &Order, quantity: i64) -> Vec<LineUnits> {
    vec![LineUnits { quantity, ..all(order)[0].clone() }]
}

pub(super) fn shipment(n: u128) -> Option<ShipmentId> {
    Some(ShipmentId::from_uuid(Uuid::from_u128(0x3000 + n)))
}

/// An attempt that finds nothing when nothing arrived.
pub(super) fn miss(order: &mut Order, attempt: i32, units: &[LineUnits]) -> Vec<Event> {
    decide(order, |step| record_unfillable(step, attempt, units, &mut <_>::default()))
}

/// An attempt that is rejected when nothing arrived.
pub(super) fn reject(order: &mut Order, attempt: i32, short: &[(LocationId, ItemId)]) -> Vec<Event> {
    decide(order, |step| record_rejected(step, attempt, short, &mut <_>::default()))
}

/// Units that events let go.
pub(super) fn released(events: &[Event]) -> i64 {
    let units = events.iter().filter_map(|event| match event {
        Event::ReleaseRequested { units, .. } => Some(units),
        _ => None,
    });
    units.flatten().map(|(_, units)| units.quantity).sum()
}

/// A reservation at `location` for `units` of each line that is open in the attempt.
pub(super) fn reserved(order: &Order, attempt: i32, at: &[(LocationId, Vec<LineUnits>)]) -> Reservation {
    let plan = plan(order, attempt);
    Reservation {
        id: reservation(plan),
        plan,
        attempt,
        assignments: at
            .iter()
            .map(|(location, units)| Assignment {
                location: *location,
                group: "ship:standard:ambient".to_owned(),
                kind: 1,
                units: units.clone(),
                ship_by: "2023-11-15".to_owned(),
                promised: None,
            })
            .collect(),
    }
}

pub(super) fn open_units(order: &Order, attempt: i32) -> Vec<LineUnits> {
    let ranges: Vec<UnitRange> =
        order.ranges(|_, piece| piece.bucket == Bucket::Open && piece.attempt == attempt);
    order.units_of(&ranges)
}

/// The laws that hold at every commit.
pub(super) fn check_laws(order: &Order) {
    for line in &order.lines {
        let mut next = 0;
        let mut net = 0;
        for piece in &line.pieces {
            assert_eq!(piece.first_unit, next, "pieces of {} leave a gap", line.id);
            assert!(piece.quantity > 0);
            next += piece.quantity;
            net += qm_money::share(line.net, line.quantity, piece.units()).unwrap().get();
            let is_backed = matches!(
                piece.bucket,
                Bucket::Allocated | Bucket::InFulfilment | Bucket::Shipped | Bucket::Delivered | Bucket::Lost
            );
            assert_eq!(piece.source.is_some(), is_backed || piece.bucket == Bucket::Returning, "{piece:?}");
            if piece.bucket == Bucket::Open {
                let attempt = order.attempt(piece.attempt).expect("open units belong to an attempt");
                assert_ne!(attempt.state, crate::domain::AttemptState::Closed, "{piece:?}");
            }
            if let Some(source) = piece.source {
                assert!(order.fulfilment(source.fulfilment).is_some());
            }
        }
        assert_eq!(next, line.quantity, "law 1: the pieces of {} tile its units", line.id);
        assert_eq!(net, line.net.get(), "law 11: nothing of {} is lost to rounding", line.id);
    }
}
