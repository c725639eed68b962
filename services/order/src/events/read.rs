//! Payload → verb: what others report, and what it means for an order.

use chrono::NaiveDate;
use qm_ids::{FulfilmentId, OrderId};
use qm_messaging::HandleError;
use qm_proto::{
    inventory::v1 as inventory, routing::v1 as routing, shipping::v1 as shipping,
    types::v1::LineUnits as ProtoUnits,
};
use qm_refusal::Refusal;

use crate::{
    commands::{Answer, Verb},
    domain::{self, Assignment, Fate, LineUnits, RejectReason, Reservation, Step},
};

/// Which order an event is about, and the verb. `None`: nothing.
pub(super) type Meaning = Option<(OrderId, Verb)>;

/// A verb that cannot be refused.
fn verb(verb: impl FnOnce(&mut Step) -> String + Send + 'static) -> Verb {
    Box::new(move |step| Ok::<_, Refusal>(verb(step)))
}

fn units(units: &[ProtoUnits]) -> Result<Vec<LineUnits>, HandleError> {
    units
        .iter()
        .map(|units| {
            if units.quantity <= 0 {
                return Err(HandleError::poison(format!("quantity {} of {}", units.quantity, units.line_id)));
            }
            Ok(LineUnits {
                line: units.line_id.parse()?,
                item: units.item_id.parse()?,
                quantity: units.quantity,
            })
        })
        .collect()
}

/// An attempt that came to nothing.
pub(super) type Failed = (OrderId, i32, Answer);

pub(super) fn unfillable(event: &routing::Unfillable) -> Result<Failed, HandleError> {
    Ok((event.order_id.parse()?, event.attempt, Answer::Unfillable(units(&event.units)?)))
}

pub(super) fn reserved(event: &inventory::Reserved) -> Result<Meaning, HandleError> {
    let plan = event.plan.as_ref().ok_or_else(|| HandleError::poison("plan is missing"))?;
    let assignments = plan
        .assignments
        .iter()
        .map(|assignment| {
            Ok(Assignment {
                location: assignment.location_id.parse()?,
                group: assignment.group.clone(),
                kind: assignment.kind,
                units: units(&assignment.units)?,
                ship_by: assignment.ship_date.clone(),
                promised: date("promised_date", &assignment.promised_date)?,
            })
        })
        .collect::<Result<_, HandleError>>()?;
    let reservation = Reservation {
        id: event.reservation_id.parse()?,
        plan: plan.plan_id.parse()?,
        attempt: plan.attempt,
        assignments,
    };
    Ok(Some((plan.order_id.parse()?, verb(move |step| domain::record_reserved(step, &reservation)))))
}

pub(super) fn rejected(event: &inventory::Rejected) -> Result<Failed, HandleError> {
    let shortages = event
        .shortages
        .iter()
        .map(|shortage| Ok((shortage.location_id.parse()?, shortage.item_id.parse()?)))
        .collect::<Result<Vec<_>, HandleError>>()?;
    Ok((event.order_id.parse()?, event.attempt, Answer::Rejected(shortages)))
}

pub(super) fn broken(event: &inventory::ReservationBroken) -> Result<Meaning, HandleError> {
    let (reservation, location) = (event.reservation_id.parse()?, event.location_id.parse()?);
    let lost =
        LineUnits { line: event.line_id.parse()?, item: event.item_id.parse()?, quantity: event.quantity };
    let verb = verb(move |step| domain::record_broken(step, reservation, location, &lost));
    Ok(Some((event.order_id.parse()?, verb)))
}

fn named(fulfilment: Option<&shipping::FulfilmentRef>) -> Result<(OrderId, FulfilmentId), HandleError> {
    let fulfilment = fulfilment.ok_or_else(|| HandleError::poison("fulfilment is missing"))?;
    Ok((fulfilment.order_id.parse()?, fulfilment.fulfilment_id.parse()?))
}

/// The same with the fulfilment's version, which tells its reports apart.
fn versioned(
    fulfilment: Option<&shipping::FulfilmentRef>,
) -> Result<(OrderId, FulfilmentId, i64), HandleError> {
    let (order, id) = named(fulfilment)?;
    Ok((order, id, fulfilment.map_or(0, |fulfilment| fulfilment.version)))
}

pub(super) fn opened(event: &shipping::FulfilmentOpened) -> Result<Meaning, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    Ok(Some((order, verb(move |step| domain::record_opened(step, id)))))
}

pub(super) fn declined(event: &shipping::FulfilmentRejected) -> Result<Meaning, HandleError> {
    let (order, id, version) = versioned(event.fulfilment.as_ref())?;
    let units = units(&event.units)?;
    let reason = match event.reason() {
        shipping::RejectReason::ShortPick => RejectReason::ShortPick,
        shipping::RejectReason::Declined => RejectReason::Declined,
        shipping::RejectReason::Unspecified => return Err(HandleError::poison("reason is missing")),
    };
    Ok(Some((order, verb(move |step| domain::record_fulfilment_rejected(step, id, version, &units, reason)))))
}

pub(super) fn cancelled(event: &shipping::FulfilmentCancelled) -> Result<Meaning, HandleError> {
    let (order, id, version) = versioned(event.fulfilment.as_ref())?;
    let units = units(&event.units)?;
    Ok(Some((order, verb(move |step| domain::record_cancelled(step, id, version, &units)))))
}

pub(super) fn recall_refused(event: &shipping::FulfilmentRecallRefused) -> Result<Meaning, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    Ok(Some((order, verb(move |step| domain::record_recall_refused(step, id)))))
}

pub(super) fn issued(event: &shipping::FulfilmentIssued) -> Result<Meaning, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    let (units, at) = (units(&event.units)?, event.issued_at.clone());
    Ok(Some((order, verb(move |step| domain::record_issued(step, id, &at, &units)))))
}

pub(super) fn completed(event: &shipping::FulfilmentCompleted) -> Result<Meaning, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    let units = units(&event.units)?;
    Ok(Some((order, verb(move |step| domain::record_completed(step, id, &units)))))
}

pub(super) fn shipment(event: &shipping::ShipmentChanged) -> Result<Meaning, HandleError> {
    let fate = match event.status.as_str() {
        "delivered" => Fate::Delivered,
        "lost" => Fate::Lost,
        "returning" => Fate::Returning,
        // Where a parcel is on its way changes nothing about the units.
        _ => return Ok(None),
    };
    let (order, id): (OrderId, FulfilmentId) = (event.order_id.parse()?, event.fulfilment_id.parse()?);
    let (shipment, units) = (Some(event.shipment_id.parse()?), units(&event.units)?);
    Ok(Some((order, verb(move |step| domain::record_journey(step, id, shipment, fate, &units)))))
}

fn date(field: &str, text: &str) -> Result<Option<NaiveDate>, HandleError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| HandleError::poison(format!("{field}: {error}")))
}
