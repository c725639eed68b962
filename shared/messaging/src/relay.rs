//! Publishing what the outbox holds.
//!
//! No cursor: ids are taken before commit, so a cursor could pass a row that is not visible yet. A row that is present
//! is unpublished, whatever its id.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::TimeDelta;
use qm_clock::SharedClock;
use qm_database::{Database, TenantEntity as _};
use qm_ids::TenantId;
use qm_proto::events::Stream;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, Query},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{
    Envelope, HandleError,
    bus::{Message, SharedBus},
    handover::{Handover, Taken},
    table::{history, outbox},
};

/// Events published at a time.
const BATCH: usize = 512;
/// Age at which a row of ours that was not handed over is read from the outbox: its commit may have stood without our
/// being told. Longer than a row that was handed over stays there.
const UNTOLD_AGE_SECONDS: i64 = 2;
/// Age at which a row of another process is taken over. Longer than a healthy process takes to publish, so that two do
/// not publish the same; if they do, consumers notice.
const TAKEOVER_AGE_SECONDS: i64 = 5;
/// Between two looks for such rows. They are rare, and a look at every wake would cost a query per commit.
const LOOK_FOR_LEFT: Duration = Duration::from_secs(1);
/// The shortest time from one round to the next. Events that find the relay idle are published at once.
const PACE: Duration = Duration::from_millis(10);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// When rows that nobody handed over were looked for.
#[derive(Debug, Default)]
struct LeftBehind {
    looked_at: Option<Instant>,
}

impl LeftBehind {
    /// True when it is time for another look, which then counts as taken.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.looked_at.is_none_or(|looked_at| now.duration_since(looked_at) >= LOOK_FOR_LEFT);
        if is_due {
            self.looked_at = Some(now);
        }
        is_due
    }
}

/// Publishes a service's events.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) source: &'static str,
    pub(crate) owner: Uuid,
    pub(crate) stream: &'static Stream,
    pub(crate) database: Database,
    pub(crate) bus: SharedBus,
    pub(crate) clock: SharedClock,
    pub(crate) handover: Arc<Handover>,
}

impl Relay {
    /// Publishes until told to stop, then once more what is left.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut backoff = FIRST_BACKOFF;
        let mut failing = false;
        let mut left_behind = LeftBehind::default();
        loop {
            let is_last = shutdown.is_cancelled();
            if is_last {
                // Nobody will look later.
                self.handover.leave_some();
            }
            let began = Instant::now();
            match self.drain(&mut left_behind).await {
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
                    self.handover.leave_some();
                }
            }
            if is_last {
                return;
            }
            // What is committed meanwhile is published together.
            tokio::select! {
                () = tokio::time::sleep_until(began + PACE) => {}
                () = shutdown.cancelled() => {}
            }
            let pause = if failing { backoff } else { LOOK_FOR_LEFT };
            tokio::select! {
                () = self.handover.arrived(), if !failing => {}
                () = tokio::time::sleep(pause) => {}
                // One more round, for what the last transactions wrote.
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Publishes everything that is ours, and now and then what was left behind. Returns how many events that was.
    async fn drain(&self, left_behind: &mut LeftBehind) -> Result<usize, HandleError> {
        let mut published = 0;
        let mut read_all = false;
        if left_behind.is_due() {
            self.take_over().await?;
            read_all = self.has_untold().await?;
        }
        loop {
            let Taken { events, left_some } = self.handover.take(BATCH);
            read_all |= left_some;
            if events.is_empty() {
                break;
            }
            published += self.publish(events).await?;
        }
        while read_all {
            let events = self.read().await?;
            read_all = events.len() == BATCH;
            published += self.publish(events).await?;
        }
        Ok(published)
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
        self.handover.leave_some();
        info!(service = self.source, taken, "took over events of a process that left them");
        Ok(())
    }

    /// Whether the outbox holds events of ours that should have been handed over and published by now.
    async fn has_untold(&self) -> Result<bool, HandleError> {
        let told_by = self.clock.now() - TimeDelta::seconds(UNTOLD_AGE_SECONDS);
        let tx = self.database.read_system().await?;
        let select = tx
            .find::<outbox::Entity>()
            .filter(outbox::Column::Owner.eq(self.owner))
            .filter(outbox::Column::WrittenAt.lt(told_by));
        Ok(!select.limit(1).all(tx.conn()).await?.is_empty())
    }

    /// The oldest events of ours that the outbox names.
    async fn read(&self) -> Result<Vec<history::Model>, HandleError> {
        let tx = self.database.read_system().await?;
        let unpublished = tx
            .find::<outbox::Entity>()
            .filter(outbox::Column::Owner.eq(self.owner))
            .order_by_asc(outbox::Column::WrittenAt)
            .order_by_asc(outbox::Column::EventId)
            .limit(BATCH as u64)
            .all(tx.conn())
            .await?;
        let keys: Vec<_> = unpublished.iter().map(|row| (row.tenant_id, row.event_id.as_uuid())).collect();
        let mut events = tx.find_keys::<history::Entity>(&keys).await?;
        drop(tx);
        if events.len() < keys.len() {
            // Nothing of the history is dropped while the outbox names it, so somebody else took it away.
            let found: HashSet<_> =
                events.iter().map(|event| (event.tenant_id, event.event_id.as_uuid())).collect();
            let gone: Vec<_> = keys.into_iter().filter(|key| !found.contains(key)).collect();
            error!(
                service = self.source,
                events = gone.len(),
                "events are not in the history and cannot be published"
            );
            self.acknowledge(&gone).await?;
        }
        events.sort_by_key(|event| event.event_id);
        Ok(events)
    }

    async fn publish(&self, events: Vec<history::Model>) -> Result<usize, HandleError> {
        if events.is_empty() {
            return Ok(0);
        }
        let keys: Vec<_> = events.iter().map(|event| (event.tenant_id, event.event_id.as_uuid())).collect();
        let messages: Vec<Message> = events.into_iter().map(|event| self.message(event)).collect();
        let results = self.bus.publish(&messages).await;
        let mut failure = None;
        let mut acknowledged = Vec::with_capacity(keys.len());
        for (key, result) in keys.into_iter().zip(results) {
            match result {
                Ok(_) => acknowledged.push(key),
                Err(error) => failure = Some(error),
            }
        }
        self.acknowledge(&acknowledged).await?;
        failure.map_or(Ok(acknowledged.len()), |error| Err(HandleError::Unavailable(error.to_string())))
    }

    /// Only after the bus did: a crash before this publishes the events twice, which consumers notice.
    async fn acknowledge(&self, keys: &[(TenantId, Uuid)]) -> Result<(), HandleError> {
        if keys.is_empty() {
            return Ok(());
        }
        let tx = self.database.begin_system().await?;
        tx.delete_keys::<outbox::Entity>(keys).await?;
        tx.commit().await?;
        Ok(())
    }

    fn message(&self, event: history::Model) -> Message {
        Envelope {
            event_id: event.event_id,
            tenant: event.tenant_id,
            event_type: event.event_type,
            source: self.source.to_owned(),
            aggregate: event.aggregate_id,
            occurred_at: event.occurred_at,
            trace: event.trace,
            payload: event.payload,
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
                .limit(BATCH as u64)
                .all(tx.conn())
                .await?;
            drop(tx);
            let Some(last) = rows.last() else { return Ok(republished) };
            after = last.event_id.as_uuid();
            let messages: Vec<Message> = rows.into_iter().map(|row| self.message(row)).collect();
            for result in self.bus.publish(&messages).await {
                result.map_err(|error| HandleError::Unavailable(error.to_string()))?;
                republished += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, Utc};
    use qm_clock::{Clock as _, ManualClock, SystemClock, SystemEntropy};
    use qm_database::DatabaseOptions;
    use qm_ids::{IdGenerator, TenantId};
    use qm_proto::events::stream_from;
    use sea_orm_migration::{MigrationTrait, MigratorTrait};

    use super::*;
    use crate::bus;

    struct Migrator;

    impl MigratorTrait for Migrator {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            crate::migrations::migrations()
        }
    }

    /// An event that another process wrote.
    async fn write(relay: &Relay, ids: &IdGenerator, written_at: DateTime<Utc>) {
        let event = history::Model {
            tenant_id: ids.next::<TenantId>(),
            event_id: ids.next(),
            event_type: "order.placed".to_owned(),
            aggregate_id: Uuid::nil(),
            occurred_at: written_at,
            trace: None,
            payload: Vec::new(),
            written_at,
        };
        let row = outbox::Model {
            tenant_id: event.tenant_id,
            event_id: event.event_id,
            owner: Uuid::from_u128(2),
            written_at,
        };
        let tx = relay.database.begin_system().await.unwrap();
        tx.insert_many::<outbox::Entity>(vec![row]).await.unwrap();
        tx.insert_many::<history::Entity>(vec![event]).await.unwrap();
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn what_another_process_left_is_looked_for_at_a_pace_however_often_the_relay_is_woken() {
        let folder = tempfile::tempdir().unwrap();
        let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let ids = IdGenerator::new(clock.clone(), Arc::new(SystemEntropy));
        let database = Database::open(&url("order.sqlite"), &DatabaseOptions::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let bus = bus::open(&url("bus.sqlite"), clock.clone()).await.unwrap();
        let stream = stream_from("order").unwrap();
        let subjects =
            stream.subjects.iter().map(|subject| Envelope::subject(&format!("{subject}.>"))).collect();
        let spec =
            bus::StreamSpec { name: stream.name.to_owned(), subjects, max_bytes: 4 << 20, replicas: 1 };
        bus.declare_stream(&spec).await.unwrap();
        let owner = Uuid::from_u128(1);
        let handover = Arc::default();
        let relay = Relay { source: "order", owner, stream, database, bus, clock: clock.clone(), handover };
        let mut left = LeftBehind::default();

        write(&relay, &ids, clock.now()).await;
        assert_eq!(relay.drain(&mut left).await.unwrap(), 0, "its own process may be about to publish it");
        clock.advance(Duration::from_secs(10));
        assert_eq!(relay.drain(&mut left).await.unwrap(), 0, "it has just been looked for");
        tokio::time::sleep(LOOK_FOR_LEFT).await;
        assert_eq!(relay.drain(&mut left).await.unwrap(), 1);
    }
}
