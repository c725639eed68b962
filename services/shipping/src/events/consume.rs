//! Subject → command.

use async_trait::async_trait;
use qm_database::Tx;
use qm_messaging::{HandleError, Handler, MessagingBuilder, Received};
use qm_proto::{
    inventory::v1 as inventory,
    order::v1 as order,
    types::v1::{FulfilmentKind, LineUnits as ProtoUnits},
};

use crate::{
    commands::{self, Ask, Cause, Context, Recall},
    domain::{Kind, LineUnits, Request},
    store::{self, ItemRow, LocationRow},
};

/// Most units of one line; more is a mistake, and sums of them stay far from overflowing.
const MAX_UNITS: i64 = 1_000_000_000_000;

/// Consumes what others report.
pub fn consume(messaging: MessagingBuilder, context: &Context) -> MessagingBuilder {
    messaging
        .consume("request", RequestWork { context: context.clone() })
        .consume("recall", RecallWork { context: context.clone() })
        .consume("put-items", PutItems)
        .consume("put-locations", PutLocations)
}

fn cause<P>(event: &Received<P>) -> Cause {
    let source = event.event_type.split('.').next().unwrap_or_default();
    Cause {
        event: Some(event.event_id),
        trace: event.trace.clone(),
        actor: ("service".to_owned(), source.to_owned()),
    }
}

pub(super) fn units(units: &[ProtoUnits]) -> Result<Vec<LineUnits>, HandleError> {
    if units.is_empty() {
        return Err(HandleError::poison("units are missing"));
    }
    let unit = |units: &ProtoUnits| {
        if !(1..=MAX_UNITS).contains(&units.quantity) {
            return Err(HandleError::poison(format!("quantity {} of {}", units.quantity, units.line_id)));
        }
        Ok(LineUnits { line: units.line_id.parse()?, item: units.item_id.parse()?, quantity: units.quantity })
    };
    units.iter().map(unit).collect()
}

struct RequestWork {
    context: Context,
}

#[async_trait]
impl Handler<order::FulfilmentRequested> for RequestWork {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<order::FulfilmentRequested>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(
        &self,
        tx: &Tx,
        events: &[Received<order::FulfilmentRequested>],
        (): (),
    ) -> Result<(), HandleError> {
        let mut asks = Vec::with_capacity(events.len());
        for event in events {
            let it = &event.payload;
            let kind = match it.kind() {
                FulfilmentKind::Ship => Kind::Ship,
                FulfilmentKind::Pickup => Kind::Pickup,
                FulfilmentKind::DropShip => Kind::DropShip,
                // Keys are inventory's work.
                FulfilmentKind::Digital => continue,
                kind @ (FulfilmentKind::Assembly | FulfilmentKind::Service | FulfilmentKind::Unspecified) => {
                    return Err(HandleError::poison(format!("no location does work of kind {kind:?}")));
                }
            };
            let request = Request {
                tenant: event.tenant,
                id: it.fulfilment_id.parse()?,
                order: it.order_id.parse()?,
                order_number: it.order_number,
                plan: it.plan_id.parse()?,
                reservation: it.reservation_id.parse()?,
                location: it.location_id.parse()?,
                kind,
                group: it.group.clone(),
                service_level: it.service_level.clone(),
                ship_by: it.ship_by.clone(),
                promise_by: it.promise_by.clone(),
                units: units(&it.units)?,
            };
            asks.push(Ask { request, cause: cause(event) });
        }
        Ok(commands::request(&self.context, tx, &asks).await?)
    }
}

struct RecallWork {
    context: Context,
}

#[async_trait]
impl Handler<order::RecallRequested> for RecallWork {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<order::RecallRequested>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(
        &self,
        tx: &Tx,
        events: &[Received<order::RecallRequested>],
        (): (),
    ) -> Result<(), HandleError> {
        let recall = |event: &Received<order::RecallRequested>| {
            Ok(Recall {
                key: (event.tenant, event.payload.fulfilment_id.parse()?),
                order: event.payload.order_id.parse()?,
                reason: event.payload.reason.clone(),
                cause: cause(event),
            })
        };
        let recalls = events.iter().map(recall).collect::<Result<Vec<_>, HandleError>>()?;
        Ok(commands::recall(&self.context, tx, &recalls).await?)
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
        let row = |event: &Received<inventory::ItemChanged>| {
            let item = event.payload.item.as_ref().ok_or_else(|| HandleError::poison("item is missing"))?;
            Ok(ItemRow {
                tenant_id: event.tenant,
                item_id: item.id.parse()?,
                sku: item.sku.clone(),
                weight_grams: item.weight_grams,
                version: item.version,
            })
        };
        let rows = events.iter().map(row).collect::<Result<Vec<_>, HandleError>>()?;
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
        let row = |event: &Received<inventory::LocationChanged>| {
            let location = event.payload.location.as_ref();
            let location = location.ok_or_else(|| HandleError::poison("location is missing"))?;
            let address = location.address.clone().unwrap_or_default();
            Ok(LocationRow {
                tenant_id: event.tenant,
                location_id: location.id.parse()?,
                code: location.code.clone(),
                name: location.name.clone(),
                postal_code: address.postal_code,
                country: address.country,
                version: location.version,
            })
        };
        let rows = events.iter().map(row).collect::<Result<Vec<_>, HandleError>>()?;
        Ok(store::put_locations(tx, rows).await?)
    }
}
