//! Subject → command.

use std::collections::BTreeSet;

use async_trait::async_trait;
use qm_database::Tx;
use qm_messaging::{HandleError, Handler, MessagingBuilder, Payload, Received};
use qm_proto::{inventory::v1 as inventory, order::v1 as order, shipping::v1 as shipping};

use super::read;
use crate::{
    commands::{self, Asked, Change, Context, Verb},
    domain::{LetGo, LocationUnits},
    inventory::{Available, Inventory},
    store::{self, Known},
};

/// Consumes what others report.
pub fn consume(messaging: MessagingBuilder, context: &Context, inventory: Inventory) -> MessagingBuilder {
    let on_plan = || context.clone();
    messaging
        .consume("plan", PlanAttempts { context: context.clone(), inventory })
        .consume("end-rejected", OnPlan { context: on_plan(), read: rejected })
        .consume("end-broken", OnPlan { context: on_plan(), read: broken })
        .consume("end-released", OnPlan { context: on_plan(), read: released })
        .consume("use-issued", OnPlan { context: on_plan(), read: issued })
        .consume("put-items", PutItems { known: context.known.clone() })
        .consume("put-locations", PutLocations { known: context.known.clone() })
}

struct PlanAttempts {
    context: Context,
    inventory: Inventory,
}

#[async_trait]
impl Handler<order::SourcingRequested> for PlanAttempts {
    type Prepared = Vec<Available>;

    async fn prepare(
        &self,
        events: &[Received<order::SourcingRequested>],
    ) -> Result<Vec<Available>, HandleError> {
        let mut wanted = BTreeSet::new();
        for event in events {
            for units in &event.payload.units {
                wanted.insert((event.tenant, units.item_id.parse()?));
            }
        }
        self.inventory.available(&wanted).await
    }

    async fn apply(
        &self,
        tx: &Tx,
        events: &[Received<order::SourcingRequested>],
        available: Vec<Available>,
    ) -> Result<(), HandleError> {
        let asked = events
            .iter()
            .map(|event| {
                let request = read::request(event.tenant, &event.payload)?;
                Ok(Asked { request, trace: event.trace.clone() })
            })
            .collect::<Result<Vec<_>, HandleError>>()?;
        commands::plan(&self.context, tx, asked, available).await
    }
}

/// What an event means for plans.
type Read<P> = fn(&Received<P>) -> Result<Change, HandleError>;

/// Carries out what events mean for plans.
struct OnPlan<P> {
    context: Context,
    read: Read<P>,
}

#[async_trait]
impl<P: Payload> Handler<P> for OnPlan<P> {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<P>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(&self, tx: &Tx, events: &[Received<P>], (): ()) -> Result<(), HandleError> {
        let changes = events.iter().map(self.read).collect::<Result<Vec<_>, _>>()?;
        commands::change(&self.context, tx, changes).await
    }
}

fn rejected(event: &Received<inventory::Rejected>) -> Result<Change, HandleError> {
    Ok(Change { tenant: event.tenant, plan: event.payload.plan_id.parse()?, verb: Verb::Reject })
}

fn broken(event: &Received<inventory::ReservationBroken>) -> Result<Change, HandleError> {
    let it = &event.payload;
    let units = read::at_location(&it.location_id, &it.line_id, &it.item_id, it.quantity)?;
    let verb = Verb::Break(LetGo { units: vec![units] });
    Ok(Change { tenant: event.tenant, plan: it.plan_id.parse()?, verb })
}

fn released(event: &Received<order::ReleaseRequested>) -> Result<Change, HandleError> {
    let it = &event.payload;
    let units = it
        .units
        .iter()
        .map(|units| read::at_location(&units.location_id, &units.line_id, &units.item_id, units.quantity))
        .collect::<Result<Vec<LocationUnits>, _>>()?;
    let verb = Verb::Release { order: it.order_id.parse()?, let_go: LetGo { units } };
    Ok(Change { tenant: event.tenant, plan: it.plan_id.parse()?, verb })
}

fn issued(event: &Received<shipping::FulfilmentIssued>) -> Result<Change, HandleError> {
    let fulfilment =
        event.payload.fulfilment.as_ref().ok_or_else(|| HandleError::poison("fulfilment is missing"))?;
    let verb = Verb::Issue(fulfilment.fulfilment_id.parse()?);
    Ok(Change { tenant: event.tenant, plan: fulfilment.plan_id.parse()?, verb })
}

struct PutItems {
    known: Known,
}

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
        let rows = events.iter().map(|event| read::item(event.tenant, &event.payload));
        self.known.forget_after(tx);
        Ok(store::put_items(tx, rows.collect::<Result<Vec<_>, _>>()?).await?)
    }
}

struct PutLocations {
    known: Known,
}

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
        let rows = events.iter().map(|event| read::location(event.tenant, &event.payload));
        self.known.forget_after(tx);
        Ok(store::put_locations(tx, rows.collect::<Result<Vec<_>, _>>()?).await?)
    }
}
