//! Publishing what the outbox holds.
//!
//! No cursor: ids are taken before commit, so a cursor could pass a row that is not visible yet. A row that is present
//! is unpublished, whatever its id, or was published a moment ago.

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
/// Rows that may be published and still stand in the outbox while there is more to publish. At the slowest at which that can
/// go on they are so many times [`SOON`] old, less than what is looked for as untold.
const MOST_LEFT: usize = 32;
/// When nothing more comes for so long, the outbox is emptied.
const SOON: Duration = Duration::from_millis(50);

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

impl Relay {
    /// Who publishes what is handed over, at once.
    pub(crate) fn worker(self) -> Worker {
        let arrived = self.handover.arrived();
        // One more turn, for what the last transactions wrote.
        let name = format!("{}-relay", self.source);
        Worker::taking(name, Relaying::new(self)).stage(Stage::Relay).woken_by(&arrived).with_last_turn()
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

    /// Publishes and returns the keys of what the bus has, also when it does not have all of it.
    async fn publish(&self, batches: Vec<Unpublished>) -> (Vec<(TenantId, Uuid)>, Result<(), HandleError>) {
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
        (acknowledged, failure.map_or(Ok(()), |error| Err(HandleError::Unavailable(error.to_string()))))
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

/// A relay at work.
struct Relaying {
    relay: Relay,
    /// What the bus has and the outbox still names. Taken out together, since a transaction of its own for each would cost
    /// as much as publishing; a crash before that publishes it twice, which consumers notice.
    acknowledged: Vec<(TenantId, Uuid)>,
}

#[async_trait]
impl Turns for Relaying {
    async fn turn(&mut self, stop: &CancellationToken) -> Result<Rest, Error> {
        if stop.is_cancelled() {
            // Nobody will look later.
            self.relay.handover.leave_some();
        }
        if let Err(error) = self.drain().await {
            // What was taken is still in the outbox.
            self.relay.handover.leave_some();
            return Err(error.into());
        }
        let most = if self.acknowledged.is_empty() { LOOK_FOR_LEFT } else { SOON };
        Ok(Rest::of(most).at_least(PACE))
    }
}

impl Relaying {
    fn new(relay: Relay) -> Self {
        Self { relay, acknowledged: Vec::new() }
    }

    /// Publishes everything that was handed over, and what is left in the outbox if there is something.
    async fn drain(&mut self) -> Result<(), HandleError> {
        let (mut read_all, mut is_idle) = (false, true);
        loop {
            let Taken { batches, left_some } = self.relay.handover.take(BATCH);
            read_all |= left_some;
            if batches.is_empty() {
                break;
            }
            is_idle = false;
            self.publish(batches).await?;
        }
        if is_idle || read_all || self.acknowledged.len() >= MOST_LEFT {
            self.empty().await?;
        }
        while read_all {
            let batches = self.relay.read().await?;
            // There may be more than a read takes.
            read_all = !batches.is_empty();
            self.publish(batches).await?;
            self.empty().await?;
        }
        Ok(())
    }

    async fn publish(&mut self, batches: Vec<Unpublished>) -> Result<(), HandleError> {
        if batches.is_empty() {
            return Ok(());
        }
        let (acknowledged, outcome) = self.relay.publish(batches).await;
        self.acknowledged.extend(acknowledged);
        outcome
    }

    /// Takes what the bus has out of the outbox.
    async fn empty(&mut self) -> Result<(), HandleError> {
        if self.acknowledged.is_empty() {
            return Ok(());
        }
        let tx = self.relay.database.begin_system().await?;
        tx.delete_keys::<outbox::Entity>(&self.acknowledged).await?;
        tx.commit().await?;
        self.acknowledged.clear();
        Ok(())
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

    /// An event that a process wrote.
    async fn write(
        relay: &Relay,
        owner: Uuid,
        ids: &IdGenerator,
        written_at: DateTime<Utc>,
    ) -> Vec<Unpublished> {
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
        let rows = written.iter().map(|batch| batch.row(owner, written_at)).collect();
        let tx = relay.database.begin_system().await.unwrap();
        tx.insert_many::<outbox::Entity>(rows).await.unwrap();
        tx.insert_many::<history::Entity>(vec![event]).await.unwrap();
        tx.commit().await.unwrap();
        written
    }

    const OURS: Uuid = Uuid::from_u128(1);
    const ANOTHERS: Uuid = Uuid::from_u128(2);

    /// A relay on a database and a bus in a folder.
    async fn relay_in(folder: &std::path::Path, clock: &Arc<ManualClock>) -> Relay {
        let url = |name: &str| format!("sqlite://{}", folder.join(name).display());
        let database = Database::open(&url("order.sqlite"), &DatabaseOptions::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let bus = bus::open(&url("bus.sqlite"), clock.clone()).await.unwrap();
        let stream = stream_from("order").unwrap();
        let subjects =
            stream.subjects.iter().map(|subject| Envelope::subject(&format!("{subject}.>"))).collect();
        let spec =
            bus::StreamSpec { name: stream.name.to_owned(), subjects, max_bytes: 4 << 20, replicas: 1 };
        bus.declare_stream(&spec).await.unwrap();
        let (handover, missing) = (Arc::default(), Arc::default());
        let clock = clock.clone();
        Relay { source: "order", owner: OURS, stream, database, bus, clock, handover, missing }
    }

    async fn published(relay: &Relay) -> u64 {
        relay.bus.stream_state(relay.stream.name).await.unwrap().last_sequence
    }

    #[tokio::test]
    async fn the_outbox_is_emptied_when_nothing_more_comes_when_much_waits_and_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let ids = IdGenerator::new(clock.clone(), Arc::new(SystemEntropy));
        let relay = relay_in(folder.path(), &clock).await;
        let mut relaying = Relaying::new(relay.clone());
        let (running, ended) = (CancellationToken::new(), CancellationToken::new());
        ended.cancel();
        let left = async || {
            let tx = relay.database.read_system().await.unwrap();
            tx.find::<outbox::Entity>().all(tx.conn()).await.unwrap().len()
        };
        let mut given = 0;
        let mut give = async |count: u64| {
            for _ in 0..count {
                relay.handover.give(write(&relay, OURS, &ids, clock.now()).await);
            }
            given += count;
            given
        };
        for (count, stop, expected) in [
            (3, &running, 3),
            (2, &running, 5),
            (0, &running, 0),
            (MOST_LEFT as u64 - 1, &running, MOST_LEFT - 1),
            (1, &running, 0),
            (2, &running, 2),
            (1, &ended, 0),
        ] {
            let given = give(count).await;
            relaying.turn(stop).await.unwrap();
            assert_eq!((published(&relay).await, left().await), (given, expected), "{count} more");
        }
    }

    #[tokio::test]
    async fn what_another_process_left_is_published_once_it_is_old_enough() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let ids = IdGenerator::new(clock.clone(), Arc::new(SystemEntropy));
        let relay = relay_in(folder.path(), &clock).await;
        let mut left = relay.clone().look_for_left();
        let stop = CancellationToken::new();

        write(&relay, ANOTHERS, &ids, clock.now()).await;
        for (seconds, expected) in [(0, 0), (10, 1)] {
            clock.advance(Duration::from_secs(seconds));
            left.turn(&stop).await.unwrap().unwrap();
            Relaying::new(relay.clone()).turn(&stop).await.unwrap();
            assert_eq!(
                published(&relay).await,
                expected,
                "its own process may be about to publish it at first"
            );
        }
    }
}
