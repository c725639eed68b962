//! Holding a consumer: stories stop at a chosen step, instead of hoping for the right moment.

use std::{collections::BTreeSet, time::Duration};

use async_nats::{
    datetime,
    jetstream::{self, stream::Stream},
};
use futures::TryStreamExt as _;

use super::World;
use crate::wait;

/// A consumer that a failed test forgot goes on by itself.
const LONGEST: Duration = Duration::from_secs(120);

/// A bus on a server, and what stands before all names of this world there.
#[derive(Debug, Clone)]
pub(crate) struct BusServer {
    pub(crate) url: String,
    pub(crate) namespace: String,
}

/// A consumer that is given nothing until it is released. Whatever it is sent meanwhile waits in its stream.
#[derive(Debug)]
pub(crate) struct Hold {
    stream: Stream,
    consumer: String,
    subject: String,
    /// What came before is not held.
    after: u64,
    is_released: bool,
}

impl World {
    /// Keeps events of a type from a service: `hold("inventory", "routing.planned")`. All tenants of the world wait.
    pub(crate) async fn hold(&self, service: &str, event: &str) -> Hold {
        let (context, namespace) = self.jetstream().await;
        let subject = format!("{namespace}.qm.{event}");
        let name = context.stream_by_subject(subject.as_str()).await.unwrap();
        let stream = context.get_stream(name).await.unwrap();
        let consumers: Vec<_> = stream.consumers().try_collect().await.unwrap();
        let of_service = format!("{service}-");
        let found = consumers
            .into_iter()
            .find(|it| it.name.starts_with(&of_service) && covers(&it.config.filter_subject, &subject));
        let consumer = found.unwrap_or_else(|| panic!("{service} does not consume {event}")).name;
        let until = datetime::add_std_duration(datetime::now(), LONGEST).unwrap();
        let answer = stream.pause_consumer(&consumer, until).await.unwrap();
        assert!(answer.paused, "holding a consumer needs nats-server 2.11");
        let after = stream.get_info().await.unwrap().state.last_sequence;
        Hold { stream, consumer, subject, after, is_released: false }
    }

    /// Which service consumes which events: `("inventory", "routing.planned")`.
    pub(crate) async fn consumers(&self) -> BTreeSet<(String, String)> {
        let (context, namespace) = self.jetstream().await;
        let (prefix, mut found) = (format!("{namespace}.qm."), BTreeSet::new());
        let mut streams = context.streams();
        while let Some(info) = streams.try_next().await.unwrap() {
            if !info.config.name.starts_with(namespace) {
                continue;
            }
            let stream = context.get_stream(&info.config.name).await.unwrap();
            let consumers: Vec<_> = stream.consumers().try_collect().await.unwrap();
            found.extend(consumers.into_iter().filter_map(|it| {
                let service = it.name.split('-').next()?.to_owned();
                Some((service, it.config.filter_subject.strip_prefix(&prefix)?.to_owned()))
            }));
        }
        found
    }

    async fn jetstream(&self) -> (jetstream::Context, &str) {
        let server = self.bus.as_ref().expect("only a bus on a server can hold a consumer");
        (jetstream::new(async_nats::connect(&server.url).await.unwrap()), &server.namespace)
    }
}

/// Whether a filter lets a subject through: the same, or a pattern in its last word.
pub(crate) fn covers(filter: &str, subject: &str) -> bool {
    let stem = |of: &str| of.rsplit_once('.').map(|(stem, _)| stem.to_owned());
    filter == subject || (filter.ends_with(".*") && stem(filter) == stem(subject))
}

impl Hold {
    /// Waits until an event about this order waits here.
    pub(crate) async fn until_it_has(&self, order: &str) {
        let mut next = self.after + 1;
        wait::until(&format!("{} about {order} at {}", self.subject, self.consumer), async || {
            while let Ok(message) = self.stream.get_first_raw_message_by_subject(&self.subject, next).await {
                if message.payload.windows(order.len()).any(|part| part == order.as_bytes()) {
                    return Ok(());
                }
                next = message.sequence + 1;
            }
            Err("there is none")
        })
        .await;
    }

    /// Gives it all that waits, and from then on what comes.
    pub(crate) async fn release(mut self) {
        self.stream.resume_consumer(&self.consumer).await.unwrap();
        self.is_released = true;
    }
}

impl Drop for Hold {
    /// A scenario that failed must not stop those after it.
    fn drop(&mut self) {
        if !self.is_released {
            let (stream, consumer) = (self.stream.clone(), self.consumer.clone());
            tokio::spawn(async move { stream.resume_consumer(&consumer).await.map(drop) });
        }
    }
}
