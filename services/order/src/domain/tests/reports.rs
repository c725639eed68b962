//! What others report comes again under another name, late, and in any order.

use super::world::{
    PATIENCE, all, decide, in_fulfilment, location, next_due, now, open_units, placed, plan, released,
    reservation, reserved, shipment, some,
};
use crate::domain::status::Status;
use crate::domain::{
    Bucket, Event, Fate, LineUnits, Order, RejectReason, Step, cancel, record_broken, record_cancelled,
    record_completed, record_fulfilment_rejected, record_issued, record_journey, record_reserved, sweep,
};

fn counts<const N: usize>(order: &Order, buckets: [Bucket; N]) -> [i64; N] {
    buckets.map(|bucket| order.count(bucket))
}

fn break_claim(order: &mut Order, units: &LineUnits) -> Vec<Event> {
    decide(order, |step| {
        let claim = reservation(plan(step.order(), 1));
        record_broken(step, claim, location(1), units)
    })
}

#[test]
fn units_rejected_twice_in_words_are_rejected_once() {
    let (mut order, id) = in_fulfilment(&[5]);
    let two = some(&order, 2);
    let reject = |order: &mut Order, version| {
        decide(order, |step| record_fulfilment_rejected(step, id, version, &two, RejectReason::ShortPick))
    };
    reject(&mut order, 3);
    assert!(reject(&mut order, 3).is_empty(), "told again");
    assert_eq!(counts(&order, [Bucket::Open, Bucket::InFulfilment]), [2, 3]);
    reject(&mut order, 4);
    assert_eq!(counts(&order, [Bucket::Open, Bucket::InFulfilment]), [4, 1], "as many at another time");
}

#[test]
fn units_recalled_twice_in_words_are_recalled_once() {
    let (mut order, id) = in_fulfilment(&[5]);
    decide(&mut order, |step| cancel(step, "no").unwrap());
    let two = some(&order, 2);
    decide(&mut order, |step| record_cancelled(step, id, 3, &two));
    assert!(decide(&mut order, |step| record_cancelled(step, id, 3, &two)).is_empty());
    assert_eq!(counts(&order, [Bucket::Cancelled, Bucket::InFulfilment]), [2, 3]);
}

#[test]
fn units_issued_twice_in_words_are_issued_once() {
    let (mut order, id) = in_fulfilment(&[5]);
    let two = some(&order, 2);
    decide(&mut order, |step| record_issued(step, id, "10:00", &two));
    assert!(decide(&mut order, |step| record_issued(step, id, "10:00", &two)).is_empty());
    assert_eq!(counts(&order, [Bucket::Shipped, Bucket::InFulfilment]), [2, 3]);
    decide(&mut order, |step| record_issued(step, id, "11:00", &two));
    assert_eq!(counts(&order, [Bucket::Shipped, Bucket::InFulfilment]), [4, 1]);
}

#[test]
fn a_shipment_is_delivered_once_however_often_it_is_told() {
    let (mut order, id) = in_fulfilment(&[3]);
    let (one, three) = (some(&order, 1), some(&order, 3));
    decide(&mut order, |step| record_issued(step, id, "", &three));
    let deliver = |order: &mut Order, n| {
        decide(order, |step| record_journey(step, id, shipment(n), Fate::Delivered, &one))
    };
    deliver(&mut order, 1);
    assert!(deliver(&mut order, 1).is_empty());
    assert_eq!(counts(&order, [Bucket::Delivered, Bucket::Shipped]), [1, 2]);
    deliver(&mut order, 2);
    assert_eq!(counts(&order, [Bucket::Delivered, Bucket::Shipped]), [2, 1], "another shipment with as much");
}

#[test]
fn a_delivery_told_before_the_issue_counts_once() {
    // Of two units one is issued and delivered; the delivery is told first.
    let (mut order, id) = in_fulfilment(&[2]);
    let (one, two) = (some(&order, 1), some(&order, 2));
    decide(&mut order, |step| record_journey(step, id, shipment(1), Fate::Delivered, &one));
    decide(&mut order, |step| record_issued(step, id, "10:00", &one));
    let buckets = [Bucket::Delivered, Bucket::Shipped, Bucket::InFulfilment];
    assert_eq!(counts(&order, buckets), [1, 0, 1]);

    // Both are issued at once, and the second parcel is delivered before that is told.
    let (mut order, id) = in_fulfilment(&[2]);
    decide(&mut order, |step| record_journey(step, id, shipment(2), Fate::Delivered, &one));
    decide(&mut order, |step| record_issued(step, id, "10:00", &two));
    assert_eq!(counts(&order, buckets), [1, 1, 0]);
    decide(&mut order, |step| record_journey(step, id, shipment(1), Fate::Delivered, &one));
    assert_eq!(counts(&order, buckets), [2, 0, 0]);
    assert!(order.told_end);
}

#[test]
fn what_is_handed_over_at_the_counter_counts_once() {
    let (mut order, id) = in_fulfilment(&[2]);
    let two = all(&order);
    decide(&mut order, |step| record_completed(step, id, &two));
    assert_eq!(order.count(Bucket::Delivered), 2);
    decide(&mut order, |step| record_issued(step, id, "10:00", &two));
    decide(&mut order, |step| record_completed(step, id, &two));
    assert_eq!(order.count(Bucket::Delivered), 2);
}

#[test]
fn of_what_is_told_of_a_shipment_the_better_known_end_counts() {
    for order_of_telling in [
        [Fate::Returning, Fate::Lost, Fate::Delivered],
        [Fate::Delivered, Fate::Returning, Fate::Lost],
        [Fate::Lost, Fate::Delivered, Fate::Returning],
    ] {
        let (mut order, id) = in_fulfilment(&[2]);
        let one = some(&order, 1);
        for fate in order_of_telling {
            decide(&mut order, |step| record_journey(step, id, shipment(1), fate, &one));
        }
        let buckets = [Bucket::Delivered, Bucket::Lost, Bucket::Returning, Bucket::InFulfilment];
        assert_eq!(counts(&order, buckets), [1, 0, 0, 1], "{order_of_telling:?}");
    }
}

#[test]
fn a_broken_claim_of_work_under_way_is_not_released_again() {
    let (mut order, id) = in_fulfilment(&[5]);
    let two = some(&order, 2);
    break_claim(&mut order, &two[0]);
    let events = decide(&mut order, |step| record_cancelled(step, id, 3, &[]));
    assert_eq!(released(&events), 3, "{events:?}");

    // The location gives back just those whose claim was broken: nothing is left to release, and to name no units would
    // release all.
    let (mut order, id) = in_fulfilment(&[5]);
    break_claim(&mut order, &two[0]);
    let events =
        decide(&mut order, |step| record_fulfilment_rejected(step, id, 3, &two, RejectReason::ShortPick));
    let is_release = |event: &&Event| matches!(event, Event::ReleaseRequested { .. });
    assert_eq!(events.iter().find(is_release), None);
    let events = decide(&mut order, |step| record_cancelled(step, id, 4, &[]));
    assert_eq!(released(&events), 3, "the others have their claim");
}

#[test]
fn more_is_not_broken_than_was_claimed() {
    let (mut order, id) = in_fulfilment(&[2]);
    let three = some(&order, 3);
    break_claim(&mut order, &three[0]);
    break_claim(&mut order, &three[0]);
    assert_eq!(order.fulfilment(id).unwrap().broken, [(order.lines[0].id, 2)]);
}

#[test]
fn a_question_asked_again_leaves_the_revision_alone() {
    let sweep_late = |order: &Order| {
        let mut step = Step::new(order.clone(), next_due(order).unwrap(), PATIENCE);
        assert_eq!(sweep(&mut step), 1);
        step.finish("sweep", "", None, <_>::default())
    };
    let open = placed(&[2]).order;
    let (requested, _) = in_fulfilment(&[2]);
    let mut recalled = requested.clone();
    decide(&mut recalled, |step| cancel(step, "no").unwrap());
    for order in [open, requested, recalled] {
        let swept = sweep_late(&order);
        assert_eq!(swept.events.len(), 1, "it was asked again");
        assert_eq!(swept.order.revision, order.revision, "{:?}", swept.events);
        assert!(next_due(&swept.order) > next_due(&order));
    }
}

#[test]
fn a_stale_answer_told_again_and_again_leaves_the_revision_alone() {
    let mut order = placed(&[2]).order;
    let open = open_units(&order, 1);
    let late = reserved(&order, 1, &[(location(1), open)]);
    decide(&mut order, |step| cancel(step, "no").unwrap());
    let revision = order.revision;
    for _ in 0..3 {
        let events = decide(&mut order, |step| record_reserved(step, &late));
        assert!(matches!(events.as_slice(), [Event::ReleaseRequested { .. }]), "{events:?}");
    }
    assert_eq!(order.revision, revision);
}

#[test]
fn an_order_of_which_all_was_lost_is_not_completed() {
    let (mut order, id) = in_fulfilment(&[2]);
    let one = some(&order, 1);
    let ends = |events: &[Event]| events.iter().any(|event| matches!(event, Event::Completed));
    let travel = |order: &mut Order, n, fate| {
        ends(&decide(order, |step| record_journey(step, id, shipment(n), fate, &one)))
    };
    assert!(!travel(&mut order, 1, Fate::Lost));
    assert!(!travel(&mut order, 2, Fate::Lost));
    assert_eq!(order.status(), Status::InFulfilment);
    // It is found after all.
    assert!(travel(&mut order, 2, Fate::Delivered));
    assert_eq!(order.status(), Status::Completed);
}

#[test]
fn assignments_of_one_plan_with_one_location_and_group_are_one_fulfilment() {
    let mut order = placed(&[5, 2]).order;
    let open = open_units(&order, 1);
    let (two, three) = (some(&order, 2), some(&order, 3));
    let mut plan = reserved(
        &order,
        1,
        &[(location(1), two), (location(2), vec![open[1].clone()]), (location(1), three)],
    );
    let later = "2023-11-20".parse().unwrap();
    plan.assignments[0].promised = Some(later);
    plan.assignments[2].promised = "2023-11-18".parse().ok();
    plan.assignments[2].ship_by = "2023-11-14".to_owned();
    let events = decide(&mut order, |step| record_reserved(step, &plan));
    let asked: Vec<i64> = events
        .iter()
        .filter_map(|event| match event {
            Event::FulfilmentRequested { units, .. } => Some(units.iter().map(|it| it.quantity).sum()),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [5, 2]);
    assert_ne!(order.fulfilments[0].id, order.fulfilments[1].id);
    assert_eq!(order.fulfilments[0].ship_by, "2023-11-14");
    assert_eq!(order.fulfilments[0].promised, Some(later));
    assert_eq!(released(&events), 0);
}

#[test]
fn a_second_cancel_while_the_recall_is_under_way_is_the_same_wish() {
    let (mut order, _) = in_fulfilment(&[2]);
    decide(&mut order, |step| cancel(step, "no").unwrap());
    assert!(decide(&mut order, |step| cancel(step, "no, really").unwrap()).is_empty());
    let mut step = Step::new(order, now(), PATIENCE);
    assert!(cancel(&mut step, "no").is_ok());
}
