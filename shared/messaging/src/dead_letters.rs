//! Events that a consumer gave up on: recorded, listed, replayed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, Tx};
use qm_ids::TenantId;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use uuid::Uuid;

use crate::{
    Envelope, HandleError,
    bus::{Delivery, Message},
    consumer::Consumer,
    table::dead_letter::{Column, Entity, Model},
};

/// Longest error text kept, in characters.
const MAX_ERROR: usize = 2_000;

/// An event that a consumer gave up on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The bus's id of the message: the event's id unless the envelope is malformed.
    pub message_id: String,
    /// Who gave up.
    pub consumer: String,
    /// Event type; empty when the envelope is malformed.
    pub event_type: String,
    /// Whose it is, when the envelope says so.
    pub tenant: Option<TenantId>,
    /// Why.
    pub error: String,
    /// Deliveries before giving up.
    pub deliveries: u32,
    /// When it was set aside.
    pub dead_at: DateTime<Utc>,
}

/// Records a dead letter. Recording it again replaces its error.
pub(crate) async fn record(
    database: &Database,
    consumer: &str,
    delivery: &Delivery,
    error: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let message = &delivery.message;
    let envelope = Envelope::from_message(message).ok();
    let row = Model {
        tenant_id: envelope.as_ref().map_or(TenantId::from_uuid(Uuid::nil()), |envelope| envelope.tenant),
        consumer: consumer.to_owned(),
        message_id: message.id.clone(),
        dead_letter_id: envelope.map_or(Uuid::nil(), |envelope| envelope.event_id.as_uuid()),
        subject: message.subject.clone(),
        // A list of pairs of strings has no value that JSON cannot hold.
        headers: serde_json::to_string(&message.headers).unwrap_or_default(),
        payload: message.payload.clone(),
        error: error.chars().take(MAX_ERROR).collect(),
        deliveries: i32::try_from(delivery.attempt).unwrap_or(i32::MAX),
        dead_at: now,
    };
    let tx = database.begin_system().await?;
    tx.upsert_many::<Entity>(vec![row]).await?;
    tx.commit().await
}

/// Newest first.
pub(crate) async fn list(database: &Database, limit: u64) -> Result<Vec<DeadLetter>> {
    let tx = database.read_system().await?;
    let rows = tx.find::<Entity>().order_by_desc(Column::DeadAt).limit(limit).all(tx.conn()).await?;
    Ok(rows.into_iter().map(describe).collect())
}

pub(crate) async fn count(tx: &Tx) -> Result<u64> {
    Ok(tx.find::<Entity>().count(tx.conn()).await?)
}

/// Hands dead letters to their consumers once more, oldest first. Returns how many were applied and how many failed.
pub(crate) async fn replay(
    database: &Database,
    consumers: &[Arc<dyn Consumer>],
    message_ids: &[String],
    limit: u64,
) -> Result<(u32, u32)> {
    let tx = database.read_system().await?;
    let mut select = tx.find::<Entity>().order_by_asc(Column::DeadAt).limit(limit);
    if !message_ids.is_empty() {
        select = select.filter(Column::MessageId.is_in(message_ids));
    }
    let rows = select.all(tx.conn()).await?;
    drop(tx);
    let (mut replayed, mut failed) = (0, 0);
    for row in rows {
        let consumer = consumers.iter().find(|consumer| consumer.spec().name == row.consumer);
        let outcome = match consumer {
            Some(consumer) => consumer.replay(&message(&row)).await,
            None => Err(HandleError::Poison(format!("no consumer is called {}", row.consumer))),
        };
        match outcome {
            Ok(()) => {
                remove(database, &row).await?;
                replayed += 1;
            }
            Err(error) => {
                tracing::warn!(consumer = %row.consumer, event = %row.message_id, %error, "a dead letter failed again");
                failed += 1;
            }
        }
    }
    Ok((replayed, failed))
}

async fn remove(database: &Database, row: &Model) -> Result<()> {
    let tx = database.begin_system().await?;
    Entity::delete_by_id((row.tenant_id, row.consumer.clone(), row.message_id.clone()))
        .exec(tx.conn())
        .await?;
    tx.commit().await
}

fn message(row: &Model) -> Message {
    Message {
        subject: row.subject.clone(),
        id: row.message_id.clone(),
        headers: serde_json::from_str(&row.headers).unwrap_or_default(),
        payload: row.payload.clone(),
    }
}

fn describe(row: Model) -> DeadLetter {
    let envelope = Envelope::from_message(&message(&row)).ok();
    DeadLetter {
        message_id: row.message_id,
        consumer: row.consumer,
        event_type: envelope.as_ref().map(|envelope| envelope.event_type.clone()).unwrap_or_default(),
        tenant: envelope.map(|envelope| envelope.tenant),
        error: row.error,
        deliveries: u32::try_from(row.deliveries).unwrap_or(0),
        dead_at: row.dead_at,
    }
}
