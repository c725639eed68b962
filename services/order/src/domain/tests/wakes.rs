//! Stock that arrives while an attempt is under way.

use qm_ids::ItemId;

use super::world::{all, decide, miss, now, placed, reject, some};
use crate::domain::{
    Arrivals, ArrivalsByItem, Bucket, Event, MAX_REJECTIONS, Order, SourcingReason, cancel, look_again,
    record_rejected, record_unfillable, wake,
};

fn arrived(item: ItemId, units: i64) -> ArrivalsByItem {
    let mut arrivals = Arrivals::default();
    arrivals.arrive(units, now());
    arrivals.keep();
    [(item, arrivals)].into()
}

fn asked(events: &[Event]) -> Option<(i32, SourcingReason)> {
    events.iter().find_map(|event| match event {
        Event::SourcingRequested { attempt, reason, .. } => Some((*attempt, *reason)),
        _ => None,
    })
}

fn item(order: &Order) -> ItemId {
    order.lines[0].item
}

#[test]
fn units_that_missed_an_arrival_look_again_and_the_others_wait() {
    let mut order = placed(&[5]).order;
    let units = all(&order);
    let mut arrivals = arrived(item(&order), 2);
    let events = decide(&mut order, |step| record_unfillable(step, 1, &units, &mut arrivals));
    assert_eq!(asked(&events), Some((2, SourcingReason::Placed)));
    assert_eq!((order.count(Bucket::Open), order.count(Bucket::Backordered)), (2, 3));
    assert!(
        decide(&mut order, |step| record_unfillable(step, 1, &units, &mut arrived(item(step.order()), 9)))
            .is_empty(),
        "told again, it means the same units"
    );
    // What they saw does not wake them a second time, whatever is left of it.
    let mut arrivals = arrived(item(&order), 7);
    let two = some(&order, 2);
    let events = decide(&mut order, |step| record_unfillable(step, 2, &two, &mut arrivals));
    assert_eq!(asked(&events), None);
    assert_eq!(order.count(Bucket::Backordered), 5);
}

#[test]
fn an_arrival_that_was_handled_before_the_attempt_is_seen_by_it() {
    let mut order = placed(&[5]).order;
    let units = all(&order);
    let mut arrivals = Arrivals::default();
    arrivals.arrive(5, now() - chrono::TimeDelta::seconds(60));
    arrivals.keep();
    let mut arrivals: ArrivalsByItem = [(item(&order), arrivals)].into();
    decide(&mut order, |step| record_unfillable(step, 1, &units, &mut arrivals));
    assert_eq!(order.count(Bucket::Backordered), 5);
}

/// An order of which `units` were woken at [`now`].
fn woken(quantity: i64, units: i64) -> Order {
    let mut order = placed(&[quantity]).order;
    let waiting = all(&order);
    miss(&mut order, 1, &waiting);
    decide(&mut order, |step| wake(step, item(step.order()), units, now()).to_string());
    order
}

fn unserved(arrivals: &ArrivalsByItem) -> i64 {
    arrivals.values().map(|arrivals| arrivals.unserved).sum()
}

#[test]
fn who_was_woken_and_finds_nothing_passes_it_on_and_is_not_woken_by_it_again() {
    let mut order = woken(5, 3);
    let three = some(&order, 3);
    let mut arrivals = arrived(item(&order), 3);
    for _ in 0..2 {
        decide(&mut order, |step| record_unfillable(step, 2, &three, &mut arrivals));
        assert_eq!(unserved(&arrivals), 3, "once, however often it is told");
    }
    assert_eq!(order.count(Bucket::Backordered), 5);
    decide(&mut order, |step| {
        assert_eq!(wake(step, item(step.order()), 9, now()), 2, "those that it did not wake before");
        String::new()
    });
    let later = now() + chrono::TimeDelta::seconds(1);
    decide(&mut order, |step| wake(step, item(step.order()), 9, later).to_string());
    assert_eq!(order.count(Bucket::Backordered), 0);
}

#[test]
fn the_last_rejection_of_who_was_woken_passes_it_on() {
    let mut order = woken(2, 2);
    let mut arrivals = ArrivalsByItem::new();
    for attempt in 2..=MAX_REJECTIONS + 1 {
        assert_eq!(unserved(&arrivals), 0);
        arrivals = arrived(item(&order), 2);
        decide(&mut order, |step| record_rejected(step, attempt, &[], &mut arrivals));
    }
    assert_eq!((order.count(Bucket::Backordered), unserved(&arrivals)), (2, 2));
}

#[test]
fn who_was_woken_and_is_cancelled_before_the_answer_passes_it_on() {
    let mut order = woken(2, 2);
    decide(&mut order, |step| cancel(step, "changed my mind").unwrap());
    let mut arrivals = arrived(item(&order), 2);
    for _ in 0..2 {
        let two = some(&order, 2);
        decide(&mut order, |step| record_unfillable(step, 2, &two, &mut arrivals));
        assert_eq!(unserved(&arrivals), 2, "once, however often it is told");
    }
    assert_eq!(order.count(Bucket::Cancelled), 2);
}

#[test]
fn the_last_rejection_looks_again_too() {
    let mut order = placed(&[3]).order;
    for attempt in 1..MAX_REJECTIONS {
        reject(&mut order, attempt, &[]);
    }
    let mut arrivals = arrived(item(&order), 1);
    let events = decide(&mut order, |step| record_rejected(step, MAX_REJECTIONS, &[], &mut arrivals));
    assert_eq!(asked(&events), Some((MAX_REJECTIONS + 1, SourcingReason::Rejected)));
    assert_eq!((order.count(Bucket::Open), order.count(Bucket::Backordered)), (1, 2));
}

#[test]
fn who_waited_before_waits_again_and_is_woken_in_a_decision_of_its_own() {
    let mut order = placed(&[5]).order;
    let units = all(&order);
    miss(&mut order, 1, &units);
    let at = now();
    decide(&mut order, |step| wake(step, item(step.order()), 3, at).to_string());
    let three = some(&order, 3);
    let mut arrivals = arrived(item(&order), 1);
    arrivals.values_mut().for_each(|it| {
        it.arrive(2, now());
        it.keep();
    });
    // They saw the arrival that woke them, not the one after it.
    let events = decide(&mut order, |step| record_unfillable(step, 2, &three, &mut arrivals));
    assert!(events.iter().any(|event| matches!(event, Event::Backordered { again: true, .. })), "{events:?}");
    assert_eq!(order.count(Bucket::Backordered), 5);
    let events = decide(&mut order, |step| look_again(step, 2, &mut arrivals));
    assert_eq!(asked(&events), Some((3, SourcingReason::Backorder)));
    assert_eq!((order.count(Bucket::Open), order.count(Bucket::Backordered)), (2, 3));
    assert!(decide(&mut order, |step| look_again(step, 2, &mut arrivals)).is_empty(), "spent");
}
