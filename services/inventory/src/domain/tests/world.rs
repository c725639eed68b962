//! A book with a few items and locations, and what every test asks of it.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use qm_clock::{ManualClock, SeededEntropy};
use qm_ids::{Id, IdGenerator, ItemId, LineId, LocationId, OrderId, PlanId, TenantId, Uuid};
use qm_refusal::Refusal;

use crate::domain::{
    Book, Cause, Event, ItemFacts, LineUnits, LocationUnits, MovementKind, NewMovement, Plan, PlannedUnits,
    Release, State, Stock, StockKey, reservation_id, stock_id,
};

pub(super) const HOLD_SECONDS: i64 = 60;

pub(super) fn id<T: Id>(n: u128) -> T {
    T::from_uuid(Uuid::from_u128(n))
}

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

pub(super) fn cause() -> Cause {
    Cause { actor: ("user".to_owned(), "u1".to_owned()), occurred_at: at(0), trace: None }
}

pub(super) fn tenant() -> TenantId {
    id(1)
}

pub(super) fn item(n: u128) -> ItemId {
    id(100 + n)
}

pub(super) fn location(n: u128) -> LocationId {
    id(200 + n)
}

pub(super) fn key(it: u128, place: u128) -> StockKey {
    (tenant(), stock_id(item(it), location(place)))
}

/// A book of two items at two locations, nothing in stock; item 9 is a service.
pub(super) fn book(now: i64) -> Book {
    let ids = IdGenerator::new(Arc::new(ManualClock::new(at(now))), Arc::new(SeededEntropy::new(7)));
    let mut book = Book::new(at(now), TimeDelta::seconds(HOLD_SECONDS), ids);
    for it in 0..2 {
        for place in 0..2 {
            book.put_stock(Stock::new(tenant(), item(it), location(place), 0));
        }
        let facts = ItemFacts { sku: format!("SKU{it}"), stocked: true, low_stock_threshold: 0 };
        book.put_item(tenant(), item(it), facts);
    }
    let service = ItemFacts { sku: "SERVICE".to_owned(), stocked: false, low_stock_threshold: 0 };
    book.put_item(tenant(), item(9), service);
    book
}

/// The same books at a later time, as another batch would load them.
pub(super) fn later(old: &Book, now: i64) -> Book {
    let mut new = book(now);
    old.stock().values().cloned().for_each(|stock| new.put_stock(stock));
    old.reservations().values().cloned().for_each(|it| new.put_reservation(it));
    old.legs().values().cloned().for_each(|leg| new.put_leg(leg));
    old.holds().values().cloned().for_each(|hold| new.put_hold(hold));
    new
}

/// Units (item, location, quantity); the line is that of the item.
pub(super) fn units(all: &[(u128, u128, i64)]) -> Vec<LocationUnits> {
    all.iter()
        .map(|(it, place, quantity)| LocationUnits {
            location: location(*place),
            units: LineUnits { line: id::<LineId>(300 + it), item: item(*it), quantity: *quantity },
        })
        .collect()
}

pub(super) fn plan(n: u128, wanted: &[(u128, u128, i64)]) -> Plan {
    Plan {
        tenant: tenant(),
        id: id::<PlanId>(10_000 + n),
        order: id::<OrderId>(20_000 + n),
        attempt: 1,
        priority: 0,
        for_backorder: false,
        planned_at: at(i64::try_from(n).unwrap()),
        announced: n.to_be_bytes().to_vec(),
        units: units(wanted)
            .into_iter()
            .map(|LocationUnits { location, units }| PlannedUnits { location, units, promised: None })
            .collect(),
    }
}

pub(super) fn release_of(plan: &Plan, units: Vec<LocationUnits>, short_pick: bool) -> Release {
    Release {
        tenant: plan.tenant,
        order: plan.order,
        reservation: reservation_id(plan.id),
        plan: plan.id,
        units,
        short_pick,
    }
}

pub(super) fn report(
    book: &mut Book,
    stock: StockKey,
    kind: MovementKind,
    quantity: i64,
) -> Result<(), Refusal> {
    let report = NewMovement {
        stock,
        kind,
        quantity,
        reason: "because".to_owned(),
        reference: String::new(),
        expected_version: 0,
    };
    book.report(&report, &cause())
}

pub(super) fn receive(book: &mut Book, stock: StockKey, quantity: i64) {
    report(book, stock, MovementKind::Receive, quantity).unwrap();
}

pub(super) fn events(book: &mut Book) -> Vec<Event> {
    book.take_events().into_iter().map(|told| told.event).collect()
}

pub(super) fn buckets(book: &Book, key: StockKey) -> (i64, i64, i64) {
    let stock = &book.stock()[&key];
    (stock.sellable, stock.allocated, stock.soft_reserved)
}

/// What must hold after every verb, for a book that began with empty stock.
pub(super) fn check_laws(book: &Book) {
    let mut sums: BTreeMap<StockKey, (i64, i64, i64)> = BTreeMap::new();
    let mut gone: BTreeMap<StockKey, i64> = BTreeMap::new();
    for movement in &book.written().movements {
        let sum = sums.entry(movement.stock).or_default();
        sum.0 += movement.delta.sellable;
        sum.1 += movement.delta.allocated;
        sum.2 += movement.delta.soft_reserved;
        if movement.kind == "issue" {
            *gone.entry(movement.stock).or_default() -= movement.delta.sellable;
        }
    }
    for (key, stock) in book.stock() {
        let buckets = buckets(book, *key);
        assert_eq!(buckets, sums.get(key).copied().unwrap_or_default(), "buckets are sums of movements");
        assert!(stock.sellable >= 0 && stock.allocated >= 0 && stock.soft_reserved >= 0, "{stock:?}");
        assert!(stock.claims() <= stock.sellable, "{stock:?}");
        let legs = || book.legs().values().filter(|leg| leg.stocked && leg.stock_key() == *key);
        assert_eq!(legs().map(|leg| leg.open()).sum::<i64>(), stock.allocated, "{stock:?}");
        let held: i64 = book.holds().values().filter(|it| it.stock_key() == *key).map(|it| it.quantity).sum();
        assert_eq!(held, stock.soft_reserved, "{stock:?}");
        let issued: i64 = legs().map(|leg| leg.issued).sum();
        assert_eq!(issued, gone.get(key).copied().unwrap_or(0), "every unit issued left stock once");
    }
    for leg in book.legs().values() {
        assert!(leg.open() >= 0 && leg.released >= 0 && leg.issued >= 0 && leg.broken >= 0, "{leg:?}");
    }
    assert!(book.holds().values().all(|hold| hold.quantity > 0));
    for reservation in book.reservations().values() {
        let mine = book.legs().values().filter(|leg| leg.reservation == reservation.id);
        let is_claiming = mine.map(|leg| leg.open()).sum::<i64>() > 0;
        assert_eq!(
            reservation.state == State::Live,
            is_claiming,
            "it is live as long as it claims: {reservation:?}"
        );
    }
}
