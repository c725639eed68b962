//! Subject → command.

use std::sync::Arc;

use async_trait::async_trait;
use qm_clock::SharedClock;
use qm_database::Tx;
use qm_messaging::{HandleError, Handler, MessagingBuilder, Raw, Received};

use super::public;
use crate::{
    commands::record_changes::{PublicEvent, record_changes},
    domain::rule,
    wake::Wake,
};

/// Consumes every public event.
pub fn consume(mut messaging: MessagingBuilder, clock: &SharedClock, wake: &Arc<Wake>) -> MessagingBuilder {
    for pattern in rule::PUBLIC {
        let verb = format!("record-{}", pattern.replace(['.', '_'], "-").replace('*', "any"));
        let handler = RecordChanges { clock: clock.clone(), wake: wake.clone() };
        messaging = messaging.consume_pattern::<Raw, _>(&verb, pattern, handler);
    }
    messaging
}

struct RecordChanges {
    clock: SharedClock,
    wake: Arc<Wake>,
}

#[async_trait]
impl Handler<Raw> for RecordChanges {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<Raw>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(&self, tx: &Tx, events: &[Received<Raw>], (): ()) -> Result<(), HandleError> {
        let events = events.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let made = record_changes(tx, &events, self.clock.now()).await?;
        let wake = self.wake.clone();
        tx.after_commit(move || wake.after(made));
        Ok(())
    }
}

fn read(event: &Received<Raw>) -> Result<PublicEvent, HandleError> {
    let public = public::read(&event.event_type, &event.payload.0).map_err(HandleError::Poison)?;
    Ok(PublicEvent {
        event_id: event.event_id,
        tenant: event.tenant,
        event_type: event.event_type.clone(),
        order: public.order,
        data: public.data,
        occurred_at: event.occurred_at,
        trace: event.trace.clone(),
    })
}
