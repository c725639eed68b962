//! Taking from JetStream.

use std::time::Duration;

use async_nats::{
    Client, HeaderMap,
    jetstream::{
        self,
        consumer::{PullConsumer, pull},
    },
};
use async_trait::async_trait;
use futures::StreamExt as _;
use tokio::time::{Instant, timeout};

use super::{Namespace, in_time, unavailable};
use crate::bus::{BusError, Delivery, Message, Subscription};

/// After the first message of a request, how long to wait for company.
const COMPANY: Duration = Duration::from_millis(2);
/// How much later than asked the end of a request may arrive.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct JetStreamSubscription {
    pub(super) client: Client,
    pub(super) namespace: Namespace,
    pub(super) consumer: PullConsumer,
    /// A request that the server may still answer. Dropping it would leave its messages waiting for `ack_wait`.
    pub(super) open: Option<pull::Batch>,
}

impl JetStreamSubscription {
    fn deliver(&self, delivered: &jetstream::Message) -> Delivery {
        let attempt = delivered.info().map_or(1, |info| u32::try_from(info.delivered).unwrap_or(1));
        let token = delivered.reply.as_ref().map(ToString::to_string).unwrap_or_default();
        Delivery { message: message(&self.namespace, delivered), token, attempt }
    }

    async fn settle(&self, tokens: &[String], word: String) -> Result<(), BusError> {
        in_time(async {
            for token in tokens {
                self.client.publish(token.clone(), word.clone().into()).await?;
            }
            self.client.flush().await?;
            Ok::<_, async_nats::Error>(())
        })
        .await
    }
}

/// The message as it was published.
pub(super) fn message(namespace: &Namespace, delivered: &jetstream::Message) -> Message {
    let mut headers = Vec::new();
    let mut id = String::new();
    for (name, values) in delivered.headers.iter().flat_map(HeaderMap::iter) {
        let Some(value) = values.first() else { continue };
        let name: &str = name.as_ref();
        if name.eq_ignore_ascii_case("nats-msg-id") {
            id = value.to_string();
        } else {
            headers.push((name.to_ascii_lowercase(), value.to_string()));
        }
    }
    let message = &delivered.message;
    let subject = namespace.without(&message.subject).to_owned();
    Message { subject, id, headers, payload: message.payload.to_vec() }
}

#[async_trait]
impl Subscription for JetStreamSubscription {
    async fn fetch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError> {
        let deadline = Instant::now() + wait;
        let mut deliveries = Vec::new();
        while deliveries.len() < max {
            let patience = if deliveries.is_empty() {
                // A server that is there ends the request by itself, on time.
                deadline.saturating_duration_since(Instant::now()) + GRACE
            } else {
                COMPANY
            };
            // Kept in `self` while waiting, so that a caller who stops waiting loses nothing.
            let next = match &mut self.open {
                Some(open) => timeout(patience, open.next()).await,
                None if !deliveries.is_empty() => break,
                None => {
                    let remaining = deadline.saturating_duration_since(Instant::now());
                    if remaining.is_zero() {
                        break;
                    }
                    let request = self.consumer.batch().max_messages(max).expires(remaining);
                    self.open = Some(in_time(request.messages()).await?);
                    continue;
                }
            };
            match next {
                Ok(Some(Ok(message))) => deliveries.push(self.deliver(&message)),
                Ok(Some(Err(error))) => {
                    self.open = None;
                    return if deliveries.is_empty() { Err(unavailable(error)) } else { Ok(deliveries) };
                }
                // The request has ended, perhaps one that an earlier call began.
                Ok(None) => self.open = None,
                Err(_) => break,
            }
        }
        Ok(deliveries)
    }

    async fn ack(&mut self, tokens: &[String]) -> Result<(), BusError> {
        self.settle(tokens, "+ACK".to_owned()).await
    }

    async fn retry_after(&mut self, tokens: &[String], delay: Duration) -> Result<(), BusError> {
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.settle(tokens, format!("-NAK {{\"delay\": {nanos}}}")).await
    }
}
