//! Random lives: whatever is asked in whatever order, the books add up and no illegal transition happens.

use std::collections::HashMap;

use proptest::prelude::*;

use super::world::{Work, asked, at, scan, units};
use crate::domain::*;

#[derive(Debug, Clone)]
pub(super) enum Ask {
    Repeat,
    Accept,
    StartPicking,
    Reject { quantity: i64, all: bool },
    Pack { boxes: usize },
    Label,
    Sold { parcel: usize },
    Withdraw,
    HandOver,
    Recall,
    Scan { shipment: usize, status: ShipmentStatus, name: u8, seconds: i64 },
}

pub(super) fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        1 => Just(Ask::Repeat),
        4 => Just(Ask::Accept),
        3 => Just(Ask::StartPicking),
        2 => (1..4_i64, prop::bool::weighted(0.2)).prop_map(|(quantity, all)| Ask::Reject { quantity, all }),
        4 => (0..3_usize).prop_map(|boxes| Ask::Pack { boxes }),
        4 => Just(Ask::Label),
        5 => (0..3_usize).prop_map(|parcel| Ask::Sold { parcel }),
        1 => Just(Ask::Withdraw),
        3 => Just(Ask::HandOver),
        1 => Just(Ask::Recall),
        4 => (0..2_usize, prop::sample::select(&ShipmentStatus::ALL[..10]), 0..12_u8, 0..50_i64)
            .prop_map(|(shipment, status, name, seconds)| Ask::Scan { shipment, status, name, seconds }),
    ]
}

/// Carries an ask out; refusals are fine.
pub(super) fn carry_out(work: &mut Work, ask: &Ask) {
    match ask {
        Ask::Repeat => work.run(repeat),
        Ask::Recall => work.run(recall),
        Ask::Withdraw => work.run(withdraw_labels),
        Ask::Accept => drop(work.try_do(accept)),
        Ask::StartPicking => drop(work.try_do(start_picking)),
        Ask::HandOver => drop(work.try_do(hand_over)),
        Ask::Label => drop(work.try_do(label)),
        Ask::Reject { quantity, all } => {
            let some = [units(10, *quantity)];
            let given = if *all { &some[..0] } else { &some[..] };
            drop(work.try_do(|step| reject(step, given, RejectReason::Declined)));
        }
        Ask::Pack { boxes } => {
            // One box for all that is left, one for each line, or something that cannot be right.
            let left = work.fulfilment.left();
            let parcels: Vec<_> = match boxes {
                0 => Vec::new(),
                1 => left.iter().map(|it| NewParcel { units: vec![*it], weight_grams: 9 }).collect(),
                _ => vec![NewParcel { units: vec![units(10, 99)], weight_grams: 0 }],
            };
            drop(work.try_do(|step| pack(step, &parcels, &HashMap::new())));
        }
        Ask::Sold { parcel } => {
            if let Some(parcel) = work.fulfilment.parcels.get(*parcel).map(|parcel| parcel.id) {
                work.sold(parcel);
            }
        }
        Ask::Scan { shipment, status, name, seconds } => {
            if *shipment < work.fulfilment.shipments.len() {
                work.scan(*shipment, scan(&name.to_string(), *status, *seconds));
            }
        }
    }
}

/// The statuses that a fulfilment may go to from each; staying is always allowed.
fn is_legal(kind: Kind, from: &State, to: &State) -> bool {
    let next: &[&str] = match from.word() {
        "requested" => &["accepted", "rejected", "cancelled"],
        "accepted" => &["picking", "packed", "ready_for_pickup", "rejected", "cancelled"],
        "picking" => &["packed", "ready_for_pickup", "rejected", "cancelled"],
        // A scan may tell of the handover and the end at once.
        "packed" => &["picking", "dispatched", "completed", "incomplete", "rejected", "cancelled"],
        "ready_for_pickup" => &["picking", "completed", "rejected", "cancelled"],
        "dispatched" => &["completed", "incomplete"],
        "incomplete" => &["completed"],
        _ => &[],
    };
    let is_of_kind = match to {
        State::Packed { .. } | State::Dispatched { .. } | State::Incomplete { .. } => kind != Kind::Pickup,
        State::ReadyForPickup => kind == Kind::Pickup,
        _ => true,
    };
    is_of_kind && (from.word() == to.word() || next.contains(&to.word()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn every_life_keeps_the_books(
        kind in prop::sample::select(&Kind::ALL[..]),
        is_recalled in prop::bool::weighted(0.05),
        asks in prop::collection::vec(ask(), 0..60),
    ) {
        let mut work = Work::from(request(&asked(kind), is_recalled, at(0)));
        let (mut cancelled, mut issued, mut rejected) = (vec![], vec![], vec![]);
        for ask in asks {
            let (before, told) = (work.fulfilment.clone(), work.told.len());
            carry_out(&mut work, &ask);
            let now = &work.fulfilment;
            prop_assert!(now.units_add_up(), "{ask:?} made {now:?}");
            prop_assert!(is_legal(kind, &before.state, &now.state), "{ask:?}: {:?} to {:?}", before.state, now.state);
            let packed: Vec<_> = now.parcels.iter().flat_map(|parcel| parcel.units.clone()).collect();
            if let State::Packed { .. } | State::ReadyForPickup = now.state {
                prop_assert_eq!(merged(&packed), now.left());
            }
            if now.state.issued_at().is_some() {
                prop_assert_eq!(merged(&packed), now.issued());
            }
            if matches!(before.state, State::Rejected { .. } | State::Cancelled) {
                prop_assert_eq!(&before.lines, &now.lines);
            }
            if !matches!(ask, Ask::Repeat | Ask::Recall) {
                for event in &work.told[told..] {
                    match event {
                        Event::Rejected { units, .. } => rejected.extend(units.iter().copied()),
                        Event::Issued { units, .. } => issued.extend(units.iter().copied()),
                        Event::Cancelled { units } => cancelled.extend(units.iter().copied()),
                        _ => {}
                    }
                }
            }
        }
        // What was told adds up to what is.
        let at_last = &work.fulfilment;
        prop_assert_eq!(merged(&rejected), at_last.rejected());
        prop_assert_eq!(merged(&issued), at_last.issued());
        prop_assert!(cancelled.is_empty());
    }
}
