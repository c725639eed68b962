//! Sending webhooks that are due. Each endpoint has a queue of its own: one that fails delays no other.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use qm_clock::SharedClock;
use qm_database::{Database, Result, TenantSet};
use qm_ids::{EndpointId, TenantId};
use qm_runtime::{BuildError, CommandError, Rest, Turns};
use qm_standard_webhooks::{WebhookSecret, sign};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, warn};

use super::{POLL, sending};
use crate::{
    channel::http::{Outcome, Webhook, WebhookClient},
    commands,
    domain::backoff,
    store::{self, Change, Delivery, Endpoint},
};

/// Deliveries claimed at a time.
const BATCH: u64 = 400;
/// Endpoints that are sent to at a time.
const CONCURRENCY: usize = 32;
/// No webhook is begun later than this after it was claimed: whoever comes next has the time for it. Of real time, as
/// receivers have it.
const BEGIN: Duration = Duration::from_secs(15);
/// What became of the last one can be written so long after its answer.
const WRITE: Duration = Duration::from_secs(15);
/// Deliveries behind one that failed wait this long, so that a dead endpoint is not knocked at for each of them.
const BEHIND_FAILURE_SECONDS: i64 = 30;

/// Sends webhooks.
#[derive(Debug, Clone)]
pub struct WebhookJob {
    /// Where deliveries wait.
    pub database: Database,
    /// Tells what is due.
    pub clock: SharedClock,
    /// The way out.
    pub client: WebhookClient,
    /// The longest that it takes.
    pub timeout: Duration,
    /// What became of deliveries, when it is not written yet.
    pub tried: Option<Tried>,
}

/// Deliveries that were tried.
#[derive(Debug, Clone)]
pub struct Tried {
    visits: Vec<Visit>,
    ours_until: DateTime<Utc>,
}

/// What became of an endpoint's queue.
#[derive(Debug, Clone)]
struct Visit {
    endpoint: (TenantId, EndpointId),
    deliveries: Vec<Delivery>,
    /// Whether the last try succeeded; none when nothing was tried.
    succeeded: Option<bool>,
    gone: bool,
}

#[async_trait]
impl Turns for WebhookJob {
    async fn turn(&mut self, _: &CancellationToken) -> Result<Rest, BuildError> {
        if self.step().await? == BATCH as usize {
            return Ok(Rest::none());
        }
        let next = store::endpoints::next_due(&self.database).await?;
        Ok(Rest::of(POLL).until(&self.clock, next))
    }
}

impl WebhookJob {
    /// Sends the webhooks that are due now, at most a batch. Returns how many were claimed.
    pub async fn step(&mut self) -> Result<usize, CommandError> {
        self.write().await?;
        let (now, claimed) = (self.clock.now(), Instant::now());
        // What a process that died had claimed waits no longer than that.
        let ours_until = now + TimeDelta::from_std(BEGIN + self.timeout + WRITE).unwrap_or_default();
        let due = store::endpoints::claim(&self.database, now, ours_until, BATCH).await?;
        let count = due.len();
        if count == 0 {
            return Ok(0);
        }
        let ground = self.ground(&due).await;
        let mut queues: BTreeMap<_, Vec<Delivery>> = BTreeMap::new();
        for delivery in due {
            queues.entry((delivery.tenant_id, delivery.endpoint_id)).or_default().push(delivery);
        }
        let (endpoints, changes) = match ground {
            Ok(ground) => ground,
            Err(error) => {
                // Given back as they were.
                let back = |(endpoint, queue): (_, Vec<Delivery>)| Visit {
                    endpoint,
                    deliveries: queue.into_iter().map(|row| Delivery { due_at: Some(now), ..row }).collect(),
                    succeeded: None,
                    gone: false,
                };
                self.tried = Some(Tried { visits: queues.into_iter().map(back).collect(), ours_until });
                self.write().await?;
                return Err(error);
            }
        };
        let (endpoints, changes, job) = (&endpoints, &changes, &*self);
        let visits: Vec<_> = queues
            .into_iter()
            .filter_map(|(key, queue)| Some(job.visit(endpoints.get(&key)?, queue, changes, claimed)))
            .collect();
        let visits: Vec<Visit> = stream::iter(visits).buffer_unordered(CONCURRENCY).collect().await;
        self.tried = Some(Tried { visits, ours_until });
        self.write().await?;
        Ok(count)
    }

    /// Writes what became of deliveries. While the database is away it is kept for the next turn, as long as the deliveries
    /// are ours: they must neither wait until their claim ends nor be sent twice.
    async fn write(&mut self) -> Result<(), CommandError> {
        let Some(tried) = self.tried.take_if(|tried| !tried.visits.is_empty()) else { return Ok(()) };
        match self.record(tried.visits.clone()).await {
            Err(CommandError::Database(error))
                if error.is_unavailable() && self.clock.now() < tried.ours_until =>
            {
                self.tried = Some(tried);
                Err(error.into())
            }
            outcome => outcome,
        }
    }

    async fn ground(
        &self,
        due: &[Delivery],
    ) -> Result<(HashMap<(TenantId, EndpointId), Endpoint>, HashMap<(TenantId, i64), Change>), CommandError>
    {
        let tenants = TenantSet::of(due.iter().map(|row| row.tenant_id));
        let tx = self.database.read(&tenants).await?;
        let endpoints = store::endpoints::list(&tx).await?;
        let mut changes = HashMap::new();
        for tenant in tenants.iter() {
            let positions: Vec<_> =
                due.iter().filter(|row| row.tenant_id == tenant).map(|row| row.position).collect();
            for change in store::changes::at(&tx, tenant, &positions).await? {
                changes.insert((tenant, change.position), change);
            }
        }
        Ok((endpoints.into_iter().map(|row| ((row.tenant_id, row.endpoint_id), row)).collect(), changes))
    }

    /// Works an endpoint's queue off, oldest first, up to the first failure and as long as nobody else may have it.
    async fn visit(
        &self,
        endpoint: &Endpoint,
        queue: Vec<Delivery>,
        changes: &HashMap<(TenantId, i64), Change>,
        claimed: Instant,
    ) -> Visit {
        let mut visit = Visit {
            endpoint: (endpoint.tenant_id, endpoint.endpoint_id),
            deliveries: Vec::with_capacity(queue.len()),
            succeeded: None,
            gone: false,
        };
        for delivery in queue {
            let now = self.clock.now();
            if visit.succeeded == Some(false) {
                let due_at = Some(now + TimeDelta::seconds(BEHIND_FAILURE_SECONDS));
                visit.deliveries.push(Delivery { due_at, ..delivery });
                continue;
            }
            if claimed.elapsed() > BEGIN {
                visit.deliveries.push(delivery);
                continue;
            }
            let outcome = match changes.get(&(delivery.tenant_id, delivery.position)) {
                Some(change) => {
                    let span = sending("send webhook", delivery.trace.as_deref());
                    self.send(endpoint, &delivery, change, now).instrument(span).await
                }
                None => Outcome { status: 0, error: "the change is no longer kept".to_owned() },
            };
            visit.succeeded = Some(outcome.is_success());
            visit.gone |= outcome.is_gone();
            visit.deliveries.push(after(delivery, &outcome, self.clock.now()));
        }
        visit
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        delivery: &Delivery,
        change: &Change,
        now: DateTime<Utc>,
    ) -> Outcome {
        let body = body(change);
        let (id, timestamp) = (delivery.event_id.to_string(), now.timestamp());
        let Ok(secret) = WebhookSecret::parse(&endpoint.secret) else {
            return Outcome { status: 0, error: "the endpoint's secret is damaged".to_owned() };
        };
        let signature = sign(&[secret], &id, timestamp, body.as_bytes());
        let outcome =
            self.client.send(&Webhook { url: endpoint.url.clone(), id, timestamp, signature, body }).await;
        info!(
            endpoint.id = %endpoint.endpoint_id, delivery.id = %delivery.delivery_id, status = outcome.status,
            error = outcome.error, "webhook {} to {}", delivery.event_type, endpoint.endpoint_id
        );
        outcome
    }

    async fn record(&self, visits: Vec<Visit>) -> Result<(), CommandError> {
        let now = self.clock.now();
        let tx = self.database.begin_system().await?;
        let keys: Vec<_> = visits.iter().map(|visit| visit.endpoint).collect();
        let mut endpoints: HashMap<_, _> = store::endpoints::lock_many(&tx, &keys)
            .await?
            .into_iter()
            .map(|row| ((row.tenant_id, row.endpoint_id), row))
            .collect();
        let (mut deliveries, mut touched, mut off) = (Vec::new(), Vec::new(), Vec::new());
        for visit in visits {
            // Removed meanwhile, and its deliveries with it.
            let Some(mut endpoint) = endpoints.remove(&visit.endpoint) else { continue };
            deliveries.extend(visit.deliveries);
            let failing_since = match visit.succeeded {
                Some(true) => None,
                Some(false) => Some(endpoint.failing_since.unwrap_or(now)),
                None => endpoint.failing_since,
            };
            let failing_for = failing_since.map_or(TimeDelta::zero(), |since| now - since);
            if endpoint.enabled && (visit.gone || backoff::should_disable(failing_for)) {
                let reason = if visit.gone { "answered 410 Gone" } else { "nothing succeeded for five days" };
                off.push((visit.endpoint, reason));
            }
            if endpoint.failing_since != failing_since {
                endpoint.failing_since = failing_since;
                touched.push(endpoint);
            }
        }
        store::endpoints::save_deliveries(&tx, deliveries).await?;
        store::endpoints::save(&tx, touched).await?;
        for ((tenant, id), reason) in off {
            warn!(endpoint.id = %id, reason, "switched a webhook endpoint off");
            commands::endpoints::set_enabled(&tx, tenant, id, false, reason).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// As the Standard Webhooks specification says: type, timestamp, data.
fn body(change: &Change) -> String {
    let data: serde_json::Value = serde_json::from_str(&change.data).unwrap_or_default();
    let timestamp = change.occurred_at.to_rfc3339_opts(SecondsFormat::Millis, true);
    serde_json::json!({ "type": change.event_type, "timestamp": timestamp, "data": data }).to_string()
}

/// What a delivery becomes after a try.
fn after(row: Delivery, outcome: &Outcome, now: DateTime<Utc>) -> Delivery {
    let attempts = row.attempts + 1;
    let (status, due_at) = if outcome.is_success() {
        ("delivered", None)
    } else {
        match backoff::webhook(attempts).filter(|_| !outcome.is_gone()) {
            Some(wait) => ("pending", Some(now + wait)),
            None => ("failed", None),
        }
    };
    Delivery {
        status: status.to_owned(),
        attempts,
        last_status: i32::from(outcome.status),
        last_error: outcome.error.clone(),
        due_at,
        ..row
    }
}
