//! What others were told of a fulfilment before the database was restored to an earlier point.
//!
//! What was told says less than what was known: not what is inside which parcel before it has a label, not what a label cost,
//! not each scan. Goods that were only packed are packed again; where they had a label, they have the same.

use chrono::{DateTime, Utc};
use qm_ids::{ShipmentId, derive};

use super::{
    event::{Event, RejectReason},
    fulfilment::{Fulfilment, Kind, Parcel, State},
    shipment::{Shipment, ShipmentStatus, TrackingEvent},
    step::Step,
    track::follow,
    units::{LineUnits, merged},
};

/// Something that others were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The location took the work.
    Accepted,
    /// Picking has begun, of these units.
    Picking(Vec<LineUnits>),
    /// These units will not be fulfilled here.
    Rejected(Vec<LineUnits>, RejectReason),
    /// All units left wait at the counter.
    ReadyForPickup,
    /// The units left.
    Issued(Vec<LineUnits>, DateTime<Utc>),
    /// Units were handed to the shopper at the counter.
    Collected,
    /// The work was recalled in time.
    Cancelled(Vec<LineUnits>),
    /// A shipment stands somewhere.
    Shipment {
        /// Which.
        id: ShipmentId,
        /// Where it stands.
        status: ShipmentStatus,
        /// What is inside.
        units: Vec<LineUnits>,
        /// Carrier code.
        carrier: String,
        /// The carrier's tracking number.
        tracking_number: String,
        /// Since when.
        at: DateTime<Utc>,
    },
}

/// Brings a fulfilment to where others were told that it stands, in the order in which they were. What is known already
/// changes nothing, but for units that were rejected in part: each event may come once.
pub fn remember<'t>(step: &mut Step, told: impl IntoIterator<Item = &'t Told>) {
    for told in told {
        remember_one(step, told);
    }
    // Only now: what follows from a scan has mostly been told as well, and more exactly.
    follow(step);
}

fn remember_one(step: &mut Step, told: &Told) {
    let fulfilment = step.fulfilment();
    let is_before_parcels = matches!(fulfilment.state, State::Requested | State::Accepted | State::Picking);
    match told {
        Told::Accepted => {
            if fulfilment.state == State::Requested {
                step.emit(Event::Accepted);
            }
        }
        Told::Picking(units) => {
            if matches!(fulfilment.state, State::Requested | State::Accepted) {
                step.emit(Event::PickingStarted { units: units.clone() });
            }
        }
        Told::Rejected(units, reason) => {
            let units = still_left(fulfilment, units);
            if !units.is_empty() {
                step.emit(Event::Rejected { units, reason: *reason });
            }
        }
        Told::ReadyForPickup => {
            if is_before_parcels {
                let id = derive(fulfilment.id.as_uuid(), "parcel/told", 0);
                let parcels = vec![Parcel { id, units: fulfilment.left(), weight_grams: 0 }];
                step.emit(Event::ReadyForPickup { parcels });
            }
        }
        Told::Issued(units, at) => {
            let units = still_left(fulfilment, units);
            if fulfilment.state.issued_at().is_none() && !units.is_empty() {
                step.emit(Event::Issued { units, at: *at });
            }
        }
        Told::Collected => {
            let is_collected = matches!(fulfilment.state, State::Completed { .. });
            if fulfilment.kind == Kind::Pickup && !is_collected {
                let units = fulfilment.issued();
                step.emit(Event::Completed { units });
            }
        }
        Told::Cancelled(units) => {
            let units = still_left(fulfilment, units);
            if !units.is_empty() {
                step.emit(Event::Cancelled { units });
            }
        }
        Told::Shipment { id, status, units, carrier, tracking_number, at } => {
            if fulfilment.shipment(*id).is_none() {
                let parcel =
                    Parcel { id: derive(id.as_uuid(), "parcel", 0), units: merged(units), weight_grams: 0 };
                let shipment = Shipment {
                    id: *id,
                    parcel: parcel.id,
                    carrier: carrier.clone(),
                    tracking_number: tracking_number.clone(),
                    tracking_url: String::new(),
                    cost_minor: 0,
                    created_at: *at,
                    handed_over_at: None,
                    is_voided: false,
                    events: Vec::new(),
                };
                step.emit(Event::ShipmentRemembered { shipment: Box::new(shipment), parcel });
            }
            stand(step, *id, *status, *at);
        }
    }
}

/// Brings a shipment to where others were told that it stands.
fn stand(step: &mut Step, id: ShipmentId, status: ShipmentStatus, at: DateTime<Utc>) {
    let Some(shipment) = step.fulfilment().shipment(id) else { return };
    match status {
        // It has a label.
        ShipmentStatus::LabelPurchased => {}
        // That we gave it to the carrier, the issue of that moment says; at any other, the carrier has scanned it.
        ShipmentStatus::HandedOver if step.fulfilment().state.issued_at() == Some(at) => {}
        ShipmentStatus::Voided => {
            if !shipment.is_voided {
                step.emit(Event::LabelVoided { shipment: id });
            }
        }
        status => {
            if shipment.events.iter().all(|event| event.status != status || event.occurred_at != at) {
                let event = TrackingEvent {
                    id: format!("told/{}/{}", status.word(), at.timestamp_micros()),
                    status,
                    description: String::new(),
                    place: String::new(),
                    occurred_at: at,
                };
                step.emit(Event::Tracked { shipment: id, event });
            }
        }
    }
}

/// Of these units, those that are still to be fulfilled.
fn still_left(fulfilment: &Fulfilment, units: &[LineUnits]) -> Vec<LineUnits> {
    let left = fulfilment.left();
    let of = |units: LineUnits| {
        let left = left.iter().find(|left| (left.line, left.item) == (units.line, units.item))?;
        Some(LineUnits { quantity: units.quantity.min(left.quantity), ..units })
    };
    merged(units).into_iter().filter_map(of).collect()
}
