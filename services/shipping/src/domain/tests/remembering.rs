//! A fulfilment that was forgotten comes to stand again where others were told that it stands.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    lives::{ask, carry_out},
    world::{Work, asked, at},
};
use crate::domain::*;

/// What others were told, from what happened. As in the messages, a shipment's content is what is in its parcel then.
fn told(work: &Work, event: &Event) -> Option<Told> {
    Some(match event {
        Event::Accepted => Told::Accepted,
        Event::PickingStarted { units } => Told::Picking(units.clone()),
        Event::Rejected { units, reason } => Told::Rejected(units.clone(), *reason),
        Event::ReadyForPickup { .. } => Told::ReadyForPickup,
        Event::Issued { units, at } => Told::Issued(units.clone(), *at),
        Event::Completed { .. } => Told::Collected,
        Event::Cancelled { units } => Told::Cancelled(units.clone()),
        Event::ShipmentChanged { shipment, status, at } => {
            let it = work.fulfilment.shipment(*shipment)?;
            Told::Shipment {
                id: it.id,
                status: *status,
                units: work.fulfilment.contents(it).to_vec(),
                carrier: it.carrier.clone(),
                tracking_number: it.tracking_number.clone(),
                at: *at,
            }
        }
        _ => return None,
    })
}

/// Where the work stands, as far as anybody was told: what is packed and has no label may as well lie open.
fn standing(
    fulfilment: &Fulfilment,
) -> (&'static str, Vec<Line>, BTreeMap<qm_ids::ShipmentId, ShipmentStatus>) {
    let shipments = fulfilment.shipments.iter().map(|it| (it.id, it.status())).collect();
    let word = match fulfilment.state {
        State::Packed { .. } if fulfilment.live_shipments().next().is_none() => State::Picking.word(),
        state => state.word(),
    };
    (word, fulfilment.lines.clone(), shipments)
}

fn remembered(kind: Kind, told: &[Told]) -> Fulfilment {
    let mut step = Step::new(request(&asked(kind), false, at(0)).finish().fulfilment, at(0));
    remember(&mut step, told);
    let decision = step.finish();
    assert!(decision.fulfilment.units_add_up(), "{:?}", decision.fulfilment);
    assert!(is_settled(&decision.fulfilment));
    decision.fulfilment
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_was_told_says_where_the_work_stands(
        kind in prop::sample::select(&Kind::ALL[..]),
        asks in proptest::collection::vec(ask(), 1..40),
    ) {
        let mut work = Work::new(kind);
        let mut all = Vec::new();
        for ask in &asks {
            let before = work.told.len();
            carry_out(&mut work, ask);
            all.extend(work.told[before..].iter().filter_map(|event| told(&work, event)));
            prop_assert_eq!(standing(&remembered(kind, &all)), standing(&work.fulfilment), "{:?}", all);
        }
    }
}
