//! Subject → command.

use async_trait::async_trait;
use chrono::NaiveDate;
use qm_database::Tx;
use qm_ids::{FulfilmentId, OrderId};
use qm_messaging::{HandleError, Handler, MessagingBuilder, Payload, Received};
use qm_proto::{
    inventory::v1 as inventory, routing::v1 as routing, shipping::v1 as shipping,
    types::v1::LineUnits as ProtoUnits,
};
use qm_refusal::Refusal;

use crate::{
    commands::{self, Arrival, Cause, Change, Context, Verb},
    domain::{self, Assignment, LineUnits, RejectReason, Reservation, Step},
    store::{self, ItemRow, LocationRow},
};

/// Consumes what others report.
pub fn consume(messaging: MessagingBuilder, context: &Context) -> MessagingBuilder {
    let context = || context.clone();
    messaging
        .consume(
            "record-unfillable",
            OnOrder { context: context(), command: "record_unfillable", read: unfillable },
        )
        .consume(
            "record-reserved",
            OnOrder { context: context(), command: "record_reserved", read: reserved },
        )
        .consume(
            "record-rejected",
            OnOrder { context: context(), command: "record_rejected", read: rejected },
        )
        .consume(
            "record-broken",
            OnOrder { context: context(), command: "record_reservation_broken", read: broken },
        )
        .consume("record-opened", OnOrder { context: context(), command: "record_opened", read: opened })
        .consume(
            "record-declined",
            OnOrder { context: context(), command: "record_fulfilment_rejected", read: declined },
        )
        .consume(
            "record-cancelled",
            OnOrder { context: context(), command: "record_fulfilment_cancelled", read: cancelled },
        )
        .consume(
            "record-recall-refused",
            OnOrder { context: context(), command: "record_recall_refused", read: recall_refused },
        )
        .consume("record-issued", OnOrder { context: context(), command: "record_issued", read: issued })
        .consume(
            "record-completed",
            OnOrder { context: context(), command: "record_fulfilment_completed", read: completed },
        )
        .consume(
            "record-shipment",
            OnOrder { context: context(), command: "record_shipment", read: shipment },
        )
        .consume("wake", Wake { context: context() })
        .consume("put-items", PutItems)
        .consume("put-locations", PutLocations)
}

/// What an event means for an order: which one, and the verb. `None`: nothing.
type Read<P> = fn(&P) -> Result<Option<(OrderId, Verb)>, HandleError>;

/// Carries out a verb on the order that an event names.
struct OnOrder<P> {
    context: Context,
    command: &'static str,
    read: Read<P>,
}

#[async_trait]
impl<P: Payload> Handler<P> for OnOrder<P> {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<P>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(&self, tx: &Tx, events: &[Received<P>], (): ()) -> Result<(), HandleError> {
        let mut changes = Vec::with_capacity(events.len());
        for event in events {
            let Some((order, verb)) = (self.read)(&event.payload)? else { continue };
            changes.push(Change {
                key: (event.tenant, order),
                command: self.command,
                cause: cause(event),
                expected_revision: 0,
                verb,
            });
        }
        for outcome in commands::change(&self.context, tx, changes).await? {
            outcome?;
        }
        Ok(())
    }
}

fn cause<P>(event: &Received<P>) -> Cause {
    let source = event.event_type.split('.').next().unwrap_or_default();
    Cause {
        event: Some(event.event_id),
        trace: event.trace.clone(),
        actor: ("service".to_owned(), source.to_owned()),
    }
}

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

fn unfillable(event: &routing::Unfillable) -> Result<Option<(OrderId, Verb)>, HandleError> {
    let (attempt, units) = (event.attempt, units(&event.units)?);
    Ok(Some((event.order_id.parse()?, verb(move |step| domain::record_unfillable(step, attempt, &units)))))
}

fn reserved(event: &inventory::Reserved) -> Result<Option<(OrderId, Verb)>, HandleError> {
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

fn rejected(event: &inventory::Rejected) -> Result<Option<(OrderId, Verb)>, HandleError> {
    let shortages = event
        .shortages
        .iter()
        .map(|shortage| Ok((shortage.location_id.parse()?, shortage.item_id.parse()?)))
        .collect::<Result<Vec<_>, HandleError>>()?;
    let attempt = event.attempt;
    Ok(Some((event.order_id.parse()?, verb(move |step| domain::record_rejected(step, attempt, &shortages)))))
}

fn broken(event: &inventory::ReservationBroken) -> Result<Option<(OrderId, Verb)>, HandleError> {
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

fn opened(event: &shipping::FulfilmentOpened) -> Result<Option<(OrderId, Verb)>, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    Ok(Some((order, verb(move |step| domain::record_opened(step, id)))))
}

fn declined(event: &shipping::FulfilmentRejected) -> Result<Option<(OrderId, Verb)>, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    let units = units(&event.units)?;
    let reason = match event.reason() {
        shipping::RejectReason::ShortPick => RejectReason::ShortPick,
        shipping::RejectReason::Declined => RejectReason::Declined,
        shipping::RejectReason::Unspecified => return Err(HandleError::poison("reason is missing")),
    };
    Ok(Some((order, verb(move |step| domain::record_fulfilment_rejected(step, id, &units, reason)))))
}

fn cancelled(event: &shipping::FulfilmentCancelled) -> Result<Option<(OrderId, Verb)>, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    let units = units(&event.units)?;
    Ok(Some((order, verb(move |step| domain::record_cancelled(step, id, &units)))))
}

fn recall_refused(event: &shipping::FulfilmentRecallRefused) -> Result<Option<(OrderId, Verb)>, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    Ok(Some((order, verb(move |step| domain::record_recall_refused(step, id)))))
}

fn issued(event: &shipping::FulfilmentIssued) -> Result<Option<(OrderId, Verb)>, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    let units = units(&event.units)?;
    Ok(Some((order, verb(move |step| domain::record_issued(step, id, &units)))))
}

fn completed(event: &shipping::FulfilmentCompleted) -> Result<Option<(OrderId, Verb)>, HandleError> {
    let (order, id) = named(event.fulfilment.as_ref())?;
    let units = units(&event.units)?;
    Ok(Some((order, verb(move |step| domain::record_completed(step, id, &units)))))
}

fn shipment(event: &shipping::ShipmentChanged) -> Result<Option<(OrderId, Verb)>, HandleError> {
    let (order, id): (OrderId, FulfilmentId) = (event.order_id.parse()?, event.fulfilment_id.parse()?);
    let units = units(&event.units)?;
    let verb = match event.status.as_str() {
        "delivered" => verb(move |step| domain::record_delivered(step, id, &units)),
        "lost" => verb(move |step| domain::record_lost(step, id, &units)),
        "returning" => verb(move |step| domain::record_returning(step, id, &units)),
        // Where a parcel is on its way changes nothing about the units.
        _ => return Ok(None),
    };
    Ok(Some((order, verb)))
}

fn date(field: &str, text: &str) -> Result<Option<NaiveDate>, HandleError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| HandleError::poison(format!("{field}: {error}")))
}

struct Wake {
    context: Context,
}

#[async_trait]
impl Handler<inventory::AvailabilityIncreased> for Wake {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<inventory::AvailabilityIncreased>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(
        &self,
        tx: &Tx,
        events: &[Received<inventory::AvailabilityIncreased>],
        (): (),
    ) -> Result<(), HandleError> {
        let arrivals = events
            .iter()
            .map(|event| {
                let (item, quantity) = (event.payload.item_id.parse()?, event.payload.quantity);
                Ok(Arrival { tenant: event.tenant, item, quantity, cause: cause(event) })
            })
            .collect::<Result<Vec<_>, HandleError>>()?;
        Ok(commands::wake(&self.context, tx, &arrivals).await?)
    }
}

struct PutItems;

#[async_trait]
impl Handler<inventory::ItemChanged> for PutItems {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<inventory::ItemChanged>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(
        &self,
        tx: &Tx,
        events: &[Received<inventory::ItemChanged>],
        (): (),
    ) -> Result<(), HandleError> {
        let rows = events
            .iter()
            .map(|event| {
                let item =
                    event.payload.item.as_ref().ok_or_else(|| HandleError::poison("item is missing"))?;
                Ok(ItemRow {
                    tenant_id: event.tenant,
                    item_id: item.id.parse()?,
                    sku: item.sku.clone(),
                    name: item.name.clone(),
                    version: item.version,
                })
            })
            .collect::<Result<Vec<_>, HandleError>>()?;
        Ok(store::put_items(tx, rows).await?)
    }
}

struct PutLocations;

#[async_trait]
impl Handler<inventory::LocationChanged> for PutLocations {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<inventory::LocationChanged>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(
        &self,
        tx: &Tx,
        events: &[Received<inventory::LocationChanged>],
        (): (),
    ) -> Result<(), HandleError> {
        let rows = events
            .iter()
            .map(|event| {
                let location = event
                    .payload
                    .location
                    .as_ref()
                    .ok_or_else(|| HandleError::poison("location is missing"))?;
                Ok(LocationRow {
                    tenant_id: event.tenant,
                    location_id: location.id.parse()?,
                    code: location.code.clone(),
                    can_pickup: location.can_pickup && location.active,
                    version: location.version,
                })
            })
            .collect::<Result<Vec<_>, HandleError>>()?;
        Ok(store::put_locations(tx, rows).await?)
    }
}
