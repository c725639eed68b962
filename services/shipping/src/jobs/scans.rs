//! Reports what a simulated carrier scans, as a carrier would: by a signed message, through the same door.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use qm_ids::{EventId, IdGenerator};
use qm_runtime::{BuildError, CommandError, Rest, Turns};
use qm_standard_webhooks::{WebhookSecret, sign};
use reqwest::Url;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::POLL;
use crate::{
    carriers::{SignedMessage, TrackingUpdate, encode},
    commands::{self, Context},
    domain::{ShipmentStatus, TrackingEvent},
    store::{self, PlannedScan},
};

/// Scans reported in one message.
const BATCH: u64 = 200;
/// A claim of a process that died, or whose database went away, ends after this. A scan that is reported twice counts once,
/// so this need not be longer than a report takes.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Reports of a scan before a person has to look at it: about three hours.
const MAX_ATTEMPTS: i32 = 24;
/// Longest answer that is waited for, in real time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where messages go.
#[derive(Debug, Clone)]
pub enum Target {
    /// The service's own command.
    Here,
    /// An HTTP address, such as the gateway's.
    Url(Url, reqwest::Client),
}

impl Target {
    /// Reads the configured address; empty is [`Target::Here`].
    pub fn new(url: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        if url.is_empty() {
            return Ok(Self::Here);
        }
        let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        Ok(Self::Url(url.parse()?, client))
    }
}

/// Reports scans.
#[derive(Debug, Clone)]
pub struct ScanJob {
    /// What verbs need.
    pub context: Context,
    /// Names messages.
    pub ids: IdGenerator,
    /// What messages are signed with.
    pub secret: WebhookSecret,
    /// Where messages go.
    pub target: Target,
}

#[async_trait]
impl Turns for ScanJob {
    async fn turn(&mut self, _: &CancellationToken) -> Result<Rest, BuildError> {
        if self.step().await? > 0 {
            return Ok(Rest::none());
        }
        let next = store::next_scan_due(&self.context.database).await?;
        Ok(Rest::of(POLL).until(&self.context.clock, next))
    }
}

impl ScanJob {
    /// Reports what is due now, at most a batch. Returns how many scans that was.
    pub async fn step(&self) -> Result<usize, CommandError> {
        let now = self.context.clock.now();
        let due = store::claim_due_scans(&self.context.database, now, now + LEASE, BATCH).await?;
        let count = due.len();
        let mut by_carrier: std::collections::BTreeMap<String, Vec<PlannedScan>> = <_>::default();
        for scan in due {
            by_carrier.entry(scan.carrier.clone()).or_default().push(scan);
        }
        for (carrier, scans) in by_carrier {
            let outcome = self.report(&carrier, &scans).await;
            self.record(scans, outcome).await?;
        }
        Ok(count)
    }

    async fn report(&self, carrier: &str, scans: &[PlannedScan]) -> Result<(), String> {
        let updates: Vec<_> = scans.iter().filter_map(update).collect();
        let body = encode(&updates).map_err(|error| error.to_string())?;
        let id = self.ids.next::<EventId>().to_string();
        let timestamp = self.context.clock.now().timestamp();
        let signature = sign(std::slice::from_ref(&self.secret), &id, timestamp, &body);
        let timestamp = timestamp.to_string();
        match &self.target {
            Target::Here => {
                let message =
                    SignedMessage { id: &id, timestamp: &timestamp, signature: &signature, body: &body };
                let received = commands::receive_tracking(&self.context, carrier, &message).await;
                received.map(|_| ()).map_err(|error| error.to_string())
            }
            Target::Url(url, client) => {
                let request = client
                    .post(url.clone())
                    .header("content-type", "application/json")
                    .header("webhook-id", id)
                    .header("webhook-timestamp", timestamp)
                    .header("webhook-signature", signature)
                    .body(body);
                let response = request.send().await.map_err(|error| qm_runtime::with_causes(&error))?;
                let status = response.status();
                if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
            }
        }
    }

    /// Forgets what was reported; plans the rest anew, each time later.
    async fn record(&self, scans: Vec<PlannedScan>, outcome: Result<(), String>) -> Result<(), CommandError> {
        let tx = self.context.database.begin_system().await?;
        match outcome {
            Ok(()) => store::delete_scans(&tx, &scans).await?,
            Err(problem) => {
                let now = self.context.clock.now();
                warn!(scans = scans.len(), problem, "scans were not taken, reporting them again later");
                let again = scans.into_iter().map(|scan| {
                    let attempts = scan.attempts.saturating_add(1);
                    let seconds = (1_i64 << attempts.clamp(0, 10)).min(600);
                    let due_at = (attempts < MAX_ATTEMPTS).then(|| now + TimeDelta::seconds(seconds));
                    if due_at.is_none() {
                        error!(scan.id = %scan.scan_id, problem, "a scan was given up");
                    }
                    PlannedScan { attempts, due_at, is_claimed: false, last_error: problem.clone(), ..scan }
                });
                store::save_scans(&tx, again.collect()).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}

fn update(scan: &PlannedScan) -> Option<TrackingUpdate> {
    Some(TrackingUpdate {
        tracking_number: scan.tracking_number.clone(),
        event: TrackingEvent {
            id: scan.carrier_event_id.clone(),
            status: ShipmentStatus::from_word(&scan.status)?,
            description: scan.description.clone(),
            place: scan.place.clone(),
            occurred_at: scan.occurs_at,
        },
    })
}

#[cfg(test)]
mod tests {
    use qm_messaging::MessagingOptions;

    use super::*;

    #[test]
    fn a_claim_outlasts_a_report_and_nobody_waits_longer_for_it_than_for_an_event() {
        let lease = LEASE.to_std().unwrap();
        assert!(TIMEOUT * 2 < lease, "the answer has to be written, too");
        assert!(lease <= MessagingOptions::default().ack_wait);
    }
}
