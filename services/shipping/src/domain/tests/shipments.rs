//! Where a shipment stands is a function of the set of reports.

use proptest::prelude::*;

use super::world::{Work, scan};
use crate::domain::*;

fn reports() -> impl Strategy<Value = Vec<TrackingEvent>> {
    let status = prop::sample::select(&ShipmentStatus::ALL[..10]);
    prop::collection::vec((status, 0..20_i64), 1..8).prop_map(|reports| {
        let name =
            |(n, (status, seconds)): (usize, (ShipmentStatus, i64))| scan(&n.to_string(), status, seconds);
        reports.into_iter().enumerate().map(name).collect()
    })
}

fn dispatched() -> Work {
    let mut work = Work::new(Kind::Ship);
    work.pack();
    work.buy();
    work
}

proptest! {
    #[test]
    fn reports_in_any_order_and_any_number_of_times_come_to_the_same(
        (reports, shuffled) in reports().prop_flat_map(|reports| {
            let twice: Vec<_> = reports.iter().chain(&reports).cloned().collect();
            (Just(reports), Just(twice).prop_shuffle())
        }),
        handed_over: bool,
    ) {
        let (mut one, mut other) = (dispatched(), dispatched());
        if handed_over {
            one.try_do(hand_over).unwrap();
            other.try_do(hand_over).unwrap();
        }
        let id = one.fulfilment.shipments[0].id;
        one.run(|step| { track(step, id, reports.clone()); });
        let mut duplicates = 0;
        for report in shuffled {
            duplicates += other.scan(0, report).duplicates as usize;
        }
        prop_assert_eq!(duplicates, reports.len());
        let (one_shipment, other_shipment) = (&one.fulfilment.shipments[0], &other.fulfilment.shipments[0]);
        prop_assert_eq!(&one_shipment.events, &other_shipment.events);
        prop_assert_eq!(one_shipment.status(), other_shipment.status());
        prop_assert_eq!(one.fulfilment.state.word(), other.fulfilment.state.word());
    }

    #[test]
    fn a_change_is_told_exactly_when_the_status_changes(reports in reports()) {
        let mut work = dispatched();
        work.try_do(hand_over).unwrap();
        for report in reports {
            let (before, told) = (work.fulfilment.shipments[0].status(), work.told.len());
            work.scan(0, report);
            let after = work.fulfilment.shipments[0].status();
            let changes: Vec<_> = work.told[told..]
                .iter()
                .filter_map(|event| match event {
                    Event::ShipmentChanged { status, .. } => Some(*status),
                    _ => None,
                })
                .collect();
            prop_assert_eq!(changes, if before == after { vec![] } else { vec![after] });
        }
    }

    #[test]
    fn delivered_is_final(reports in reports(), later in reports()) {
        let mut work = dispatched();
        for report in reports {
            work.scan(0, report);
        }
        work.scan(0, scan("delivered", ShipmentStatus::Delivered, 5));
        for (n, report) in later.into_iter().enumerate() {
            work.scan(0, TrackingEvent { id: format!("later {n}"), ..report });
        }
        prop_assert_eq!(work.fulfilment.shipments[0].status(), ShipmentStatus::Delivered);
        let is_completed = matches!(work.fulfilment.state, State::Completed { .. });
        prop_assert!(is_completed);
    }
}

#[test]
fn a_late_report_does_not_move_a_shipment_backwards() {
    let mut work = dispatched();
    work.try_do(hand_over).unwrap();
    work.scan(0, scan("out", ShipmentStatus::OutForDelivery, 100));
    let told = work.told.len();
    work.scan(0, scan("late", ShipmentStatus::InTransit, 50));
    assert_eq!(work.fulfilment.shipments[0].status(), ShipmentStatus::OutForDelivery);
    assert_eq!(work.fulfilment.shipments[0].events.len(), 2);
    assert!(matches!(work.told[told..], [Event::Tracked { .. }]));
}

#[test]
fn words_are_read_as_they_are_written() {
    for status in ShipmentStatus::ALL {
        assert_eq!(ShipmentStatus::from_word(status.word()), Some(status));
    }
    assert_eq!(ShipmentStatus::from_word("eaten"), None);
}
