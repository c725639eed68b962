//! One test per race.

use qm_refusal::Kind as RefusalKind;

use super::world::{
    PATIENCE, all, decide, in_fulfilment, items, location, miss, new_order, next_due, now, open_units,
    placed, plan, reject, reservation, reserved, some,
};
use crate::domain::status::Status;
use crate::domain::{
    Bucket, Event, HoldKind, LineUnits, Order, RejectReason, ReleaseReason, SourcingReason, cancel, hold,
    place, record_broken, record_cancelled, record_fulfilment_rejected, record_issued, record_recall_refused,
    record_reserved, release_hold, sweep, wake,
};

fn try_cancel(order: &mut Order) -> Vec<Event> {
    decide(order, |step| cancel(step, "changed my mind").unwrap())
}

fn has_release(events: &[Event], wanted: ReleaseReason) -> bool {
    events.iter().any(|event| matches!(event, Event::ReleaseRequested { reason, .. } if *reason == wanted))
}

#[test]
fn a_cancelled_order_lets_a_late_reservation_go() {
    let mut order = placed(&[2]).order;
    let units = open_units(&order, 1);
    let late = reserved(&order, 1, &[(location(1), units)]);
    try_cancel(&mut order);
    assert_eq!(order.status(), Status::Cancelled);
    let events = decide(&mut order, |step| record_reserved(step, &late));
    assert!(has_release(&events, ReleaseReason::Stale), "{events:?}");
    assert_eq!(order.status(), Status::Cancelled);
}

#[test]
fn what_a_location_works_on_is_cancelled_only_when_it_says_so() {
    let (mut order, fulfilment) = in_fulfilment(&[2]);
    let events = try_cancel(&mut order);
    assert!(matches!(events.as_slice(), [Event::RecallRequested { .. }]), "{events:?}");
    assert_eq!(order.count(Bucket::InFulfilment), 2);
    let events = decide(&mut order, |step| record_cancelled(step, fulfilment, 2, &[]));
    assert!(has_release(&events, ReleaseReason::Cancelled));
    assert_eq!(order.status(), Status::Cancelled);
}

#[test]
fn a_recall_that_comes_too_late_leaves_the_units_on_their_way() {
    let (mut order, fulfilment) = in_fulfilment(&[2]);
    try_cancel(&mut order);
    decide(&mut order, |step| record_recall_refused(step, fulfilment));
    let units = all(&order);
    decide(&mut order, |step| record_issued(step, fulfilment, "", &units));
    assert_eq!(order.count(Bucket::Shipped), 2);
    let step = &mut crate::domain::Step::new(order, now(), PATIENCE);
    assert_eq!(cancel(step, "again").unwrap_err().kind, RefusalKind::Conflict);
}

#[test]
fn an_issue_wins_over_a_recall_under_way() {
    let (mut order, fulfilment) = in_fulfilment(&[1]);
    try_cancel(&mut order);
    let units = all(&order);
    decide(&mut order, |step| record_issued(step, fulfilment, "", &units));
    assert_eq!(order.count(Bucket::Shipped), 1);
    assert!(decide(&mut order, |step| record_cancelled(step, fulfilment, 2, &[])).is_empty());
}

#[test]
fn a_rejected_plan_is_tried_elsewhere_and_at_last_backordered() {
    let mut order = placed(&[3]).order;
    for attempt in 1..=4_i32 {
        let short = [(location(attempt.unsigned_abs().into()), order.lines[0].item)];
        let events = reject(&mut order, attempt, &short);
        let Event::SourcingRequested { attempt: next, reason, exclusions, .. } = &events[0] else {
            panic!("{events:?}")
        };
        assert_eq!((*next, *reason), (attempt + 1, SourcingReason::Rejected));
        assert_eq!(exclusions.len(), attempt as usize, "exclusions add up");
    }
    reject(&mut order, 5, &[]);
    assert_eq!(order.count(Bucket::Backordered), 3);
    assert!(reject(&mut order, 5, &[]).is_empty(), "told twice");
}

#[test]
fn both_parts_of_an_answer_commute() {
    let outcome = |reserved_first: bool| {
        let mut order = placed(&[5, 2]).order;
        let (first, second) = (order.lines[0].clone(), order.lines[1].clone());
        let units =
            |line: &crate::domain::Line, quantity| LineUnits { line: line.id, item: line.item, quantity };
        let claim = reserved(&order, 1, &[(location(1), vec![units(&first, 2), units(&second, 2)])]);
        let missing = [units(&first, 3)];
        let reserve = |order: &mut Order| decide(order, |step| record_reserved(step, &claim));
        let fail = |order: &mut Order| miss(order, 1, &missing);
        if reserved_first {
            reserve(&mut order);
            fail(&mut order);
        } else {
            fail(&mut order);
            reserve(&mut order);
        }
        assert!(reserve(&mut order).is_empty() && fail(&mut order).is_empty(), "told twice");
        assert_eq!((order.count(Bucket::InFulfilment), order.count(Bucket::Backordered)), (4, 3));
        order.lines.iter().map(|line| line.pieces.clone()).collect::<Vec<_>>()
    };
    assert_eq!(outcome(true), outcome(false));
}

#[test]
fn a_short_pick_looks_elsewhere_and_tells_inventory_why() {
    let (mut order, fulfilment) = in_fulfilment(&[4]);
    let one = vec![LineUnits { line: order.lines[0].id, item: order.lines[0].item, quantity: 1 }];
    let events = decide(&mut order, |step| {
        record_fulfilment_rejected(step, fulfilment, 2, &one, RejectReason::ShortPick)
    });
    assert!(has_release(&events, ReleaseReason::ShortPick));
    let asks = events.iter().any(|event| {
        matches!(event, Event::SourcingRequested { reason: SourcingReason::ShortPick, exclusions, .. }
            if exclusions.iter().any(|exclusion| exclusion.location == location(1)))
    });
    assert!(asks, "{events:?}");
    assert_eq!((order.count(Bucket::Open), order.count(Bucket::InFulfilment)), (1, 3));
}

#[test]
fn a_broken_reservation_under_a_hold_finds_another_source_at_once() {
    let mut order = placed(&[2]).order;
    decide(&mut order, |step| {
        hold(
            step,
            qm_ids::HoldId::from_uuid(qm_ids::Uuid::from_u128(9)),
            HoldKind::Fraud,
            "?",
            <_>::default(),
        )
        .unwrap()
    });
    let units = open_units(&order, 1);
    decide(&mut order, |step| record_reserved(step, &reserved(step.order(), 1, &[(location(1), units)])));
    assert_eq!((order.count(Bucket::Allocated), order.status()), (2, Status::OnHold));
    let units = all(&order);
    decide(&mut order, |step| {
        let claim = reservation(plan(step.order(), 1));
        record_broken(step, claim, location(1), &units[0])
    });
    assert_eq!(order.count(Bucket::Open), 2);
    assert_eq!(order.attempts.last().unwrap().reason, SourcingReason::ReservationBroken);
}

#[test]
fn a_broken_reservation_in_fulfilment_is_recalled_and_sourced_again() {
    let (mut order, fulfilment) = in_fulfilment(&[2]);
    let units = all(&order);
    let events = decide(&mut order, |step| {
        let claim = reservation(plan(step.order(), 1));
        record_broken(step, claim, location(1), &units[0])
    });
    assert!(matches!(events.as_slice(), [.., Event::RecallRequested { .. }]), "{events:?}");
    decide(&mut order, |step| record_cancelled(step, fulfilment, 2, &[]));
    assert_eq!(order.count(Bucket::Open), 2, "sourced again, not cancelled");
}

#[test]
fn a_cancel_wins_over_looking_for_another_source() {
    let (mut order, fulfilment) = in_fulfilment(&[2]);
    let units = all(&order);
    decide(&mut order, |step| {
        let claim = reservation(plan(step.order(), 1));
        record_broken(step, claim, location(1), &units[0])
    });
    try_cancel(&mut order);
    decide(&mut order, |step| record_cancelled(step, fulfilment, 2, &[]));
    assert_eq!(order.status(), Status::Cancelled);
}

#[test]
fn a_hold_keeps_units_allocated_until_it_is_lifted() {
    let mut order = placed(&[2]).order;
    let id = qm_ids::HoldId::from_uuid(qm_ids::Uuid::from_u128(9));
    decide(&mut order, |step| hold(step, id, HoldKind::Payment, "unpaid", <_>::default()).unwrap());
    let units = open_units(&order, 1);
    decide(&mut order, |step| record_reserved(step, &reserved(step.order(), 1, &[(location(1), units)])));
    assert_eq!(order.status(), Status::OnHold);
    let events = decide(&mut order, |step| release_hold(step, Some(id)).unwrap());
    assert!(events.iter().any(|event| matches!(event, Event::FulfilmentRequested { .. })), "{events:?}");
    assert_eq!(order.status(), Status::InFulfilment);
}

#[test]
fn backordered_units_wake_for_at_most_what_arrived() {
    let mut order = placed(&[5]).order;
    let units = open_units(&order, 1);
    miss(&mut order, 1, &units);
    let item = order.lines[0].item;
    decide(&mut order, |step| wake(step, item, 3, now()).to_string());
    assert_eq!((order.count(Bucket::Open), order.count(Bucket::Backordered)), (3, 2));
    assert_eq!(order.attempts.last().unwrap().reason, SourcingReason::Backorder);
}

#[test]
fn what_is_not_answered_is_asked_again_ever_more_rarely() {
    let order = placed(&[1]).order;
    let mut at = next_due(&order).unwrap();
    let mut order = order;
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let mut step = crate::domain::Step::new(order.clone(), at, PATIENCE);
        assert_eq!(sweep(&mut step), 1);
        order = step.finish("sweep", "", None, <_>::default()).order;
        let next = next_due(&order).unwrap();
        pauses.push(next - at);
        at = next;
    }
    assert!(pauses.is_sorted() && pauses[0] > PATIENCE && pauses[9] <= PATIENCE * 120, "{pauses:?}");
}

#[test]
fn a_total_that_does_not_add_up_is_refused_with_what_it_should_be() {
    let mut new = new_order(&[3]);
    new.total = qm_money::Minor(300);
    let names = (
        qm_ids::TenantId::from_uuid(qm_ids::Uuid::nil()),
        qm_ids::OrderId::from_uuid(qm_ids::Uuid::nil()),
        1,
    );
    let refusal = place(names, &new, &items(1), (now(), PATIENCE)).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("total_mismatch", Some("total_minor")));
    assert!(refusal.message.contains("299"), "{}", refusal.message);

    let refusal = place(names, &new_order(&[3]), &[None], (now(), PATIENCE)).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("unknown_item", Some("lines[0].sku")));
    let refusal = place(names, &new_order(&[1, 0]), &items(2), (now(), PATIENCE)).unwrap_err();
    assert_eq!(refusal.field.as_deref(), Some("lines[1].quantity"));
}

#[test]
fn a_recall_for_some_units_leaves_those_that_left_before() {
    let (mut order, fulfilment) = in_fulfilment(&[5]);
    try_cancel(&mut order);
    let (two, three) = (some(&order, 2), some(&order, 3));
    // Three had left; that is told after the recall of the other two.
    decide(&mut order, |step| record_cancelled(step, fulfilment, 2, &two));
    assert_eq!((order.count(Bucket::Cancelled), order.count(Bucket::InFulfilment)), (2, 3));
    decide(&mut order, |step| record_issued(step, fulfilment, "", &three));
    assert_eq!(order.count(Bucket::Shipped), 3);
}

#[test]
fn a_claim_broken_before_it_was_told_of_is_not_trusted() {
    let mut order = placed(&[3]).order;
    let units = all(&order);
    let claim = reserved(&order, 1, &[(location(1), units.clone())]);
    let two = LineUnits { quantity: 2, ..units[0].clone() };
    decide(&mut order, |step| record_broken(step, claim.id, location(1), &two));
    decide(&mut order, |step| record_reserved(step, &claim));
    assert_eq!((order.count(Bucket::Open), order.count(Bucket::InFulfilment)), (2, 1));
    assert_eq!(order.attempts.last().unwrap().reason, SourcingReason::ReservationBroken);
}

#[test]
fn unfillable_told_twice_backorders_once() {
    let mut order = placed(&[5]).order;
    let some = vec![LineUnits { quantity: 2, ..all(&order)[0].clone() }];
    miss(&mut order, 1, &some);
    assert!(miss(&mut order, 1, &some).is_empty());
    assert_eq!((order.count(Bucket::Open), order.count(Bucket::Backordered)), (3, 2));
}

#[test]
fn what_was_cancelled_too_late_is_not_sourced_again_when_it_comes_back() {
    let (mut order, fulfilment) = in_fulfilment(&[2]);
    try_cancel(&mut order);
    decide(&mut order, |step| record_recall_refused(step, fulfilment));
    let units = all(&order);
    decide(&mut order, |step| {
        record_fulfilment_rejected(step, fulfilment, 2, &units, RejectReason::ShortPick)
    });
    assert_eq!(order.status(), Status::Cancelled);
}

#[test]
fn locations_that_declined_are_not_asked_in_turn() {
    let (mut order, first) = in_fulfilment(&[1]);
    let units = all(&order);
    decide(&mut order, |step| record_fulfilment_rejected(step, first, 2, &units, RejectReason::Declined));
    let open = open_units(&order, 2);
    decide(&mut order, |step| record_reserved(step, &reserved(step.order(), 2, &[(location(2), open)])));
    let second = order.fulfilments[1].id;
    decide(&mut order, |step| record_fulfilment_rejected(step, second, 2, &units, RejectReason::Declined));
    let excluded: Vec<_> = order.attempts[2].exclusions.iter().map(|exclusion| exclusion.location).collect();
    assert_eq!(excluded, [location(1), location(2)]);
}
