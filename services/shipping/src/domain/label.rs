//! Labels are bought from a carrier outside any transaction: asked for, then recorded.

use qm_ids::{ParcelId, ShipmentId, derive};
use qm_refusal::Refusal;

use super::{
    event::Event,
    fulfilment::{Labels, State},
    shipment::{Shipment, ShipmentStatus},
    step::Step,
    track::follow,
    work::not_now,
};

/// What a carrier sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The carrier's tracking number.
    pub tracking_number: String,
    /// Where the shopper can follow it; may be empty.
    pub tracking_url: String,
    /// What it cost, minor units.
    pub cost_minor: i64,
}

/// What became of a label that a carrier sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelOutcome {
    /// The parcel has a shipment now.
    Recorded,
    /// The parcel had this shipment already: the carrier answered twice.
    Known,
    /// Nobody needs it any more: it has to be voided.
    Unwanted,
}

/// The id of a parcel's shipment: a parcel has one at most.
pub fn shipment_id(parcel: ParcelId) -> ShipmentId {
    derive(parcel.as_uuid(), "shipment", 0)
}

/// Asks for labels. Returns the parcels that need one; none when all have theirs.
pub fn label(step: &mut Step) -> Result<Vec<ParcelId>, Refusal> {
    let fulfilment = step.fulfilment();
    if !fulfilment.has_carrier() {
        return Err(Refusal::conflict("no_carrier", "the shopper collects: there is nothing to label"));
    }
    let State::Packed { labels } = fulfilment.state else { return Err(not_now(fulfilment, "packed")) };
    let missing = fulfilment
        .parcels
        .iter()
        .map(|parcel| parcel.id)
        .filter(|parcel| fulfilment.shipment_of(*parcel).is_none())
        .collect();
    if labels == Labels::NotBought {
        step.emit(Event::LabelsRequested);
    }
    Ok(missing)
}

/// Records what the carrier sold for a parcel.
pub fn record_label(step: &mut Step, parcel: ParcelId, carrier: &str, label: &Label) -> LabelOutcome {
    let fulfilment = step.fulfilment();
    if let Some(shipment) = fulfilment.shipment_of(parcel) {
        let is_same = shipment.tracking_number == label.tracking_number;
        return if is_same { LabelOutcome::Known } else { LabelOutcome::Unwanted };
    }
    let is_wanted = matches!(fulfilment.state, State::Packed { labels: Labels::Buying })
        && fulfilment.parcels.iter().any(|known| known.id == parcel);
    if !is_wanted {
        return LabelOutcome::Unwanted;
    }
    let at = step.now();
    let shipment = Shipment {
        id: shipment_id(parcel),
        parcel,
        carrier: carrier.to_owned(),
        tracking_number: label.tracking_number.clone(),
        tracking_url: label.tracking_url.clone(),
        cost_minor: label.cost_minor,
        created_at: at,
        handed_over_at: None,
        is_voided: false,
        events: Vec::new(),
    };
    let id = shipment.id;
    step.emit(Event::LabelPurchased { shipment: Box::new(shipment) });
    step.emit(Event::ShipmentChanged { shipment: id, status: ShipmentStatus::LabelPurchased, at });
    // Its sister parcels may have been scanned while this one waited for its label.
    follow(step);
    LabelOutcome::Recorded
}

/// The carrier will sell no label for any of the parcels: they are packed as before, and can be recalled again.
pub fn withdraw_labels(step: &mut Step) {
    let fulfilment = step.fulfilment();
    let is_buying = matches!(fulfilment.state, State::Packed { labels: Labels::Buying });
    if is_buying && fulfilment.live_shipments().next().is_none() {
        step.emit(Event::LabelsWithdrawn);
    }
}
