//! Publishing what the outbox holds.
//!
//! No cursor: ids are taken before commit, so a cursor could pass a row that is not visible yet. A row that is present
//! is unpublished, whatever its id.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use qm_clock::SharedClock;
use qm_database::{Database, TenantEntity as _};
use qm_ids::TenantId;
use qm_proto::events::Stream;
use qm_worker::{Error, Rest, Stage, Turns, Worker};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, Query},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use uuid::Uuid;

use crate::{
    Envelope, HandleError,
    bus::{BusError, Message, SharedBus},
    handover::{Handover, Taken},
    table::{history, outbox},
    unpublished::Unpublished,
};

/// Events published at a time; a few more where a transaction wrote them together.
const BATCH: usize = 512;
/// Rows of the outbox read at a time.
const ROWS: usize = 64;
/// Age at which a row of ours that was not handed over is read from the outbox: its commit may have stood without our
/// being told. Longer than a row that was handed over stays there.
const UNTOLD_AGE_SECONDS: i64 = 2;
/// Age at which a row of another process is taken over. Longer than a healthy process takes to publish, so that two do
/// not publish the same; if they do, consumers notice.
const TAKEOVER_AGE_SECONDS: i64 = 5;
/// Between two looks for such rows.
const LOOK_FOR_LEFT: Duration = Duration::from_secs(1);
/// The shortest time from one round to the next. Events that find the relay idle are published at once.
const PACE: Duration = Duration::from_millis(10);
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
    /// Told when the stream is not there.
    pub(crate) missing: Arc<Notify>,
}

#[async_trait]
impl Turns for Relay {
    async fn turn(&mut self, stop: &CancellationToken) -> Result<Rest, Error> {
        if stop.is_cancelled() {
            // Nobody will look later.
            self.handover.leave_some();
        }
        if let Err(error) = self.drain().await {
            // What was taken is still in the outbox.
            self.handover.leave_some();
            return Err(error.into());
        }
        Ok(Rest::of(LOOK_FOR_LEFT).at_least(PACE))
    }
}

impl Relay {
    /// Who publishes what is handed over, at once.
    pub(crate) fn worker(self) -> Worker {
        let arrived = self.handover.arrived();
        // One more turn, for what the last transactions wrote.
        let name = format!("{}-relay", self.source);
        Worker::taking(name, self).stage(Stage::Relay).woken_by(&arrived).with_last_turn()
    }

    /// Who looks for what nobody hands over: now and then, since it is rare.
    pub(crate) fn look_for_left(self) -> Worker {
        Worker::repeating(format!("{}-relay-left", self.source), move || {
            let relay = self.clone();
            async move {
                relay.take_over().await?;
                if relay.has_untold().await? {
                    relay.handover.leave_some();
                }
                Ok::<_, HandleError>(Rest::of(LOOK_FOR_LEFT))
            }
        })
    }

    /// Publishes everything that was handed over, and what is left in the outbox if there is something.
    async fn drain(&self) -> Result<(), HandleError> {
        let mut read_all = false;
        loop {
            let Taken { batches, left_some } = self.handover.take(BATCH);
            read_all |= left_some;
            if batches.is_empty() {
                break;
            }
            self.publish(batches).await?;
        }
        while read_all {
            let batches = self.read().await?;
            // There may be more than a read takes.
            read_all = !batches.is_empty();
            self.publish(batches).await?;
        }
        Ok(())
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
    async fn read(&self) -> Result<Vec<Unpublished>, HandleError> {
        let tx = self.database.read_system().await?;
        let mut rows = tx
            .find::<outbox::Entity>()
            .filter(outbox::Column::Owner.eq(self.owner))
            .order_by_asc(outbox::Column::WrittenAt)
            .order_by_asc(outbox::Column::EventId)
            .limit(ROWS as u64)
            .all(tx.conn())
            .await?;
        let mut count = 0;
        let enough = rows.iter().take_while(|row| {
            let is_wanted = count < BATCH;
            count += row.events().count();
            is_wanted
        });
        rows.truncate(enough.count());
        let keys: Vec<_> =
            rows.iter().flat_map(|row| row.events().map(|event| (row.tenant_id, event.as_uuid()))).collect();
        let mut events: HashMap<_, _> = tx
            .find_keys::<history::Entity>(&keys)
            .await?
            .into_iter()
            .map(|event| ((event.tenant_id, event.event_id), event))
            .collect();
        drop(tx);
        if events.len() < keys.len() {
            // Nothing of the history is dropped while the outbox names it, so somebody else took it away.
            let gone = keys.len() - events.len();
            error!(service = self.source, gone, "events are not in the history and cannot be published");
        }
        let batch = |row: outbox::Model| Unpublished {
            tenant: row.tenant_id,
            first: row.event_id,
            events: row.events().filter_map(|event| events.remove(&(row.tenant_id, event))).collect(),
        };
        Ok(rows.into_iter().map(batch).collect())
    }

    async fn publish(&self, batches: Vec<Unpublished>) -> Result<(), HandleError> {
        if batches.is_empty() {
            return Ok(());
        }
        let (mut rows, mut messages) = (Vec::with_capacity(batches.len()), Vec::new());
        for batch in batches {
            rows.push((batch.key(), batch.events.len()));
            messages.extend(batch.events.into_iter().map(|event| self.message(event)));
        }
        let mut results = self.bus.publish(&messages).await.into_iter();
        let mut failure = None;
        let mut acknowledged = Vec::with_capacity(rows.len());
        for (key, count) in rows {
            let failed = results.by_ref().take(count).filter_map(Result::err).last();
            // What was acknowledged of a batch that failed is published again with it; consumers notice.
            match failed {
                None => acknowledged.push(key),
                failed => failure = failed,
            }
        }
        if matches!(failure, Some(BusError::Unknown(_))) {
            self.missing.notify_one();
        }
        self.acknowledge(&acknowledged).await?;
        failure.map_or(Ok(()), |error| Err(HandleError::Unavailable(error.to_string())))
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
        let written = Unpublished::of_transaction(vec![event.clone()]);
        let rows = written.iter().map(|batch| batch.row(Uuid::from_u128(2), written_at)).collect();
        let tx = relay.database.begin_system().await.unwrap();
        tx.insert_many::<outbox::Entity>(rows).await.unwrap();
        tx.insert_many::<history::Entity>(vec![event]).await.unwrap();
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn what_another_process_left_is_published_once_it_is_old_enough() {
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
        let (handover, missing) = (Arc::default(), Arc::default());
        let relay =
            Relay { source: "order", owner, stream, database, bus, clock: clock.clone(), handover, missing };
        let mut left = relay.clone().look_for_left();
        let stop = CancellationToken::new();
        let published = async || relay.bus.stream_state(stream.name).await.unwrap().last_sequence;

        write(&relay, &ids, clock.now()).await;
        for (seconds, expected) in [(0, 0), (10, 1)] {
            clock.advance(Duration::from_secs(seconds));
            left.turn(&stop).await.unwrap().unwrap();
            relay.clone().turn(&stop).await.unwrap();
            assert_eq!(published().await, expected, "its own process may be about to publish it at first");
        }
    }
}
