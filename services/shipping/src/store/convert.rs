//! Rows and fulfilments, both ways and exhaustive.

use chrono::{DateTime, Utc};
use qm_database::Error;
use qm_ids::{ItemId, LineId};
use sea_orm::DbErr;

use super::entity::{fulfilment, fulfilment_line, parcel, shipment, tracking_event};
use crate::domain::{
    Fulfilment, Kind, Labels, Line, LineUnits, Parcel, RejectReason, Shipment, ShipmentStatus, State,
    TrackingEvent, merged,
};

/// A row that no version of this service writes.
fn damaged(what: impl std::fmt::Display) -> Error {
    Error::Other(DbErr::Custom(format!("damaged row: {what}")))
}

/// A fulfilment's rows.
pub(super) struct Rows {
    pub(super) fulfilment: fulfilment::Model,
    pub(super) lines: Vec<fulfilment_line::Model>,
    pub(super) parcels: Vec<parcel::Model>,
    pub(super) shipments: Vec<shipment::Model>,
    pub(super) events: Vec<tracking_event::Model>,
}

/// What a parcel's content is in its column.
type StoredUnits = (LineId, ItemId, i64);

pub(super) fn row(it: &Fulfilment) -> fulfilment::Model {
    let (labels, reject_reason) = match &it.state {
        State::Packed { labels } => (Some(labels.word().to_owned()), None),
        State::Rejected { reason } => (None, Some(reason.word().to_owned())),
        State::Requested
        | State::Accepted
        | State::Picking
        | State::ReadyForPickup
        | State::Dispatched { .. }
        | State::Completed { .. }
        | State::Incomplete { .. }
        | State::Cancelled => (None, None),
    };
    fulfilment::Model {
        tenant_id: it.tenant,
        fulfilment_id: it.id,
        order_id: it.order,
        order_number: it.order_number,
        plan_id: it.plan,
        reservation_id: it.reservation,
        location_id: it.location,
        kind: it.kind.word().to_owned(),
        group_name: it.group.clone(),
        service_level: it.service_level.clone(),
        ship_by: it.ship_by.clone(),
        promise_by: it.promise_by.clone(),
        status: it.state.word().to_owned(),
        labels,
        reject_reason,
        issued_at: it.state.issued_at(),
        version: it.version,
        requested_at: it.requested_at,
        updated_at: it.updated_at,
    }
}

pub(super) fn line_rows(it: &Fulfilment) -> Vec<fulfilment_line::Model> {
    let row = |line: &Line| fulfilment_line::Model {
        tenant_id: it.tenant,
        fulfilment_id: it.id,
        line_id: line.line,
        item_id: line.item,
        order_id: it.order,
        reservation_id: it.reservation,
        location_id: it.location,
        quantity: line.quantity,
        rejected: line.rejected,
        cancelled: line.cancelled,
        issued: line.issued,
        delivered: it.delivered(line.line, line.item),
    };
    it.lines.iter().map(row).collect()
}

pub(super) fn parcel_rows(it: &Fulfilment) -> Result<Vec<parcel::Model>, Error> {
    let row = |(position, parcel): (i32, &Parcel)| {
        let units: Vec<StoredUnits> =
            parcel.units.iter().map(|units| (units.line, units.item, units.quantity)).collect();
        Ok(parcel::Model {
            tenant_id: it.tenant,
            fulfilment_id: it.id,
            parcel_id: parcel.id,
            position,
            units: serde_json::to_string(&units).map_err(damaged)?,
            weight_grams: parcel.weight_grams,
        })
    };
    (0..).zip(&it.parcels).map(row).collect()
}

pub(super) fn shipment_rows(it: &Fulfilment) -> Vec<shipment::Model> {
    let row = |(position, shipment): (i32, &Shipment)| shipment::Model {
        tenant_id: it.tenant,
        shipment_id: shipment.id,
        fulfilment_id: it.id,
        order_id: it.order,
        parcel_id: shipment.parcel,
        position,
        carrier: shipment.carrier.clone(),
        tracking_number: shipment.tracking_number.clone(),
        tracking_url: shipment.tracking_url.clone(),
        cost_minor: shipment.cost_minor,
        status: shipment.status().word().to_owned(),
        is_voided: shipment.is_voided,
        handed_over_at: shipment.handed_over_at,
        created_at: shipment.created_at,
    };
    (0..).zip(&it.shipments).map(row).collect()
}

/// Rows of the tracking events that `before` does not have.
pub(super) fn new_event_rows(
    it: &Fulfilment,
    before: Option<&Fulfilment>,
    now: DateTime<Utc>,
) -> Vec<tracking_event::Model> {
    let mut rows = Vec::new();
    for shipment in &it.shipments {
        let known = before.and_then(|before| before.shipment(shipment.id));
        let is_known = |event: &TrackingEvent| {
            known.is_some_and(|known| known.events.iter().any(|earlier| earlier.id == event.id))
        };
        rows.extend(shipment.events.iter().filter(|event| !is_known(event)).map(|event| {
            tracking_event::Model {
                tenant_id: it.tenant,
                shipment_id: shipment.id,
                carrier_event_id: event.id.clone(),
                status: event.status.word().to_owned(),
                description: event.description.clone(),
                place: event.place.clone(),
                occurred_at: event.occurred_at,
                recorded_at: now,
            }
        }));
    }
    rows
}

pub(super) fn fulfilment(rows: Rows) -> Result<Fulfilment, Error> {
    let Rows { fulfilment: it, lines, mut parcels, mut shipments, mut events } = rows;
    parcels.sort_by_key(|parcel| parcel.position);
    shipments.sort_by_key(|shipment| shipment.position);
    let shipments = shipments.into_iter().map(|row| {
        let (own, others) = events.drain(..).partition(|event| event.shipment_id == row.shipment_id);
        events = others;
        shipment(row, own)
    });
    let shipments = shipments.collect::<Result<_, _>>()?;
    let line = |row: fulfilment_line::Model| Line {
        line: row.line_id,
        item: row.item_id,
        quantity: row.quantity,
        rejected: row.rejected,
        cancelled: row.cancelled,
        issued: row.issued,
    };
    let mut lines: Vec<Line> = lines.into_iter().map(line).collect();
    lines.sort_by_key(|line| (line.line, line.item));
    Ok(Fulfilment {
        state: state(&it)?,
        tenant: it.tenant_id,
        id: it.fulfilment_id,
        order: it.order_id,
        order_number: it.order_number,
        plan: it.plan_id,
        reservation: it.reservation_id,
        location: it.location_id,
        kind: Kind::ALL
            .into_iter()
            .find(|kind| kind.word() == it.kind)
            .ok_or_else(|| damaged(format!("kind {}", it.kind)))?,
        group: it.group_name,
        service_level: it.service_level,
        ship_by: it.ship_by,
        promise_by: it.promise_by,
        lines,
        version: it.version,
        parcels: parcels.into_iter().map(parcel).collect::<Result<_, _>>()?,
        shipments,
        requested_at: it.requested_at,
        updated_at: it.updated_at,
    })
}

fn state(it: &fulfilment::Model) -> Result<State, Error> {
    let issued_at = || it.issued_at.ok_or_else(|| damaged("no time of issue"));
    Ok(match it.status.as_str() {
        "requested" => State::Requested,
        "accepted" => State::Accepted,
        "picking" => State::Picking,
        "packed" => {
            let labels = Labels::ALL.into_iter().find(|labels| it.labels.as_deref() == Some(labels.word()));
            State::Packed { labels: labels.ok_or_else(|| damaged("no stage of labels"))? }
        }
        "ready_for_pickup" => State::ReadyForPickup,
        "dispatched" => State::Dispatched { issued_at: issued_at()? },
        "completed" => State::Completed { issued_at: issued_at()? },
        "incomplete" => State::Incomplete { issued_at: issued_at()? },
        "rejected" => {
            let given = it.reject_reason.as_deref();
            let reason = RejectReason::ALL.into_iter().find(|reason| given == Some(reason.word()));
            State::Rejected { reason: reason.ok_or_else(|| damaged("no reason of rejection"))? }
        }
        "cancelled" => State::Cancelled,
        other => return Err(damaged(format!("status {other}"))),
    })
}

fn parcel(row: parcel::Model) -> Result<Parcel, Error> {
    let units: Vec<StoredUnits> = serde_json::from_str(&row.units).map_err(damaged)?;
    let units: Vec<_> =
        units.into_iter().map(|(line, item, quantity)| LineUnits { line, item, quantity }).collect();
    Ok(Parcel { id: row.parcel_id, units: merged(&units), weight_grams: row.weight_grams })
}

fn shipment(row: shipment::Model, events: Vec<tracking_event::Model>) -> Result<Shipment, Error> {
    let event = |row: tracking_event::Model| {
        Ok(TrackingEvent {
            status: ShipmentStatus::from_word(&row.status)
                .ok_or_else(|| damaged(format!("status {}", row.status)))?,
            id: row.carrier_event_id,
            description: row.description,
            place: row.place,
            occurred_at: row.occurred_at,
        })
    };
    let mut events = events.into_iter().map(event).collect::<Result<Vec<_>, Error>>()?;
    events.sort_by(|a, b| (a.occurred_at, a.status, &a.id).cmp(&(b.occurred_at, b.status, &b.id)));
    Ok(Shipment {
        id: row.shipment_id,
        parcel: row.parcel_id,
        carrier: row.carrier,
        tracking_number: row.tracking_number,
        tracking_url: row.tracking_url,
        cost_minor: row.cost_minor,
        created_at: row.created_at,
        handed_over_at: row.handed_over_at,
        is_voided: row.is_voided,
        events,
    })
}
