//! One story each.

use chrono::{NaiveDate, TimeDelta};

use super::world::*;
use crate::domain::{
    Book, Broken, Event, Issue, LocationRules, MovementKind, NewMovement, Plan, State, reservation_id,
};

fn is_reserved(event: &Event) -> bool {
    matches!(event, Event::Reserved { .. })
}

fn broken(events: &[Event]) -> Vec<(u128, i64)> {
    let broken = events.iter().filter_map(|event| match event {
        Event::ReservationBroken { order, quantity, .. } => {
            Some((order.as_uuid().as_u128() - 20_000, *quantity))
        }
        _ => None,
    });
    broken.collect()
}

fn issue_of(plan: &Plan, wanted: &[(u128, u128, i64)]) -> Issue {
    Issue {
        tenant: tenant(),
        reservation: reservation_id(plan.id),
        location: location(wanted[0].1),
        units: units(wanted).iter().map(|it| it.units).collect(),
    }
}

#[test]
fn of_four_hundred_who_want_one_of_a_hundred_exactly_a_hundred_get_it() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 100);
    for n in 0..400 {
        book.reserve(&plan(n, &[(0, 0, 1)]), &cause());
    }
    let told = events(&mut book);
    assert_eq!(told.iter().filter(|event| is_reserved(event)).count(), 100);
    assert_eq!(told.iter().filter(|event| matches!(event, Event::Rejected { .. })).count(), 300);
    assert_eq!(buckets(&book, key(0, 0)), (100, 100, 0));
    check_laws(&book);
}

#[test]
fn a_plan_is_reserved_whole_or_not_at_all() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 5);
    receive(&mut book, key(1, 1), 1);
    events(&mut book);
    book.reserve(&plan(1, &[(0, 0, 5), (1, 1, 2)]), &cause());
    let told = events(&mut book);
    let [Event::Rejected { shortages, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(shortages.len(), 1, "what was enough is not told as short");
    assert_eq!((shortages[0].item, shortages[0].location), (item(1), location(1)));
    assert_eq!((shortages[0].requested, shortages[0].available), (2, 1));
    assert_eq!(buckets(&book, key(0, 0)), (5, 0, 0));

    // Two groups of one plan may want the same stock: their units are added up.
    book.reserve(&plan(2, &[(0, 0, 3), (0, 0, 3)]), &cause());
    assert!(matches!(events(&mut book)[..], [Event::Rejected { .. }]));
    book.reserve(&plan(3, &[(0, 0, 3), (0, 0, 2)]), &cause());
    assert!(events(&mut book).iter().all(is_reserved));
    assert_eq!(buckets(&book, key(0, 0)), (5, 5, 0));
    check_laws(&book);
}

#[test]
fn safety_stock_is_not_promised_but_does_not_break_claims() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 5);
    let mut stock = book.stock()[&key(0, 0)].clone();
    stock.safety = 3;
    book.put_stock(stock);
    events(&mut book);
    book.reserve(&plan(1, &[(0, 0, 3)]), &cause());
    assert!(
        matches!(&events(&mut book)[..], [Event::Rejected { shortages, .. }] if shortages[0].available == 2)
    );
    book.reserve(&plan(2, &[(0, 0, 2)]), &cause());
    report(&mut book, key(0, 0), MovementKind::Count, 2).unwrap();
    assert_eq!(broken(&events(&mut book)), []);
    check_laws(&book);
}

#[test]
fn a_service_needs_no_stock_and_an_unknown_item_has_none() {
    let mut book = book(0);
    book.reserve(&plan(1, &[(9, 0, 1_000)]), &cause());
    book.reserve(&plan(2, &[(5, 0, 1)]), &cause());
    let told = events(&mut book);
    assert!(matches!(told[..], [Event::Reserved { .. }, Event::Rejected { .. }]), "{told:?}");
    assert!(book.issue(&issue_of(&plan(1, &[]), &[(9, 0, 1_000)]), &cause()));
    assert!(book.written().movements.is_empty());
    check_laws(&book);
}

#[test]
fn a_release_that_comes_before_its_reservation_leaves_nothing_to_reserve() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 5);
    events(&mut book);
    let plan = plan(1, &[(0, 0, 2)]);
    book.release(&release_of(&plan, vec![], false), &cause());
    book.reserve(&plan, &cause());
    let told = events(&mut book);
    assert!(
        matches!(&told[..], [Event::Released { ended: true, .. }, Event::Rejected { shortages, .. }] if shortages.is_empty()),
        "{told:?}"
    );
    assert_eq!(buckets(&book, key(0, 0)), (5, 0, 0));
    assert_eq!(book.reservations()[&(tenant(), reservation_id(plan.id))].state, State::Released);
}

#[test]
fn a_plan_that_comes_again_is_answered_again_without_effect() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 5);
    events(&mut book);
    let plan = plan(1, &[(0, 0, 2)]);
    book.reserve(&plan, &cause());
    book.reserve(&plan, &cause());
    let told = events(&mut book);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    assert_eq!(buckets(&book, key(0, 0)), (5, 2, 0));

    book.release(&release_of(&plan, units(&[(0, 0, 1)]), false), &cause());
    book.release(&release_of(&plan, units(&[(0, 0, 7)]), false), &cause());
    book.release(&release_of(&plan, vec![], false), &cause());
    let told = events(&mut book);
    let ends: Vec<bool> = told
        .iter()
        .filter_map(|event| match event {
            Event::Released { ended, .. } => Some(*ended),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [false, true], "the third release found nothing");
    book.reserve(&plan, &cause());
    assert!(matches!(&events(&mut book)[..], [Event::Rejected { shortages, .. }] if shortages.is_empty()));
    check_laws(&book);
}

#[test]
fn a_short_count_breaks_holds_then_the_least_urgent_and_never_what_is_picked() {
    let mut book = book(0);
    book.put_waiting(tenant(), item(0), 2);
    receive(&mut book, key(0, 0), 2);
    book.put_waiting(tenant(), item(0), 0);
    receive(&mut book, key(0, 0), 8);
    assert_eq!(buckets(&book, key(0, 0)), (10, 0, 2));
    // By priority, then by promise: 4 goes first, then 3, then 2, though that was planned last; 1 is the most urgent; 5 is
    // least urgent but picked.
    for (n, priority, day, quantity) in
        [(1, 9, 9, 2), (3, 0, 3, 2), (2, 0, 2, 2), (4, -1, 1, 1), (5, -5, 9, 1)]
    {
        let mut plan = Plan { priority, ..plan(n, &[(0, 0, quantity)]) };
        plan.planned_at = at(100 - i64::try_from(n).unwrap());
        plan.units[0].promised = NaiveDate::from_ymd_opt(2026, 7, day);
        book.reserve(&plan, &cause());
    }
    let picked = units(&[(0, 0, 1)])[0].units;
    assert!(book.pick(tenant(), reservation_id(plan(5, &[]).id), location(0), &[picked]));
    assert_eq!(buckets(&book, key(0, 0)), (10, 8, 2));
    events(&mut book);

    report(&mut book, key(0, 0), MovementKind::Count, 8).unwrap();
    assert_eq!(broken(&events(&mut book)), [], "holds go first");
    assert_eq!(buckets(&book, key(0, 0)), (8, 8, 0));

    report(&mut book, key(0, 0), MovementKind::Count, 6).unwrap();
    assert_eq!(broken(&events(&mut book)), [(4, 1), (3, 1)], "a reservation may lose some of its units");
    check_laws(&book);

    report(&mut book, key(0, 0), MovementKind::Adjust, -6).unwrap();
    assert_eq!(broken(&events(&mut book)), [(3, 1), (2, 2), (1, 2)]);
    assert_eq!(buckets(&book, key(0, 0)), (1, 1, 0), "what is picked stays");
    let state = |n| book.reservations()[&(tenant(), reservation_id(plan(n, &[]).id))].state;
    assert_eq!([1, 2, 3, 4].map(state), [State::Broken; 4]);
    assert_eq!(state(5), State::Live);
    let last = book.written().movements.last().unwrap();
    assert_eq!((last.kind, last.delta.sellable, last.reason.as_str()), ("adjust", 1, "recorded_shortage"));
    check_laws(&book);

    assert!(book.issue(&issue_of(&plan(5, &[]), &[(0, 0, 1)]), &cause()));
    assert_eq!(buckets(&book, key(0, 0)), (0, 0, 0));
    check_laws(&book);
}

#[test]
fn of_claims_with_equal_priority_those_without_a_promise_go_first_and_then_the_latest_planned() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 4);
    for (n, promised) in [(1, None), (2, NaiveDate::MAX.into()), (3, NaiveDate::MAX.into()), (4, None)] {
        let mut plan = plan(n, &[(0, 0, 1)]);
        plan.units[0].promised = promised;
        book.reserve(&plan, &cause());
    }
    events(&mut book);
    report(&mut book, key(0, 0), MovementKind::Count, 0).unwrap();
    assert_eq!(broken(&events(&mut book)), [(4, 1), (1, 1), (3, 1), (2, 1)]);
    check_laws(&book);
}

#[test]
fn a_plan_with_units_elsewhere_is_live_until_the_last_of_them_is_broken() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 1);
    receive(&mut book, key(1, 1), 1);
    let plan = plan(1, &[(0, 0, 1), (1, 1, 1)]);
    book.reserve(&plan, &cause());
    let state = |book: &Book| book.reservations()[&(tenant(), reservation_id(plan.id))].state;
    report(&mut book, key(0, 0), MovementKind::Count, 0).unwrap();
    assert_eq!(state(&book), State::Live);
    report(&mut book, key(1, 1), MovementKind::Count, 0).unwrap();
    assert_eq!(state(&book), State::Broken);
    check_laws(&book);
    // It ended once: a release finds nothing, and units that were picked all the same leave the books.
    events(&mut book);
    book.release(&release_of(&plan, vec![], false), &cause());
    assert_eq!(events(&mut book), []);
    assert!(book.issue(&issue_of(&plan, &[(1, 1, 1)]), &cause()));
    assert_eq!(state(&book), State::Broken);
    check_laws(&book);
}

#[test]
fn units_that_leave_without_their_claim_leave_others_claims_whole() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 4);
    let (mine, other) = (plan(1, &[(0, 0, 2)]), plan(2, &[(0, 0, 2)]));
    book.reserve(&mine, &cause());
    book.release(&release_of(&mine, vec![], false), &cause());
    book.reserve(&other, &cause());
    book.reserve(&plan(3, &[(0, 0, 2)]), &cause());
    assert_eq!(buckets(&book, key(0, 0)), (4, 4, 0));
    assert!(book.issue(&issue_of(&mine, &[(0, 0, 2)]), &cause()));
    assert_eq!(buckets(&book, key(0, 0)), (4, 4, 0), "the two that left are recorded as a shortage");
    check_laws(&book);
    // Told again under another event: they left only once.
    assert!(book.issue(&issue_of(&mine, &[(0, 0, 2)]), &cause()));
    check_laws(&book);
    assert!(!book.issue(&issue_of(&plan(77, &[]), &[(0, 0, 2)]), &cause()), "no such reservation");
}

#[test]
fn units_not_found_while_picking_are_not_offered_again() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 5);
    let (short, other) = (plan(1, &[(0, 0, 3)]), plan(2, &[(0, 0, 2)]));
    book.reserve(&short, &cause());
    book.reserve(&other, &cause());
    events(&mut book);
    book.release(&release_of(&short, units(&[(0, 0, 2)]), true), &cause());
    assert_eq!(buckets(&book, key(0, 0)), (3, 3, 0));
    assert!(
        matches!(events(&mut book)[..], [Event::Released { ended: false, .. }]),
        "nothing became available"
    );
    check_laws(&book);
}

#[test]
fn stock_that_arrives_is_held_for_those_who_wait_and_only_they_may_have_it() {
    let mut book = book(0);
    book.put_waiting(tenant(), item(0), 3);
    receive(&mut book, key(0, 0), 2);
    receive(&mut book, key(0, 1), 4);
    let until = Some(at(0) + TimeDelta::seconds(HOLD_SECONDS));
    let told = events(&mut book);
    let increase = |place, quantity, held| Event::AvailabilityIncreased {
        item: item(0),
        location: location(place),
        quantity,
        held,
        held_until: until,
    };
    assert_eq!(told, [increase(0, 2, 2), increase(1, 4, 1)], "no more is held than is waited for");

    book.reserve(&plan(1, &[(0, 0, 1)]), &cause());
    assert!(matches!(events(&mut book)[..], [Event::Rejected { .. }]), "others do not see what is held");
    book.reserve(&Plan { for_backorder: true, ..plan(2, &[(0, 0, 1), (0, 1, 4)]) }, &cause());
    assert!(events(&mut book).iter().all(is_reserved));
    assert_eq!(buckets(&book, key(0, 0)), (2, 1, 1));
    assert_eq!(buckets(&book, key(0, 1)), (4, 4, 0));
    check_laws(&book);

    // Nobody draws on the rest: it becomes everyone's, and is announced once more while somebody waits.
    let mut book = later(&book, HOLD_SECONDS);
    book.put_waiting(tenant(), item(0), 1);
    let hold = *book.holds().keys().next().unwrap();
    book.expire(hold, &cause());
    book.expire(hold, &cause());
    let told = events(&mut book);
    assert!(
        matches!(told[..], [Event::AvailabilityIncreased { quantity: 1, held: 0, held_until: None, .. }]),
        "{told:?}"
    );
    assert_eq!(buckets(&book, key(0, 0)), (2, 1, 0));
    book.reserve(&plan(3, &[(0, 0, 1)]), &cause());
    assert!(events(&mut book).iter().all(is_reserved));
}

#[test]
fn a_hold_does_not_end_before_its_time() {
    let mut book = book(0);
    book.put_waiting(tenant(), item(0), 3);
    receive(&mut book, key(0, 0), 2);
    let mut book = later(&book, HOLD_SECONDS - 1);
    let hold = *book.holds().keys().next().unwrap();
    book.expire(hold, &cause());
    assert_eq!(buckets(&book, key(0, 0)), (2, 0, 2));
    assert!(events(&mut book).is_empty());
}

fn rules(safety: i64) -> LocationRules {
    LocationRules { safety, is_active: true, was_opened: false }
}

#[test]
fn what_a_location_no_longer_keeps_back_is_told_and_held_like_what_arrives() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 10);
    book.review(key(0, 0), &rules(8), &cause());
    assert_eq!(events(&mut book).len(), 1, "the arrival alone");
    let movements = book.written().movements.len();
    book.put_waiting(tenant(), item(0), 4);
    book.review(key(0, 0), &rules(3), &cause());
    book.review(key(0, 0), &rules(3), &cause());
    let told = events(&mut book);
    assert!(matches!(told[..], [Event::AvailabilityIncreased { quantity: 5, held: 4, .. }]), "{told:?}");
    assert_eq!(buckets(&book, key(0, 0)), (10, 0, 4));
    assert_eq!(book.written().movements.len(), movements + 1, "only the hold moves anything");
    // Nobody can have what a closed location gives free.
    book.review(key(0, 0), &LocationRules { is_active: false, ..rules(0) }, &cause());
    assert_eq!(events(&mut book), []);
    // Opened again, it tells all that is left to anybody; 4 are held already.
    book.put_waiting(tenant(), item(0), 5);
    book.review(key(0, 0), &LocationRules { was_opened: true, ..rules(0) }, &cause());
    let told = events(&mut book);
    assert!(matches!(told[..], [Event::AvailabilityIncreased { quantity: 6, held: 1, .. }]), "{told:?}");
    check_laws(&book);
}

#[test]
fn low_stock_is_told_when_the_threshold_is_crossed_and_not_again_below_it() {
    let mut book = book(0);
    let facts = crate::domain::ItemFacts { sku: "SKU0".to_owned(), stocked: true, low_stock_threshold: 4 };
    book.put_item(tenant(), item(0), facts);
    receive(&mut book, key(0, 0), 5);
    book.reserve(&plan(1, &[(0, 0, 1)]), &cause());
    let is_low = |event: &Event| matches!(event, Event::LowStock { .. });
    assert!(!events(&mut book).iter().any(is_low));
    book.reserve(&plan(2, &[(0, 0, 1)]), &cause());
    assert!(
        events(&mut book)
            .iter()
            .any(|event| matches!(event, Event::LowStock { available: 3, threshold: 4, .. }))
    );
    book.reserve(&plan(3, &[(0, 0, 1)]), &cause());
    assert!(!events(&mut book).iter().any(is_low));
    receive(&mut book, key(0, 0), 10);
    book.review(key(0, 0), &rules(9), &cause());
    assert!(events(&mut book).iter().any(is_low), "what is kept back is not available");
}

#[test]
fn a_report_that_cannot_be_is_refused_with_its_field_and_changes_nothing() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 5);
    let good = NewMovement {
        stock: key(0, 0),
        kind: MovementKind::Adjust,
        quantity: -1,
        reason: "lost".to_owned(),
        reference: String::new(),
        expected_version: 1,
    };
    let cases = [
        ("quantity", NewMovement { quantity: 0, ..good.clone() }),
        ("quantity", NewMovement { quantity: i64::MIN, ..good.clone() }),
        ("quantity", NewMovement { quantity: -6, ..good.clone() }),
        ("quantity", NewMovement { kind: MovementKind::Receive, ..good.clone() }),
        ("quantity", NewMovement { kind: MovementKind::Count, ..good.clone() }),
        ("reason", NewMovement { reason: " ".to_owned(), ..good.clone() }),
        ("expected_version", NewMovement { expected_version: 2, ..good.clone() }),
        ("expected_version", NewMovement { expected_version: -1, ..good.clone() }),
    ];
    for (field, report) in cases {
        let refused = book.report(&report, &cause()).unwrap_err();
        assert_eq!(refused.field.as_deref(), Some(field), "{refused:?}");
    }
    assert_eq!(book.written().movements.len(), 1);
    book.report(&good, &cause()).unwrap();
    assert_eq!((buckets(&book, key(0, 0)).0, book.stock()[&key(0, 0)].version), (4, 2));
}

#[test]
fn a_forgotten_reservation_claims_again_what_is_there_and_tells_what_is_not() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 3);
    drop(events(&mut book));
    let known = plan(1, &[(0, 0, 2)]);
    book.remember_reserved(&known, &cause());
    assert_eq!(events(&mut book), [], "all others know already");
    assert_eq!(buckets(&book, key(0, 0)), (3, 2, 0));
    // It had more when the copy was not made yet: a delivery of which the books do not know any more.
    let more = plan(2, &[(0, 0, 4)]);
    book.remember_reserved(&more, &cause());
    let told = events(&mut book);
    assert!(
        matches!(told.as_slice(), [Event::ReservationBroken { quantity: 3, plan, .. }] if *plan == more.id),
        "{told:?}"
    );
    assert_eq!(buckets(&book, key(0, 0)), (3, 3, 0));
    // Its units that had left all the same are missing from the books, and that is written down.
    let issue = Issue {
        tenant: tenant(),
        reservation: reservation_id(more.id),
        location: location(0),
        units: vec![units(&[(0, 0, 4)])[0].units],
    };
    assert!(book.issue(&issue, &cause()));
    assert_eq!(buckets(&book, key(0, 0)), (2, 2, 0));
    check_laws(&book);
}

#[test]
fn a_claim_of_which_others_know_that_it_is_lost_is_taken_away_silently() {
    let mut book = book(0);
    receive(&mut book, key(0, 0), 3);
    book.reserve(&plan(1, &[(0, 0, 3)]), &cause());
    drop(events(&mut book));
    let lost = units(&[(0, 0, 3)])[0];
    let broken = Broken {
        tenant: tenant(),
        reservation: reservation_id(plan(1, &[]).id),
        location: lost.location,
        line: lost.units.line,
        item: lost.units.item,
        quantity: 3,
    };
    book.remember_broken(&broken, &cause());
    assert_eq!(events(&mut book), []);
    assert_eq!(buckets(&book, key(0, 0)), (3, 0, 0));
    assert_eq!(book.reservations()[&(tenant(), broken.reservation)].state, State::Broken);
    check_laws(&book);
}
