//! Publishing what the outbox holds.
//!
//! No cursor: ids are taken before commit, so a cursor could pass a row that is not visible yet. A row that is present
//! is unpublished, whatever its id.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use qm_clock::SharedClock;
use qm_database::{Database, TenantEntity as _};
use qm_proto::events::Stream;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, Query},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    Envelope, HandleError,
    bus::{Message, SharedBus},
    table::{history, outbox},
};

/// Events read and published at a time.
const BATCH: u64 = 512;
/// How often the outbox is looked at without being woken: rows of processes that died have nobody to wake us.
const POLL: Duration = Duration::from_millis(500);
/// Age at which a row of another process is taken over. Longer than a healthy process takes to publish, so that two do
/// not publish the same; if they do, consumers notice.
const TAKEOVER_AGE_SECONDS: i64 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Publishes a service's events.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) source: &'static str,
    pub(crate) owner: Uuid,
    pub(crate) stream: &'static Stream,
    pub(crate) database: Database,
    pub(crate) bus: SharedBus,
    pub(crate) clock: SharedClock,
    pub(crate) written: Arc<Notify>,
}

impl Relay {
    /// Publishes until told to stop, then once more what is left.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut backoff = FIRST_BACKOFF;
        let mut failing = false;
        loop {
            match self.drain().await {
                Ok(published) => {
                    if failing {
                        info!(service = self.source, published, "publishing events again");
                    }
                    (failing, backoff) = (false, FIRST_BACKOFF);
                }
                Err(error) => {
                    // Said once per outage: the outbox keeps the events and its age is a metric.
                    if !failing {
                        warn!(service = self.source, %error, "events cannot be published, they wait in the outbox");
                    }
                    failing = true;
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                }
            }
            if shutdown.is_cancelled() {
                return;
            }
            let pause = if failing { backoff } else { POLL };
            tokio::select! {
                () = self.written.notified(), if !failing => {}
                () = tokio::time::sleep(pause) => {}
                // One more round, for what the last transactions wrote.
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Publishes everything that is ours or was left behind. Returns how many events that was.
    pub(crate) async fn drain(&self) -> Result<usize, HandleError> {
        self.take_over().await?;
        let mut published = 0;
        loop {
            let count = self.publish_batch().await?;
            published += count;
            if count < BATCH as usize {
                return Ok(published);
            }
        }
    }

    /// Makes rows of processes that died ours.
    async fn take_over(&self) -> Result<(), HandleError> {
        let stale_before = self.clock.now() - TimeDelta::seconds(TAKEOVER_AGE_SECONDS);
        let left_behind = || {
            Expr::col(outbox::Column::Owner)
                .ne(self.owner)
                .and(Expr::col(outbox::Column::WrittenAt).lt(stale_before))
        };
        let tx = self.database.read_system().await?;
        let count = tx.find::<outbox::Entity>().filter(left_behind()).limit(1).all(tx.conn()).await?.len();
        drop(tx);
        if count == 0 {
            return Ok(());
        }
        let tx = self.database.begin_system().await?;
        let take = Query::update()
            .table(outbox::Entity)
            .value(outbox::Column::Owner, self.owner)
            // A claim that another replica made meanwhile moved the time on.
            .value(outbox::Column::WrittenAt, self.clock.now())
            .cond_where(left_behind())
            .to_owned();
        let taken = tx.conn().execute(&take).await?.rows_affected();
        tx.commit().await?;
        info!(service = self.source, taken, "took over events of a process that left them");
        Ok(())
    }

    async fn publish_batch(&self) -> Result<usize, HandleError> {
        let tx = self.database.read_system().await?;
        let rows = tx
            .find::<outbox::Entity>()
            .filter(outbox::Column::Owner.eq(self.owner))
            .order_by_asc(outbox::Column::EventId)
            .limit(BATCH)
            .all(tx.conn())
            .await?;
        drop(tx);
        if rows.is_empty() {
            return Ok(0);
        }
        let messages: Vec<Message> = rows.iter().map(|row| self.message(row)).collect();
        let results = self.bus.publish(&messages).await;
        let mut failure = None;
        let mut acknowledged = Vec::with_capacity(rows.len());
        for (row, result) in rows.into_iter().zip(results) {
            match result {
                Ok(_) => acknowledged.push(row),
                Err(error) => failure = Some(error),
            }
        }
        let count = acknowledged.len();
        self.move_to_history(acknowledged).await?;
        failure.map_or(Ok(count), |error| Err(HandleError::Unavailable(error.to_string())))
    }

    /// Only after the acknowledgement: a crash before this publishes the rows twice, which consumers notice.
    async fn move_to_history(&self, rows: Vec<outbox::Model>) -> Result<(), HandleError> {
        if rows.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = rows.iter().map(|row| (row.tenant_id, row.event_id.as_uuid())).collect();
        let published_at = self.clock.now();
        let rows = rows
            .into_iter()
            .map(|row| history::Model {
                tenant_id: row.tenant_id,
                event_id: row.event_id,
                event_type: row.event_type,
                aggregate_id: row.aggregate_id,
                occurred_at: row.occurred_at,
                trace: row.trace,
                payload: row.payload,
                published_at,
            })
            .collect();
        let tx = self.database.begin_system().await?;
        tx.insert_ignore_many::<history::Entity>(rows).await?;
        tx.delete_keys::<outbox::Entity>(&keys).await?;
        tx.commit().await?;
        Ok(())
    }

    fn message(&self, row: &outbox::Model) -> Message {
        Envelope {
            event_id: row.event_id,
            tenant: row.tenant_id,
            event_type: row.event_type.clone(),
            source: self.source.to_owned(),
            aggregate: row.aggregate_id,
            occurred_at: row.occurred_at,
            trace: row.trace.clone(),
            payload: row.payload.clone(),
        }
        .into_message()
    }

    /// Publishes events of the history again, from `from` on, in order of their ids. Consumers that had them drop them.
    pub(crate) async fn republish(&self, from: Uuid) -> Result<u64, HandleError> {
        let mut after = from;
        let mut republished = 0;
        loop {
            let tx = self.database.read_system().await?;
            let rows = history::Entity::find()
                .filter(history::Entity::key_column().gt(after))
                .order_by_asc(history::Column::EventId)
                .limit(BATCH)
                .all(tx.conn())
                .await?;
            drop(tx);
            let Some(last) = rows.last() else { return Ok(republished) };
            after = last.event_id.as_uuid();
            let messages: Vec<Message> = rows.into_iter().map(|row| self.message(&as_outbox(row))).collect();
            for result in self.bus.publish(&messages).await {
                result.map_err(|error| HandleError::Unavailable(error.to_string()))?;
                republished += 1;
            }
        }
    }
}

fn as_outbox(row: history::Model) -> outbox::Model {
    outbox::Model {
        tenant_id: row.tenant_id,
        event_id: row.event_id,
        event_type: row.event_type,
        aggregate_id: row.aggregate_id,
        occurred_at: row.occurred_at,
        trace: row.trace,
        payload: row.payload,
        owner: Uuid::nil(),
        written_at: row.published_at,
    }
}
