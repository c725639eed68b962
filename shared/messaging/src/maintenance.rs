//! What a service does for its own stream and tables now and then: it declares the stream, makes room on it, notices a stream
//! that lost its tail or was made anew and publishes again, notices a database that was restored, makes and drops partitions.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Datelike as _, TimeDelta, TimeZone as _, Utc};
use qm_database::{Database, Error};
use qm_worker::{Rest, Turns, Worker};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::OnConflict,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    Envelope, HandleError, MessagingOptions,
    bus::{BusError, StreamSpec, StreamState},
    relay::Relay,
    restoration::Restoration,
    table::{history, inbox, outbox, stream_memory},
};

const ROUND: Duration = Duration::from_secs(30);
/// Messages younger than this stay on the stream, however settled: longer than the broker's window for duplicates, so
/// that a repeated publish is still recognised.
const KEEP_ON_STREAM: TimeDelta = TimeDelta::minutes(5);
/// Part of its room that a stream may fill with what everybody has settled: what is left on it is what a restored database
/// can learn again, and the rest is for what nobody has settled yet.
const KEPT_PART: u64 = 2;
/// What a stream that lost its tail may have lost before the last message that it still has: publishes are concurrent.
const REPUBLISH_MARGIN_MINUTES: i64 = 5;
/// Days to keep what must not be dropped yet.
const NEVER: i64 = i64::MAX;
/// Partitions are made this many days ahead.
const DAYS_AHEAD: i64 = 2;

pub(crate) struct Maintenance {
    restoration: Restoration,
    /// None for a service that tells nothing.
    own: Option<OwnStream>,
    history_days: i64,
    inbox_days: i64,
}

/// The stream that a service publishes to: only the service itself looks after it.
struct OwnStream {
    relay: Relay,
    stream: StreamSpec,
    /// When the stream's last sequence was seen, oldest first.
    sightings: VecDeque<(DateTime<Utc>, u64)>,
}

#[async_trait]
impl Turns for Maintenance {
    async fn turn(&mut self, stop: &CancellationToken) -> Result<Rest, qm_worker::Error> {
        tokio::select! {
            round = self.round() => round?,
            () = stop.cancelled() => {}
        }
        Ok(Rest::of(ROUND))
    }
}

impl Maintenance {
    /// Looks after a service's tables, and after the stream to which `relay` publishes.
    pub(crate) fn new(restoration: Restoration, relay: Option<Relay>, options: &MessagingOptions) -> Self {
        let own = relay.map(|relay| {
            let subject = |subject: &&str| Envelope::subject(&format!("{subject}.>"));
            let stream = StreamSpec {
                name: relay.stream.name.to_owned(),
                subjects: relay.stream.subjects.iter().map(subject).collect(),
                max_bytes: options.stream_max_bytes,
                replicas: options.stream_replicas,
            };
            OwnStream { relay, stream, sightings: VecDeque::new() }
        });
        let (history_days, inbox_days) = (options.history_days, options.inbox_days);
        Self { restoration, own, history_days, inbox_days }
    }

    pub(crate) fn worker(self) -> Worker {
        let name = format!("{}-maintenance", self.restoration.service);
        // Events wait for a stream that is not there, so it is not left until the next round.
        let missing = self.own.as_ref().map(|own| Arc::clone(&own.relay.missing));
        let worker = Worker::taking(name, self);
        match missing {
            Some(missing) => worker.woken_by(&missing),
            None => worker,
        }
    }

    async fn round(&mut self) -> Result<(), HandleError> {
        if let Some(own) = &self.own {
            own.declare().await?;
        }
        // First, while the stream still holds what there is to learn.
        self.restoration.look().await?;
        if let Some(own) = &mut self.own {
            own.round().await?;
        }
        let (database, clock) = (&self.restoration.database, &self.restoration.clock);
        look_after_tables(database, clock.now(), self.history_days, self.inbox_days).await?;
        Ok(())
    }
}

impl OwnStream {
    async fn declare(&self) -> Result<(), HandleError> {
        self.relay.bus.declare_stream(&self.stream).await.map_err(unavailable)
    }

    async fn round(&mut self) -> Result<(), HandleError> {
        let state = self.relay.bus.stream_state(&self.stream.name).await.map_err(unavailable)?;
        self.republish_what_was_lost(&state).await?;
        self.make_room(&state).await
    }

    /// Drops the oldest of what every consumer has settled, once the stream is as full as that may make it.
    async fn make_room(&mut self, state: &StreamState) -> Result<(), HandleError> {
        let now = self.relay.clock.now();
        let sightings = &mut self.sightings;
        sightings.push_back((now, state.last_sequence));
        let mut old_enough = 0;
        while let Some((seen, sequence)) = sightings.front().copied() {
            if now - seen < KEEP_ON_STREAM {
                break;
            }
            old_enough = sequence;
            sightings.pop_front();
        }
        let Some(settled) = state.consumers.iter().map(|consumer| consumer.ack_floor).min() else {
            return Ok(());
        };
        let up_to = settled.min(old_enough).min(surplus(state, self.stream.max_bytes / KEPT_PART));
        if up_to >= state.first_sequence && up_to > 0 {
            self.relay.bus.purge(&self.stream.name, up_to).await.map_err(unavailable)?;
            // A sighting that was used up has to be seen again.
            sightings.push_front((now - KEEP_ON_STREAM, old_enough));
        }
        Ok(())
    }

    async fn republish_what_was_lost(&self, state: &StreamState) -> Result<(), HandleError> {
        let tx = self.relay.database.read_system().await?;
        let memory = stream_memory::Entity::find_by_id(self.stream.name.clone()).one(tx.conn()).await?;
        drop(tx);
        let last_sequence = i64::try_from(state.last_sequence).unwrap_or(i64::MAX);
        if let Some(memory) = memory {
            let from =
                if memory.identity != state.identity {
                    Some(Uuid::nil())
                } else if last_sequence < memory.last_sequence {
                    Some(state.last_stored_at.map_or(Uuid::nil(), |at| {
                        first_id_at(at - TimeDelta::minutes(REPUBLISH_MARGIN_MINUTES))
                    }))
                } else {
                    None
                };
            if let Some(from) = from {
                warn!(stream = %self.stream.name, "the stream lost messages, publishing again from the event history");
                let republished = self.relay.republish(from).await?;
                info!(stream = %self.stream.name, republished, "published again");
            }
        }
        self.remember(state, last_sequence).await
    }

    async fn remember(&self, state: &StreamState, last_sequence: i64) -> Result<(), HandleError> {
        let row = stream_memory::ActiveModel {
            stream: Set(self.stream.name.clone()),
            identity: Set(state.identity.clone()),
            last_sequence: Set(last_sequence),
        };
        let tx = self.relay.database.begin_system().await?;
        stream_memory::Entity::insert(row)
            .on_conflict(
                OnConflict::column(stream_memory::Column::Stream)
                    .update_columns([stream_memory::Column::Identity, stream_memory::Column::LastSequence])
                    .to_owned(),
            )
            .exec_without_returning(tx.conn())
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

fn unavailable(error: BusError) -> HandleError {
    HandleError::Unavailable(error.to_string())
}

/// The last of the messages without which the stream holds about so many bytes; 0 when it holds no more.
fn surplus(state: &StreamState, bytes: u64) -> u64 {
    if state.bytes <= bytes {
        return 0;
    }
    let count = (state.last_sequence + 1).saturating_sub(state.first_sequence);
    let part = (state.bytes - bytes) as f64 / state.bytes as f64;
    state.first_sequence.saturating_sub(1) + (count as f64 * part).ceil() as u64
}

/// Drops what is older than its retention, by partition on PostgreSQL and by range on SQLite, and makes partitions ahead.
pub(crate) async fn look_after_tables(
    database: &Database,
    now: DateTime<Utc>,
    history_days: i64,
    inbox_days: i64,
) -> Result<(), Error> {
    let oldest = first_id_at(now - TimeDelta::days(history_days));
    // What the bus has been away from for so long must still reach it.
    let is_published = is_published(database, oldest).await?;
    if database.is_postgres() {
        let history_days = if is_published { history_days } else { NEVER };
        look_after_partitions(database, "event_history", now, history_days).await?;
        return look_after_partitions(database, "inbox", now, inbox_days).await;
    }
    let tx = database.begin_system().await?;
    if is_published {
        history::Entity::delete_many().filter(history::Column::EventId.lt(oldest)).exec(tx.conn()).await?;
    }
    inbox::Entity::delete_many()
        .filter(inbox::Column::EventId.lt(first_id_at(now - TimeDelta::days(inbox_days))))
        .exec(tx.conn())
        .await?;
    tx.commit().await
}

/// Whether every event before this one has been published.
async fn is_published(database: &Database, before: Uuid) -> Result<bool, Error> {
    let tx = database.read_system().await?;
    let select = tx.find::<outbox::Entity>().filter(outbox::Column::EventId.lt(before)).limit(1);
    Ok(select.all(tx.conn()).await?.is_empty())
}

async fn look_after_partitions(
    database: &Database,
    table: &str,
    now: DateTime<Utc>,
    keep_days: i64,
) -> Result<(), Error> {
    let midnight = Utc.with_ymd_and_hms(now.year(), now.month(), now.day(), 0, 0, 0).single().unwrap_or(now);
    for day in 0..=DAYS_AHEAD {
        let (from, until) = (midnight + TimeDelta::days(day), midnight + TimeDelta::days(day + 1));
        let name = partition(table, from);
        let (from, until) = (first_id_at(from), first_id_at(until));
        // Made apart and then attached: attaching locks the table for a moment only. Rows of that day that are in the
        // default partition already make it fail; they stay there, and the next day's partition is made in time.
        let sql = format!(
            "DO $$ BEGIN \
               IF to_regclass('{name}') IS NULL THEN \
                 CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS); \
                 ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{until}'); \
               END IF; \
             EXCEPTION WHEN check_violation OR duplicate_table OR unique_violation THEN NULL; END $$"
        );
        database.execute_schema_change(&sql).await?;
    }
    if keep_days == NEVER {
        return Ok(());
    }
    // A window of days, so that a service that slept for a month still drops what it missed.
    for day in keep_days + 1..=keep_days + 60 {
        let name = partition(table, midnight - TimeDelta::days(day));
        database.execute_schema_change(&format!("DROP TABLE IF EXISTS {name}")).await?;
    }
    Ok(())
}

fn partition(table: &str, day: DateTime<Utc>) -> String {
    format!("{table}_{}", day.format("%Y%m%d"))
}

/// The least UUIDv7 of a moment.
fn first_id_at(at: DateTime<Utc>) -> Uuid {
    let ms = u128::try_from(at.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(ms << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_keeps_what_it_has_room_for() {
        let state = |bytes, first, last| StreamState {
            identity: String::new(),
            first_sequence: first,
            last_sequence: last,
            last_stored_at: None,
            bytes,
            consumers: Vec::new(),
        };
        assert_eq!(surplus(&state(500, 1, 10), 500), 0);
        assert_eq!(surplus(&state(1_000, 1, 10), 500), 5);
        assert_eq!(surplus(&state(1_000, 101, 110), 900), 101);
        assert_eq!(surplus(&state(1_000, 101, 110), 0), 110);
        assert_eq!(surplus(&state(0, 0, 0), 0), 0);
    }

    #[test]
    fn ids_of_a_day_lie_between_its_bounds() {
        let day = Utc.with_ymd_and_hms(2026, 11, 22, 0, 0, 0).unwrap();
        let noon = uuid::Builder::from_unix_timestamp_millis(
            u64::try_from((day + TimeDelta::hours(12)).timestamp_millis()).unwrap(),
            &[0xff; 10],
        )
        .into_uuid();
        assert!(first_id_at(day) < noon && noon < first_id_at(day + TimeDelta::days(1)));
    }
}
