//! Subject → command.

use async_trait::async_trait;
use qm_database::Tx;
use qm_ids::ItemId;
use qm_messaging::{HandleError, Handler, MessagingBuilder, Payload, Received};
use qm_proto::inventory::v1 as inventory;

use super::{
    read::{
        Failed, Meaning, broken, cancelled, completed, declined, issued, opened, recall_refused, rejected,
        reserved, shipment, unfillable,
    },
    replicas::{PutItems, PutLocations},
};
use crate::commands::{self, Arrival, Cause, Change, Context, Failure};

/// Consumes what others report.
pub fn consume(messaging: MessagingBuilder, context: &Context) -> MessagingBuilder {
    let context = || context.clone();
    messaging
        .consume("record-unfillable", OnAttempt { context: context(), read: unfillable })
        .consume(
            "record-reserved",
            OnOrder { context: context(), command: "record_reserved", read: reserved },
        )
        .consume("record-rejected", OnAttempt { context: context(), read: rejected })
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

/// What an event means for an order.
type Read<P> = fn(&P) -> Result<Meaning, HandleError>;

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
                then: None,
            });
        }
        for outcome in commands::change(&self.context, tx, changes).await? {
            outcome?;
        }
        Ok(())
    }
}

/// Records that an attempt came to nothing.
struct OnAttempt<P> {
    context: Context,
    read: fn(&P) -> Result<Failed, HandleError>,
}

#[async_trait]
impl<P: Payload> Handler<P> for OnAttempt<P> {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<P>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(&self, tx: &Tx, events: &[Received<P>], (): ()) -> Result<(), HandleError> {
        let failures = events
            .iter()
            .map(|event| {
                let (order, attempt, answer) = (self.read)(&event.payload)?;
                Ok(Failure { key: (event.tenant, order), attempt, answer, cause: cause(event) })
            })
            .collect::<Result<Vec<_>, HandleError>>()?;
        Ok(commands::fall_short(&self.context, tx, failures).await?)
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
                let (item, quantity): (ItemId, i64) =
                    (event.payload.item_id.parse()?, event.payload.quantity);
                if quantity <= 0 {
                    return Err(HandleError::poison(format!("quantity {quantity} of {item}")));
                }
                Ok(Arrival { tenant: event.tenant, item, quantity, cause: cause(event) })
            })
            .collect::<Result<Vec<_>, HandleError>>()?;
        Ok(commands::wake(&self.context, tx, &arrivals).await?)
    }
}
