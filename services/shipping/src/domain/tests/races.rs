//! What meets what, by name.

use std::collections::HashMap;

use proptest::prelude::*;

use super::world::{Work, asked, at, scan, units};
use crate::domain::*;

#[test]
fn a_shipment_goes_from_requested_to_completed() {
    let mut work = Work::new(Kind::Ship);
    work.pack();
    work.buy();
    work.try_do(hand_over).unwrap();
    work.scan(0, scan("1", ShipmentStatus::InTransit, 10));
    work.scan(0, scan("2", ShipmentStatus::Delivered, 20));
    assert!(matches!(work.fulfilment.state, State::Completed { .. }));
    let told: Vec<_> = work
        .told
        .iter()
        .map(|event| match event {
            Event::Requested => "requested",
            Event::Accepted => "accepted",
            Event::PickingStarted { .. } => "picking",
            Event::Packed { .. } => "packed",
            Event::LabelsRequested => "labels_requested",
            Event::LabelPurchased { .. } => "label",
            Event::Issued { .. } => "issued",
            Event::Tracked { .. } => "tracked",
            Event::ShipmentChanged { status, .. } => status.word(),
            Event::Completed { units } if units.is_empty() => "completed",
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = "requested accepted picking packed labels_requested label label_purchased issued handed_over \
                    tracked in_transit tracked delivered completed";
    assert_eq!(told.join(" "), expected);
}

#[test]
fn a_pickup_is_issued_and_completed_at_the_counter() {
    let mut work = Work::new(Kind::Pickup);
    work.pack();
    assert_eq!(work.fulfilment.state, State::ReadyForPickup);
    assert_eq!(work.try_do(label).unwrap_err().code, "no_carrier");
    work.try_do(hand_over).unwrap();
    let all = vec![units(10, 3), units(11, 2)];
    assert!(work.told.contains(&Event::Completed { units: all.clone() }));
    assert_eq!(work.count(|event| matches!(event, Event::Issued { units, .. } if *units == all)), 1);
    assert_eq!(work.fulfilment.delivered(all[0].line, all[0].item), 3);
}

#[test]
fn a_recall_wins_before_the_point_of_no_return_and_loses_after() {
    fn recalled(kind: Kind, prepare: impl FnOnce(&mut Work)) -> bool {
        let mut work = Work::new(kind);
        prepare(&mut work);
        let left = work.fulfilment.left();
        work.run(recall);
        let is_cancelled = work.fulfilment.state == State::Cancelled;
        assert_eq!(work.told.contains(&Event::Cancelled { units: left }), is_cancelled);
        assert_eq!(
            work.count(|event| matches!(event, Event::RecallRefused { .. })),
            usize::from(!is_cancelled)
        );
        is_cancelled
    }
    for kind in Kind::ALL {
        assert!(recalled(kind, |_| ()));
        assert_eq!(recalled(kind, |work| work.try_do(accept).unwrap()), kind != Kind::DropShip);
        assert_eq!(recalled(kind, Work::pack), kind != Kind::DropShip);
    }
    assert!(recalled(Kind::Ship, |work| {
        work.pack();
        work.try_do(label).unwrap();
    }));
    for kind in [Kind::Ship, Kind::DropShip] {
        assert!(!recalled(kind, |work| {
            work.pack();
            work.buy();
        }));
    }
    assert!(!recalled(Kind::Ship, |work| {
        work.pack_in_two();
        let parcels = work.try_do(label).unwrap();
        work.sold(parcels[0]);
    }));
    assert!(!recalled(Kind::Pickup, |work| {
        work.pack();
        work.try_do(hand_over).unwrap();
    }));
}

#[test]
fn a_recall_before_its_request_cancels_the_request_at_once() {
    let work = Work::from(request(&asked(Kind::DropShip), true, at(0)));
    assert_eq!(work.fulfilment.state, State::Cancelled);
    assert_eq!(work.fulfilment.cancelled(), [units(10, 3), units(11, 2)]);
    assert_eq!(work.told.len(), 2);
}

#[test]
fn a_label_that_comes_after_the_recall_is_unwanted() {
    let mut work = Work::new(Kind::Ship);
    work.pack();
    let parcels = work.try_do(label).unwrap();
    work.run(recall);
    assert_eq!(work.sold(parcels[0]), LabelOutcome::Unwanted);
    assert!(work.fulfilment.shipments.is_empty());
}

#[test]
fn a_carrier_that_answers_twice_sells_one_label() {
    let mut work = Work::new(Kind::Ship);
    work.pack();
    let parcels = work.try_do(label).unwrap();
    assert_eq!(work.sold(parcels[0]), LabelOutcome::Recorded);
    assert_eq!(work.sold(parcels[0]), LabelOutcome::Known);
    assert_eq!(work.fulfilment.shipments.len(), 1);
    assert!(work.try_do(label).unwrap().is_empty());
}

#[test]
fn labels_that_nobody_sells_are_withdrawn_only_while_none_was_sold() {
    let mut work = Work::new(Kind::Ship);
    work.pack_in_two();
    let parcels = work.try_do(label).unwrap();
    work.run(withdraw_labels);
    assert_eq!(work.fulfilment.state, State::Packed { labels: Labels::NotBought });
    work.try_do(label).unwrap();
    work.sold(parcels[1]);
    work.run(withdraw_labels);
    assert_eq!(work.fulfilment.state, State::Packed { labels: Labels::Buying });
    assert_eq!(work.try_do(hand_over).unwrap_err().code, "labels_missing");
}

#[test]
fn rejecting_in_part_goes_on_with_the_rest_and_unpacks() {
    let mut work = Work::new(Kind::Ship);
    work.pack();
    let old = work.fulfilment.parcels[0].id;
    work.try_do(|step| reject(step, &[units(10, 1), units(10, 1)], RejectReason::ShortPick)).unwrap();
    assert_eq!((work.fulfilment.state, work.fulfilment.parcels.len()), (State::Picking, 0));
    work.try_do(|step| pack(step, &[], &HashMap::new())).unwrap();
    assert_ne!(work.fulfilment.parcels[0].id, old);
    work.buy();
    let refused = work.try_do(|step| reject(step, &[units(11, 1)], RejectReason::Declined)).unwrap_err();
    assert_eq!(refused.code, "labels_bought");
    work.try_do(|step| reject(step, &[], RejectReason::Declined)).unwrap();
    assert_eq!(work.fulfilment.state, State::Rejected { reason: RejectReason::Declined });
    assert_eq!(work.fulfilment.shipments[0].status(), ShipmentStatus::Voided);
    assert_eq!(work.fulfilment.rejected(), [units(10, 3), units(11, 2)]);
}

#[test]
fn bad_units_are_refused_with_their_field() {
    let mut work = Work::new(Kind::Ship);
    let refused = |work: &mut Work, given: &[LineUnits]| {
        let refusal = work.try_do(|step| reject(step, given, RejectReason::ShortPick)).unwrap_err();
        (refusal.code, refusal.field.unwrap())
    };
    let expect = |code: &str, field: &str| (code.to_owned(), field.to_owned());
    assert_eq!(refused(&mut work, &[units(12, 1)]), expect("unknown_line", "units[0].line_id"));
    assert_eq!(
        refused(&mut work, &[units(10, 2), units(10, 2)]),
        expect("more_than_left", "units[1].quantity")
    );
    assert_eq!(refused(&mut work, &[units(10, 0)]), expect("not_positive", "units[0].quantity"));
    work.try_do(accept).unwrap();
    let mut packed = |parcels: &[Vec<LineUnits>], weight_grams| {
        let parcels: Vec<_> =
            parcels.iter().map(|it| NewParcel { units: it.clone(), weight_grams }).collect();
        let refusal = work.try_do(|step| pack(step, &parcels, &HashMap::new())).unwrap_err();
        (refusal.code, refusal.field.unwrap())
    };
    assert_eq!(packed(&[vec![units(10, 3)]], 0), expect("units_left_out", "parcels"));
    assert_eq!(packed(&[vec![]], 0), expect("required", "parcels[0].units"));
    assert_eq!(packed(&[vec![units(10, 3)]], -1), expect("out_of_range", "parcels[0].weight_grams"));
    let twice = [vec![units(10, 3)], vec![units(11, 2), units(10, 1)]];
    assert_eq!(packed(&twice, 0), expect("more_than_left", "parcels[1].units[1].quantity"));
}

#[test]
fn weights_of_items_are_added_up_unless_the_box_was_weighed() {
    let mut work = Work::new(Kind::Ship);
    work.try_do(accept).unwrap();
    let weights = HashMap::from([(units(10, 1).item, 250), (units(11, 1).item, i64::MAX)]);
    let parcels = [(units(10, 2), 0), (units(10, 1), 99), (units(11, 2), 0)]
        .map(|(units, weight_grams)| NewParcel { units: vec![units], weight_grams });
    work.try_do(|step| pack(step, &parcels, &weights)).unwrap();
    let weights: Vec<_> = work.fulfilment.parcels.iter().map(|parcel| parcel.weight_grams).collect();
    assert_eq!(weights, [500, 99, 30_000_000]);
}

#[test]
fn a_scan_by_the_carrier_hands_over_what_nobody_said_was_handed_over() {
    let mut work = Work::new(Kind::Ship);
    work.pack_in_two();
    let parcels = work.try_do(label).unwrap();
    work.sold(parcels[0]);
    work.scan(0, scan("1", ShipmentStatus::InTransit, -5));
    // The second label is still missing.
    assert!(matches!(work.fulfilment.state, State::Packed { .. }));
    work.sold(parcels[1]);
    assert_eq!(work.fulfilment.state, State::Dispatched { issued_at: at(-5) });
    assert_eq!(work.fulfilment.issued(), [units(10, 3), units(11, 2)]);
    assert_eq!(work.fulfilment.shipments[0].status(), ShipmentStatus::InTransit);
    assert_eq!(work.fulfilment.shipments[1].status(), ShipmentStatus::HandedOver);
}

#[test]
fn what_is_at_the_door_is_not_rejected_because_its_sister_has_no_label() {
    let mut work = Work::new(Kind::Ship);
    work.pack_in_two();
    let parcels = work.try_do(label).unwrap();
    work.sold(parcels[0]);
    work.scan(0, scan("1", ShipmentStatus::Delivered, 5));
    let refused = work.try_do(|step| reject(step, &[], RejectReason::Declined)).unwrap_err();
    assert_eq!(refused.code, "with_carrier");
    let line = units(10, 3);
    assert_eq!(work.fulfilment.delivered(line.line, line.item), 0);
    work.sold(parcels[1]);
    assert_eq!(work.fulfilment.delivered(line.line, line.item), 3);
}

#[test]
fn a_lost_parcel_leaves_the_work_incomplete_until_it_turns_up() {
    let mut work = Work::new(Kind::Ship);
    work.pack_in_two();
    work.buy();
    work.try_do(hand_over).unwrap();
    work.scan(0, scan("1", ShipmentStatus::Delivered, 10));
    assert!(matches!(work.fulfilment.state, State::Dispatched { .. }));
    work.scan(1, scan("2", ShipmentStatus::Lost, 20));
    assert!(matches!(work.fulfilment.state, State::Incomplete { .. }));
    work.scan(1, scan("3", ShipmentStatus::Delivered, 30));
    assert!(matches!(work.fulfilment.state, State::Completed { .. }));
    assert_eq!(work.count(|event| matches!(event, Event::Completed { .. })), 1);
}

#[test]
fn asking_again_is_answered_with_where_the_work_stands_and_changes_nothing() {
    let mut work = Work::new(Kind::Ship);
    work.pack();
    work.buy();
    work.try_do(hand_over).unwrap();
    let (before, told) = (work.fulfilment.clone(), work.told.len());
    work.run(repeat);
    assert_eq!(work.fulfilment, before);
    let State::Dispatched { issued_at } = before.state else { panic!("{before:?}") };
    assert_eq!(
        work.told[told..],
        [Event::Requested, Event::Issued { units: before.issued(), at: issued_at }]
    );
    work.run(recall);
    assert!(matches!(work.told.last(), Some(Event::RecallRefused { .. })));
}

#[test]
fn units_rejected_in_part_are_never_told_twice() {
    let mut work = Work::new(Kind::Pickup);
    work.try_do(accept).unwrap();
    work.try_do(|step| reject(step, &[units(10, 1)], RejectReason::ShortPick)).unwrap();
    for _ in 0..3 {
        work.run(repeat);
    }
    assert_eq!(work.count(|event| matches!(event, Event::Rejected { .. })), 1);
}

proptest! {
    #[test]
    fn an_accepted_fulfilment_packs_into_any_parcels_that_hold_it_exactly(first in 0..=3_i64, second in 0..=2_i64) {
        let mut work = Work::new(Kind::Ship);
        work.try_do(accept).unwrap();
        let holds = |line, quantity| (quantity > 0).then(|| units(line, quantity));
        let parcels: Vec<_> = [
            [holds(10, first), holds(11, second)],
            [holds(10, 3 - first), holds(11, 2 - second)],
        ]
        .into_iter()
        .map(|units| NewParcel { units: units.into_iter().flatten().collect(), weight_grams: 1 })
        .filter(|parcel| !parcel.units.is_empty())
        .collect();
        work.try_do(|step| pack(step, &parcels, &HashMap::new())).unwrap();
        let packed: Vec<_> = work.fulfilment.parcels.iter().flat_map(|it| it.units.clone()).collect();
        prop_assert_eq!(merged(&packed), work.fulfilment.left());
    }
}
