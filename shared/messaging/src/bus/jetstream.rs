//! The bus on NATS JetStream.
//!
//! Only what 2.9 also has is used: one filter per consumer, pull consumers, `Nats-Msg-Id`, limits with `discard: new`.
//! Old servers ignore what they do not know, so the echoed configuration is checked.

mod subscription;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client, HeaderMap,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
        context::{
            CreateStreamError, CreateStreamErrorKind, GetStreamErrorKind, PublishAckFuture, PublishError,
            PublishErrorKind,
        },
        stream::{Config, ConsumerErrorKind, DiscardPolicy, RetentionPolicy, StorageType, Stream},
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use self::subscription::JetStreamSubscription;
use super::{
    Bus, BusError, ConsumerSpec, ConsumerState, Held, Message, Start, StreamSpec, StreamState, Subscription,
};

/// How long the first connection is tried.
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the server is asked whether it is there. After three questions without an answer the client connects anew: what
/// lies between may have forgotten the connection without telling either end.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// Acknowledgements awaited at a time.
const IN_FLIGHT: usize = 256;
/// How long the broker remembers message ids: long enough for a publish that is repeated since its acknowledgement was lost.
/// Never the only guard against duplicates, and it is paid for in the broker's memory, some 100 bytes a message.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(15);
/// How long a reader that nobody asks any more stays.
const READER_LIFE: Duration = Duration::from_secs(30);
const OLDEST_SERVER: (u64, u64) = (2, 9);
/// Codes in the server's answers; they mean what they mean in HTTP.
const NOT_FOUND: usize = 404;
const NOT_NOW: usize = 503;

/// The bus on NATS JetStream. Clones share the connection.
#[derive(Debug, Clone)]
pub struct JetStreamBus {
    client: Client,
    context: Context,
    namespace: Namespace,
    refused: Refused,
}

/// Streams and consumers that the server would not set up as asked, each with the reason. Nothing travels there until
/// somebody changes the setup, so whoever asks whether the bus is there is told.
#[derive(Debug, Clone, Default)]
struct Refused(Arc<Mutex<BTreeMap<String, String>>>);

impl Refused {
    /// Takes note of how setting `what` up ended.
    fn note<T>(&self, what: String, result: &Result<T, BusError>) {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => drop(refused.remove(&what)),
            Err(BusError::Misconfigured(reason)) => drop(refused.insert(what, reason.clone())),
            // Whether it is set up is not known.
            Err(_) => {}
        }
    }

    /// All that is not as asked.
    fn check(&self) -> Result<(), BusError> {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_empty() {
            return Ok(());
        }
        Err(BusError::Misconfigured(refused.values().cloned().collect::<Vec<_>>().join("; ")))
    }
}

/// Keeps several installations on one server apart: it stands before stream names and subjects.
#[derive(Debug, Clone, Default)]
struct Namespace(Option<String>);

impl Namespace {
    fn stream(&self, name: &str) -> String {
        self.0.as_ref().map_or_else(|| name.to_owned(), |space| format!("{space}_{name}"))
    }

    fn subject(&self, subject: &str) -> String {
        self.0.as_ref().map_or_else(|| subject.to_owned(), |space| format!("{space}.{subject}"))
    }

    fn without<'s>(&self, subject: &'s str) -> &'s str {
        let rest = self.0.as_ref().and_then(|space| subject.strip_prefix(space.as_str())?.strip_prefix('.'));
        rest.unwrap_or(subject)
    }
}

/// Splits `nats://HOST:PORT/NAMESPACE`.
fn split(url: &str) -> Result<(&str, Namespace), BusError> {
    let Some((scheme, rest)) = url.split_once("://") else { return Ok((url, Namespace::default())) };
    let Some((_, space)) = rest.split_once('/').filter(|(_, space)| !space.is_empty()) else {
        return Ok((url, Namespace::default()));
    };
    if !space.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(BusError::Misconfigured(format!("namespace {space:?}: letters and digits only")));
    }
    let server = &url[..scheme.len() + 3 + rest.len() - space.len() - 1];
    Ok((server, Namespace(Some(space.to_owned()))))
}

fn unavailable(error: impl std::fmt::Display) -> BusError {
    BusError::Unavailable(error.to_string())
}

/// Bounds what the client only hands to its connection: while that is away, it waits for room without an end.
async fn in_time<T, E: std::fmt::Display>(work: impl Future<Output = Result<T, E>>) -> Result<T, BusError> {
    timeout(REQUEST_TIMEOUT, work).await.map_err(unavailable)?.map_err(unavailable)
}

impl JetStreamBus {
    /// Connects to `nats://HOST:PORT`, perhaps with `/NAMESPACE`, trying for a bounded time. Once connected, the client
    /// reconnects by itself.
    pub async fn connect(url: &str) -> Result<Self, BusError> {
        let (url, namespace) = split(url)?;
        let deadline = Instant::now() + CONNECT_DEADLINE;
        let client = loop {
            let options = async_nats::ConnectOptions::new()
                .name("quartermaster")
                .connection_timeout(REQUEST_TIMEOUT)
                .ping_interval(SIGN_OF_LIFE)
                .request_timeout(Some(REQUEST_TIMEOUT));
            match options.connect(url).await {
                Ok(client) => break client,
                Err(error) if Instant::now() >= deadline => return Err(unavailable(error)),
                Err(_) => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        };
        let version = client.server_info().version;
        if !is_recent(&version) {
            return Err(BusError::Misconfigured(format!("nats-server {version}: 2.9 or later is needed")));
        }
        let mut context = jetstream::new(client.clone());
        context.set_timeout(REQUEST_TIMEOUT);
        Ok(Self { client, context, namespace, refused: Refused::default() })
    }

    async fn send(&self, message: &Message) -> Result<PublishAckFuture, PublishError> {
        let mut headers = HeaderMap::new();
        headers.insert(async_nats::header::NATS_MESSAGE_ID, message.id.as_str());
        for (name, value) in &message.headers {
            headers.insert(name.as_str(), value.as_str());
        }
        self.context
            .publish_with_headers(
                self.namespace.subject(&message.subject),
                headers,
                message.payload.clone().into(),
            )
            .await
    }

    /// The stream as it stands now.
    async fn stream(&self, name: &str) -> Result<Stream, BusError> {
        self.context.get_stream(self.namespace.stream(name)).await.map_err(|error| match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.code() == NOT_FOUND => {
                BusError::Unknown(name.to_owned())
            }
            _ => unavailable(qm_worker::with_causes(&error)),
        })
    }
}

fn is_recent(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= OLDEST_SERVER
}

fn publish_error(error: PublishError) -> BusError {
    let text = qm_worker::with_causes(&error);
    if error.kind() == PublishErrorKind::StreamNotFound {
        BusError::Unknown("a stream for the subject".to_owned())
    } else if error.kind() == PublishErrorKind::MaxPayloadExceeded {
        BusError::Misconfigured(text)
    } else if text.contains("maximum bytes exceeded") || text.contains("maximum messages exceeded") {
        BusError::Full
    } else {
        BusError::Unavailable(text)
    }
}

/// What the server refuses stays refused until somebody changes its setup or ours.
fn declare_error(stream: &str, error: CreateStreamError) -> BusError {
    match error.kind() {
        CreateStreamErrorKind::JetStream(refusal) if refusal.code() != NOT_NOW => {
            BusError::Misconfigured(format!("stream {stream}: {refusal}"))
        }
        CreateStreamErrorKind::InvalidStreamName | CreateStreamErrorKind::EmptyStreamName => {
            BusError::Misconfigured(format!("stream {stream}: {error}"))
        }
        _ => unavailable(qm_worker::with_causes(&error)),
    }
}

impl JetStreamBus {
    async fn set_up_stream(&self, spec: &StreamSpec) -> Result<(), BusError> {
        let wanted = Config {
            name: self.namespace.stream(&spec.name),
            subjects: spec.subjects.iter().map(|subject| self.namespace.subject(subject)).collect(),
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            max_bytes: i64::try_from(spec.max_bytes).unwrap_or(i64::MAX),
            num_replicas: usize::from(spec.replicas),
            duplicate_window: DUPLICATE_WINDOW,
            ..Config::default()
        };
        let refused = |error| declare_error(&spec.name, error);
        let existing = self.context.get_or_create_stream(wanted.clone()).await.map_err(refused)?;
        let mut config = existing.cached_info().config.clone();
        if differences(&wanted, &config).is_some() {
            config = self.context.update_stream(&wanted).await.map_err(refused)?.config;
        }
        match differences(&wanted, &config) {
            None => Ok(()),
            Some(what) => {
                Err(BusError::Misconfigured(format!("stream {}: {what} is not as asked", spec.name)))
            }
        }
    }

    async fn set_up_consumer(&self, spec: &ConsumerSpec) -> Result<PullConsumer, BusError> {
        let stream = self.stream(&spec.stream).await?;
        let config = pull::Config {
            durable_name: Some(spec.name.clone()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: spec.ack_wait,
            // Giving up is decided and recorded by the consumer, not by the broker.
            max_deliver: -1,
            filter_subject: self.namespace.subject(&spec.filter),
            max_ack_pending: i64::from(spec.max_in_flight),
            ..pull::Config::default()
        };
        stream.create_consumer(config).await.map_err(|error| match error.kind() {
            ConsumerErrorKind::JetStream(refusal) if refusal.code() == NOT_FOUND => {
                BusError::Unknown(spec.stream.clone())
            }
            ConsumerErrorKind::JetStream(refusal) if refusal.code() != NOT_NOW => {
                BusError::Misconfigured(format!("consumer {}: {refusal}", spec.name))
            }
            _ => unavailable(qm_worker::with_causes(&error)),
        })
    }
}

#[async_trait]
impl Bus for JetStreamBus {
    async fn declare_stream(&self, spec: &StreamSpec) -> Result<(), BusError> {
        let result = self.set_up_stream(spec).await;
        self.refused.note(format!("stream {}", spec.name), &result);
        result
    }

    async fn publish(&self, messages: &[Message]) -> Vec<Result<u64, BusError>> {
        let mut results = Vec::with_capacity(messages.len());
        let mut is_away = false;
        for chunk in messages.chunks(IN_FLIGHT) {
            let mut acks = Vec::with_capacity(chunk.len());
            for message in chunk {
                let ack = self.send(message).await;
                is_away = ack.as_ref().is_err_and(|error| error.kind() == PublishErrorKind::TimedOut);
                acks.push(ack);
                if is_away {
                    break;
                }
            }
            // Sending only hands the message over; whether it is stored is what the second future tells. One deadline
            // for all: each for itself, a chunk without answers would take as many times as long.
            let deadline = Instant::now() + REQUEST_TIMEOUT;
            for ack in acks {
                let answer = match ack {
                    Ok(ack) => timeout_at(deadline, ack.into_future()).await,
                    Err(error) => Ok(Err(error)),
                };
                is_away |= answer.is_err();
                results.push(match answer {
                    Ok(answer) => answer.map(|ack| ack.sequence).map_err(publish_error),
                    Err(elapsed) => Err(unavailable(elapsed)),
                });
            }
            if is_away {
                break;
            }
        }
        results.resize(messages.len(), Err(BusError::Unavailable("the connection is away".to_owned())));
        results
    }

    async fn subscribe(&self, spec: &ConsumerSpec) -> Result<Box<dyn Subscription>, BusError> {
        let result = self.set_up_consumer(spec).await;
        self.refused.note(format!("consumer {}", spec.name), &result);
        let consumer = result?;
        let (client, namespace) = (self.client.clone(), self.namespace.clone());
        Ok(Box::new(JetStreamSubscription { client, namespace, consumer, open: None }))
    }

    async fn stream_state(&self, name: &str) -> Result<StreamState, BusError> {
        let stream = self.stream(name).await?;
        let info = stream.cached_info();
        // After the stream's own state: what was published up to then, a consumer without anything left has settled. The
        // other way round, what came in between would count as settled, and be purged.
        let consumers: Vec<_> = stream.consumers().try_collect().await.map_err(unavailable)?;
        let last_sequence = info.state.last_sequence;
        let stored_at = info.state.last_timestamp.unix_timestamp_nanos() / 1_000;
        let last_stored_at = i64::try_from(stored_at)
            .ok()
            .filter(|_| info.state.messages > 0)
            .and_then(DateTime::from_timestamp_micros);
        Ok(StreamState {
            identity: info.created.unix_timestamp_nanos().to_string(),
            first_sequence: if last_sequence == 0 { 0 } else { info.state.first_sequence },
            last_sequence,
            last_stored_at,
            bytes: info.state.bytes,
            consumers: consumers
                .into_iter()
                .map(|consumer| {
                    let pending = consumer.num_pending + consumer.num_ack_pending as u64;
                    // The floor of a consumer that has nothing left stays at its last message, however far the
                    // stream has gone on without it.
                    let floor = if pending == 0 { last_sequence } else { consumer.ack_floor.stream_sequence };
                    ConsumerState { name: consumer.name, ack_floor: floor, pending }
                })
                .collect(),
        })
    }

    async fn read(&self, name: &str, start: Start, max: usize) -> Result<Vec<Held>, BusError> {
        let stream = self.stream(name).await?;
        if stream.cached_info().state.messages == 0 {
            return Ok(Vec::new());
        }
        let deliver_policy = match start {
            Start::After(sequence) if sequence >= stream.cached_info().state.last_sequence => {
                return Ok(Vec::new());
            }
            Start::After(sequence) => DeliverPolicy::ByStartSequence { start_sequence: sequence + 1 },
            Start::Time(at) => DeliverPolicy::ByStartTime { start_time: start_time(at)? },
        };
        // Belongs to nobody and ends with this call, or when nobody asks it any more.
        let config = pull::Config {
            deliver_policy,
            ack_policy: AckPolicy::None,
            inactive_threshold: READER_LIFE,
            ..pull::Config::default()
        };
        let reader: PullConsumer = in_time(stream.create_consumer(config)).await?;
        let name = reader.cached_info().name.clone();
        let messages = in_time(async {
            let batch = reader.fetch().max_messages(max).messages().await?;
            batch.map_err(async_nats::Error::from).try_collect::<Vec<_>>().await
        });
        let messages = messages.await;
        // It would end by itself.
        drop(in_time(stream.delete_consumer(&name)).await);
        messages?
            .into_iter()
            .map(|message| {
                let sequence = message.info().map_err(unavailable)?.stream_sequence;
                Ok(Held { sequence, message: subscription::message(&self.namespace, &message) })
            })
            .collect()
    }

    async fn purge(&self, stream: &str, sequence: u64) -> Result<(), BusError> {
        let stream = self.stream(stream).await?;
        // The sequence given to the server is the first that stays.
        stream.purge().sequence(sequence + 1).await.map_err(unavailable)?;
        Ok(())
    }

    async fn ping(&self) -> Result<(), BusError> {
        in_time(self.context.query_account()).await?;
        self.refused.check()
    }
}

fn start_time(at: DateTime<Utc>) -> Result<time::OffsetDateTime, BusError> {
    let nanos = i128::from(at.timestamp_micros()) * 1_000;
    time::OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(unavailable)
}

/// The first setting that is not as wanted.
fn differences(wanted: &Config, found: &Config) -> Option<&'static str> {
    let subjects = |config: &Config| config.subjects.iter().cloned().collect::<BTreeSet<_>>();
    [
        ("subjects", subjects(wanted) == subjects(found)),
        ("retention", wanted.retention == found.retention),
        ("discard", wanted.discard == found.discard),
        ("storage", wanted.storage == found.storage),
        ("max_bytes", wanted.max_bytes == found.max_bytes),
        ("num_replicas", wanted.num_replicas == found.num_replicas),
        ("duplicate_window", wanted.duplicate_window == found.duplicate_window),
    ]
    .into_iter()
    .find_map(|(name, is_same)| (!is_same).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_split_from_the_url_and_stands_before_every_name() {
        let (server, namespace) = split("nats://user:pw@host:4222/shop1").unwrap();
        assert_eq!(
            (server, namespace.stream("QM_ORDER").as_str()),
            ("nats://user:pw@host:4222", "shop1_QM_ORDER")
        );
        assert_eq!(namespace.without(&namespace.subject("qm.order.placed")), "qm.order.placed");
        let (server, namespace) = split("nats://host:4222").unwrap();
        assert_eq!((server, namespace.subject("qm.a").as_str()), ("nats://host:4222", "qm.a"));
        assert!(split("nats://host:4222/a.b").is_err());
    }

    #[test]
    fn old_servers_are_told_from_recent_ones() {
        assert!(is_recent("2.9.10") && is_recent("2.15.1") && is_recent("3.0.0-beta"));
        assert!(!is_recent("2.8.4") && !is_recent("nonsense"));
    }
}
