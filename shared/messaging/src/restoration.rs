//! A database that was restored to an earlier point: noticing it, and learning again what it has forgotten.
//!
//! A service's stream holds what the service told; the streams that it consumes hold what it was told. Both outlive the
//! database. An event on the service's own stream that is not in its own history cannot be: it was written before it was
//! published. Nor can one that a consumer has settled and neither applied nor set aside. So the database has gone back. It
//! begins a new epoch, and everything that the streams still hold from the time of the restored copy on is taken in again:
//! what others told goes to the consumers, whose inboxes know what they still have; what the service told itself goes back
//! into its history, and to whoever can make state of it ([`Remember`]).
//!
//! Nothing is taken from the bus on the way, and what was taken in twice is noticed, so any step may be repeated.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use qm_clock::SharedClock;
use qm_database::{Database, MAX_TRIES, Retryable as _, TenantSet, Tx};
use qm_ids::{EventId, TenantId};
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, EntityTrait as _, QueryOrder as _, QuerySelect as _};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{
    Envelope, HandleError,
    bus::{BusError, Delivery, Held, Message, SharedBus, Start, StreamState, matches},
    consumer::Consumer,
    dead_letters,
    table::{dead_letter, epoch, history, inbox},
};

/// Messages of a stream that are compared with what the database knows: the last that were told, or settled. More than one,
/// since the last may be an old event that was published late.
const LAST_MESSAGES: usize = 8;
/// Events of them that are looked for: under load a message is a bundle of many.
const NEWEST_EVENTS: usize = 64;
/// Messages read at a time.
const PAGE: usize = 512;
/// How much earlier than the newest event that is known reading begins: events are published out of the order of their ids,
/// and the clocks of services differ.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// Times that what failed is tried again, after everything else: longer than an event takes to be set aside.
const ROUNDS: u32 = 8;
const BETWEEN_ROUNDS: Duration = Duration::from_millis(250);
/// Messages that wait for another try at a time.
const MOST_WAITING: usize = 10_000;

/// Makes state of events that the service told and its restored database does not know.
#[async_trait]
pub trait Remember: Send + Sync + 'static {
    /// Takes in events of the service itself, in the order of its stream. Each comes once. Tells only what others cannot know
    /// yet, such as that something which they were told does not hold any more.
    async fn remember(&self, tx: &Tx, told: &[Envelope]) -> Result<(), HandleError>;
}

/// A service whose events need no state of their own: what others told leads to all of it.
pub(crate) struct Nothing;

#[async_trait]
impl Remember for Nothing {
    async fn remember(&self, _: &Tx, _: &[Envelope]) -> Result<(), HandleError> {
        Ok(())
    }
}

/// Looks after a service's database.
#[derive(Clone)]
pub(crate) struct Restoration {
    pub(crate) service: &'static str,
    /// The service's own stream; none when it tells nothing.
    pub(crate) stream: Option<&'static str>,
    pub(crate) database: Database,
    pub(crate) bus: SharedBus,
    pub(crate) clock: SharedClock,
    /// Days that events stay in the history: of older ones it says nothing that they are not there.
    pub(crate) history_days: i64,
    pub(crate) consumers: Vec<Arc<dyn Consumer>>,
    /// Names of consumers that take in what they were told before the service remembers what it told itself.
    pub(crate) first: Vec<String>,
    pub(crate) remember: Arc<dyn Remember>,
}

/// Who shall try a message again.
type Waiting = Vec<(usize, Message)>;

impl Restoration {
    /// Looks whether the database was restored to an earlier point, and if so takes in what it has forgotten.
    pub(crate) async fn look(&self) -> Result<(), HandleError> {
        let epoch = match self.unfinished().await? {
            Some(epoch) => epoch,
            None if self.has_forgotten().await? => self.begin().await?,
            None => return Ok(()),
        };
        warn!(
            service = self.service,
            epoch = epoch.epoch,
            restored_to = %epoch.restored_to,
            "the database was restored to an earlier point: taking in again what the streams hold"
        );
        // Far from any limit of a time that PostgreSQL or the bus knows.
        let since = (epoch.restored_to - MARGIN).max(DateTime::UNIX_EPOCH);
        self.take_in_others(since, |consumer| self.first.contains(consumer)).await?;
        let told = self.take_in_own(since).await?;
        self.take_in_others(since, |consumer| !self.first.contains(consumer)).await?;
        self.end(&epoch).await?;
        info!(service = self.service, epoch = epoch.epoch, told, "the database has caught up");
        Ok(())
    }

    /// Whether a restoration was noticed and not dealt with to its end.
    pub(crate) async fn is_noticed(&self) -> Result<bool, HandleError> {
        Ok(self.unfinished().await?.is_some())
    }

    /// The restoration that was noticed and not dealt with to its end.
    async fn unfinished(&self) -> Result<Option<epoch::Model>, HandleError> {
        let tx = self.database.read_system().await?;
        let last = epoch::Entity::find().order_by_desc(epoch::Column::Epoch).limit(1).one(tx.conn()).await?;
        Ok(last.filter(|epoch| epoch.caught_up_at.is_none()))
    }

    async fn begin(&self) -> Result<epoch::Model, HandleError> {
        let tx = self.database.begin_system().await?;
        let last = epoch::Entity::find().order_by_desc(epoch::Column::Epoch).limit(1).one(tx.conn()).await?;
        let epoch = epoch::Model {
            epoch: last.map_or(1, |last| last.epoch + 1),
            restored_to: newest_event(&tx).await?.unwrap_or(DateTime::UNIX_EPOCH),
            noticed_at: self.clock.now(),
            caught_up_at: None,
        };
        let row: epoch::ActiveModel = epoch.clone().into();
        // Of two replicas that notice at the same time one starts over, and then finds the other's.
        epoch::Entity::insert(row.reset_all()).exec_without_returning(tx.conn()).await?;
        tx.commit().await?;
        Ok(epoch)
    }

    async fn end(&self, epoch: &epoch::Model) -> Result<(), HandleError> {
        let tx = self.database.begin_system().await?;
        let row = epoch::ActiveModel {
            epoch: Set(epoch.epoch),
            caught_up_at: Set(Some(self.clock.now())),
            ..Default::default()
        };
        epoch::Entity::update(row).exec(tx.conn()).await?;
        Ok(tx.commit().await?)
    }

    async fn has_forgotten(&self) -> Result<bool, HandleError> {
        if let Some(stream) = self.stream
            && self.has_forgotten_telling(stream).await?
        {
            return Ok(true);
        }
        self.has_forgotten_being_told().await
    }

    /// True when the end of the service's own stream holds events that its history does not.
    async fn has_forgotten_telling(&self, stream: &str) -> Result<bool, HandleError> {
        let Some(state) = self.state(stream).await? else { return Ok(false) };
        let tail = self.up_to(stream, state.last_sequence).await?;
        Ok(!self.unknown(newest(self.own(tail))).await?.is_empty())
    }

    /// True when what a consumer has settled last was never applied nor set aside: it may have told nothing since.
    async fn has_forgotten_being_told(&self) -> Result<bool, HandleError> {
        for stream in self.streams() {
            let Some(state) = self.state(stream).await? else { continue };
            for consumer in self.consumers.iter().filter(|consumer| consumer.spec().stream == stream) {
                let name = consumer.spec().name.as_str();
                let Some(at) = state.consumers.iter().find(|found| found.name == name) else { continue };
                let mut settled = self.up_to(stream, at.ack_floor).await?;
                settled.retain(|held| matches(&consumer.spec().filter, &held.message.subject));
                if self.was_never_applied(name, &newest(self.envelopes(settled))).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The last messages of a stream up to one.
    async fn up_to(&self, stream: &str, sequence: u64) -> Result<Vec<Held>, HandleError> {
        if sequence == 0 {
            return Ok(Vec::new());
        }
        let start = Start::After(sequence.saturating_sub(LAST_MESSAGES as u64));
        let mut held = self.bus.read(stream, start, LAST_MESSAGES).await.map_err(unavailable)?;
        held.retain(|held| held.sequence <= sequence);
        Ok(held)
    }

    async fn was_never_applied(&self, consumer: &str, settled: &[Envelope]) -> Result<bool, HandleError> {
        let tx = self.database.read_system().await?;
        let applied = crate::inbox::applied(&tx, consumer, settled).await?;
        for event in settled.iter().filter(|event| !applied.contains(&event.event_id)) {
            let key = (event.tenant, consumer.to_owned(), event.event_id.to_string());
            if dead_letter::Entity::find_by_id(key).one(tx.conn()).await?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// None when the stream is not there yet.
    async fn state(&self, stream: &str) -> Result<Option<StreamState>, HandleError> {
        match self.bus.stream_state(stream).await {
            Ok(state) => Ok(Some(state)),
            Err(BusError::Unknown(_)) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Streams that the service consumes.
    fn streams(&self) -> BTreeSet<&str> {
        self.consumers.iter().map(|consumer| consumer.spec().stream.as_str()).collect()
    }

    /// Events young enough to be in the history.
    fn envelopes(&self, held: Vec<Held>) -> Vec<Envelope> {
        let oldest = self.clock.now() - TimeDelta::days(self.history_days - 1);
        held.into_iter()
            .filter_map(|held| Envelope::from_message(&held.message).ok())
            .filter(|event| time_of(event.event_id).is_some_and(|at| at > oldest))
            .collect()
    }

    /// Events that the service told itself. Others may have a way to its stream that they should not have.
    fn own(&self, held: Vec<Held>) -> Vec<Envelope> {
        self.envelopes(held).into_iter().filter(|event| event.source == self.service).collect()
    }

    /// Those that are not in the history.
    async fn unknown(&self, events: Vec<Envelope>) -> Result<Vec<Envelope>, HandleError> {
        let keys: Vec<_> = events.iter().map(|event| (event.tenant, event.event_id.as_uuid())).collect();
        let tx = self.database.read_system().await?;
        let known: HashSet<(TenantId, EventId)> = tx
            .find_keys::<history::Entity>(&keys)
            .await?
            .into_iter()
            .map(|event| (event.tenant_id, event.event_id))
            .collect();
        Ok(events.into_iter().filter(|event| !known.contains(&(event.tenant, event.event_id))).collect())
    }

    /// Hands what others told once more to those consumers that are `meant`.
    async fn take_in_others(
        &self,
        since: DateTime<Utc>,
        meant: impl Fn(&String) -> bool + Send + Sync,
    ) -> Result<(), HandleError> {
        let meant: Vec<bool> = self.consumers.iter().map(|consumer| meant(&consumer.spec().name)).collect();
        let mut failures = vec![HashMap::new(); self.consumers.len()];
        let mut waiting = Waiting::new();
        for stream in self.streams() {
            let is_of = |(place, consumer): &(usize, &Arc<dyn Consumer>)| {
                meant[*place] && consumer.spec().stream == stream
            };
            let consumers: Vec<_> = self.consumers.iter().enumerate().filter(is_of).collect();
            if consumers.is_empty() {
                continue;
            }
            self.check_reach(stream, since).await?;
            let mut start = Start::Time(since);
            loop {
                let page = match self.bus.read(stream, start, PAGE).await {
                    Ok(page) => page,
                    Err(BusError::Unknown(_)) => break,
                    Err(error) => return Err(unavailable(error)),
                };
                let Some(last) = page.last() else { break };
                start = Start::After(last.sequence);
                for (place, consumer) in &consumers {
                    let place = *place;
                    let filter = &consumer.spec().filter;
                    let messages = page
                        .iter()
                        .filter(|held| matches(filter, &held.message.subject))
                        .map(|held| held.message.clone())
                        .collect();
                    let again = consumer.take(messages, &mut failures[place]).await;
                    waiting.extend(again.into_iter().map(|message| (place, message)));
                }
                if waiting.len() > MOST_WAITING {
                    self.try_again(&mut waiting, &mut failures).await?;
                }
            }
        }
        self.try_again(&mut waiting, &mut failures).await
    }

    /// What failed may have been in want of something that was taken in later.
    async fn try_again(
        &self,
        waiting: &mut Waiting,
        failures: &mut [HashMap<String, u32>],
    ) -> Result<(), HandleError> {
        for _ in 0..ROUNDS {
            if waiting.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN_ROUNDS).await;
            let mut by_consumer: BTreeMap<usize, Vec<Message>> = BTreeMap::new();
            for (place, message) in waiting.drain(..) {
                by_consumer.entry(place).or_default().push(message);
            }
            for (place, messages) in by_consumer {
                for page in messages.chunks(PAGE) {
                    let again = self.consumers[place].take(page.to_vec(), &mut failures[place]).await;
                    waiting.extend(again.into_iter().map(|message| (place, message)));
                }
            }
        }
        match waiting.len() {
            0 => Ok(()),
            left => Err(HandleError::Unavailable(format!("{left} events cannot be applied now"))),
        }
    }

    /// Takes in what the service told itself. Returns how many events it had forgotten.
    async fn take_in_own(&self, since: DateTime<Utc>) -> Result<usize, HandleError> {
        let Some(stream) = self.stream else { return Ok(0) };
        self.check_reach(stream, since).await?;
        let mut start = Start::Time(since);
        let mut count = 0;
        loop {
            let page = match self.bus.read(stream, start, PAGE).await {
                Ok(page) => page,
                Err(BusError::Unknown(_)) => return Ok(count),
                Err(error) => return Err(unavailable(error)),
            };
            let Some(last) = page.last() else { return Ok(count) };
            start = Start::After(last.sequence);
            let told = self.unknown(self.own(page)).await?;
            count += told.len();
            self.remember(&told).await?;
        }
    }

    /// All at once, or one by one if that fails. What cannot be taken in is set aside.
    async fn remember(&self, told: &[Envelope]) -> Result<(), HandleError> {
        match self.try_remember(told).await {
            Ok(()) => return Ok(()),
            Err(error @ HandleError::Unavailable(_)) => return Err(error),
            Err(_) => {}
        }
        for event in told {
            match self.try_remember(std::slice::from_ref(event)).await {
                Ok(()) => {}
                Err(error @ HandleError::Unavailable(_)) => return Err(error),
                Err(problem) => self.set_aside(event, &problem).await?,
            }
        }
        Ok(())
    }

    async fn try_remember(&self, told: &[Envelope]) -> Result<(), HandleError> {
        let mut tries = 1;
        loop {
            match self.remember_once(told, &*self.remember).await {
                Err(error) if error.is_retryable() && tries < MAX_TRIES => {
                    tokio::time::sleep(Duration::from_millis(1 << tries)).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    async fn remember_once(&self, told: &[Envelope], remember: &dyn Remember) -> Result<(), HandleError> {
        if told.is_empty() {
            return Ok(());
        }
        let tx = self.database.begin(&TenantSet::of(told.iter().map(|event| event.tenant))).await?;
        let rows = told.iter().map(|event| self.row(event)).collect();
        let mut fresh: HashSet<Uuid> =
            tx.insert_new_many::<history::Entity>(rows).await?.into_iter().collect();
        // `remove`, so that an event that stands twice in the stream is taken in once.
        let told: Vec<Envelope> =
            told.iter().filter(|event| fresh.remove(&event.event_id.as_uuid())).cloned().collect();
        if !told.is_empty() {
            remember.remember(&tx, &told).await?;
        }
        Ok(tx.commit().await?)
    }

    fn row(&self, event: &Envelope) -> history::Model {
        history::Model {
            tenant_id: event.tenant,
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            aggregate_id: event.aggregate,
            occurred_at: event.occurred_at,
            trace: event.trace.clone(),
            payload: event.payload.clone(),
            written_at: self.clock.now(),
        }
    }

    /// The history knows it, and people are told what became of it.
    async fn set_aside(&self, event: &Envelope, problem: &HandleError) -> Result<(), HandleError> {
        let consumer = format!("{}-remember", self.service);
        error!(consumer, event = %event.event_id, %problem, "an event of our own cannot be taken in again");
        let delivery = Delivery { message: event.clone().into_message(), token: String::new(), attempt: 1 };
        dead_letters::record(&self.database, &consumer, &delivery, &problem.to_string(), self.clock.now())
            .await?;
        self.remember_once(std::slice::from_ref(event), &Nothing).await
    }

    /// Says so when a stream no longer holds all that is asked of it: then something stays forgotten.
    async fn check_reach(&self, stream: &str, since: DateTime<Utc>) -> Result<(), HandleError> {
        let Some(state) = self.state(stream).await? else { return Ok(()) };
        if state.first_sequence <= 1 || since <= DateTime::UNIX_EPOCH {
            return Ok(());
        }
        let before = Start::After(state.first_sequence - 1);
        let oldest = self.bus.read(stream, before, 1).await.map_err(unavailable)?;
        let oldest = oldest.first().and_then(|held| Envelope::from_message(&held.message).ok());
        if let Some(reach) = oldest.and_then(|event| time_of(event.event_id)).filter(|reach| *reach > since) {
            error!(
                service = self.service, stream, %since, %reach,
                "the stream does not reach back to the restored copy: what was told between stays forgotten"
            );
        }
        Ok(())
    }
}

/// The time of the newest event that the database knows, told or applied.
async fn newest_event(tx: &Tx) -> Result<Option<DateTime<Utc>>, HandleError> {
    let told =
        tx.find::<history::Entity>().order_by_desc(history::Column::EventId).limit(1).one(tx.conn()).await?;
    let newest = match told {
        Some(event) => Some(event.event_id),
        None => tx
            .find::<inbox::Entity>()
            .order_by_desc(inbox::Column::EventId)
            .limit(1)
            .one(tx.conn())
            .await?
            .map(|row| row.event_id),
    };
    Ok(newest.and_then(time_of))
}

/// When an event's id was given: the first 48 bits of a UUIDv7 are milliseconds (RFC 9562, 5.7).
fn time_of(event: EventId) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(i64::try_from(event.as_uuid().as_u128() >> 80).ok()?)
}

/// The newest of some events, which are enough to tell.
fn newest(mut events: Vec<Envelope>) -> Vec<Envelope> {
    events.split_off(events.len().saturating_sub(NEWEST_EVENTS))
}

fn unavailable(error: BusError) -> HandleError {
    HandleError::Unavailable(error.to_string())
}
