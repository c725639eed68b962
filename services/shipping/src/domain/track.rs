//! Carriers report: late, twice, in any order.

use qm_ids::ShipmentId;

use super::{
    event::Event,
    fulfilment::{Fulfilment, Labels, State},
    shipment::{ShipmentStatus, TrackingEvent},
    step::Step,
    work::dispatch,
};

/// What came of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tracked {
    /// Reports that were new.
    pub applied: u32,
    /// Reports that were known.
    pub duplicates: u32,
}

/// Records a carrier's reports on a shipment. A late one is recorded and does not move the shipment backwards.
pub fn track(step: &mut Step, shipment: ShipmentId, mut events: Vec<TrackingEvent>) -> Tracked {
    // Reports of one message are told in the order in which they happened.
    events.sort_by(|a, b| (a.occurred_at, a.status, &a.id).cmp(&(b.occurred_at, b.status, &b.id)));
    let mut tracked = Tracked::default();
    for event in events {
        let Some(known) = step.fulfilment().shipment(shipment) else { return tracked };
        if known.events.iter().any(|earlier| earlier.id == event.id) {
            tracked.duplicates += 1;
            continue;
        }
        tracked.applied += 1;
        let (before, at) = (known.status(), event.occurred_at);
        step.emit(Event::Tracked { shipment, event });
        let after = step.fulfilment().shipment(shipment).map(|known| known.status());
        if let Some(status) = after.filter(|status| *status != before) {
            step.emit(Event::ShipmentChanged { shipment, status, at });
        }
    }
    follow(step);
    tracked
}

/// What follows for the fulfilment from where its shipments stand.
pub(super) fn follow(step: &mut Step) {
    let fulfilment = step.fulfilment();
    if let State::Packed { labels: Labels::Bought } = fulfilment.state {
        // The carrier has what nobody said was handed over. Carriers collect a location's parcels together.
        let scans = fulfilment.live_shipments().flat_map(|shipment| &shipment.events);
        let first = scans.filter(|event| event.status.is_with_carrier()).map(|event| event.occurred_at).min();
        if let Some(at) = first {
            dispatch(step, at);
        }
    }
    let fulfilment = step.fulfilment();
    let is_all = |wanted: fn(ShipmentStatus) -> bool| {
        fulfilment.live_shipments().all(|shipment| wanted(shipment.status()))
    };
    match fulfilment.state {
        State::Dispatched { .. } | State::Incomplete { .. }
            if is_all(|status| status == ShipmentStatus::Delivered) =>
        {
            step.emit(Event::Completed { units: Vec::new() });
        }
        State::Dispatched { .. } if is_all(ShipmentStatus::is_final) => step.emit(Event::Incompleted),
        _ => {}
    }
}

/// True when nothing follows from where the shipments stand that has not happened yet.
pub fn is_settled(fulfilment: &Fulfilment) -> bool {
    let mut step = Step::new(fulfilment.clone(), fulfilment.updated_at);
    follow(&mut step);
    step.finish().events.is_empty()
}
