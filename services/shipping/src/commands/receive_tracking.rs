//! Carriers report.

use std::collections::BTreeMap;

use qm_database::TenantSet;
use qm_ids::ShipmentId;
use qm_refusal::Refusal;
use qm_runtime::CommandError;
use qm_telemetry::propagation::current_traceparent;

use super::{Cause, Change, Context, change};
use crate::{
    carriers::{SignedMessage, TrackingUpdate},
    domain::{self, Tracked, TrackingEvent},
    store::{self, Key},
};

/// Takes a carrier's message as it came. Whoever sends it is believed by its signature alone; whose parcels it speaks of
/// is looked up by their numbers, and the rest happens in those tenants' scope.
///
/// Numbers that are not ours are passed over; a message about no other is refused, so that a carrier with a wrong address
/// notices.
pub async fn receive_tracking(
    context: &Context,
    carrier: &str,
    message: &SignedMessage<'_>,
) -> Result<Tracked, CommandError> {
    let known = context.carriers.get(carrier).ok_or_else(|| Refusal::not_found("carrier"))?;
    let updates = known.read_tracking(message, context.clock.now())?;
    if updates.is_empty() {
        return Ok(Tracked::default());
    }
    let reports = assign(context, carrier, updates).await?;
    if reports.is_empty() {
        return Err(Refusal::not_found("tracking number").into());
    }
    let cause = Cause {
        event: None,
        trace: current_traceparent(),
        actor: ("carrier".to_owned(), carrier.to_owned()),
    };
    let tenants = TenantSet::of(reports.keys().map(|(key, _)| key.0));
    let (reports, cause) = (&reports, &cause);
    let outcomes = context
        .database
        .write(&tenants, |attempt| {
            Box::pin(async move {
                let changes = reports.iter().map(|(of, events)| track(*of, events, cause)).collect();
                change(context, attempt.tx(), changes).await
            })
        })
        .await?;
    let mut total = Tracked::default();
    for outcome in outcomes {
        let (_, tracked) = outcome?;
        total.applied += tracked.applied;
        total.duplicates += tracked.duplicates;
    }
    Ok(total)
}

type Reports = BTreeMap<(Key, ShipmentId), Vec<TrackingEvent>>;

/// Reports by the shipment that they are about.
async fn assign(
    context: &Context,
    carrier: &str,
    updates: Vec<TrackingUpdate>,
) -> Result<Reports, CommandError> {
    let mut numbers: Vec<&str> = updates.iter().map(|update| update.tracking_number.as_str()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let found = store::find_by_tracking(&context.database, carrier, &numbers).await?;
    let owners: BTreeMap<String, _> =
        found.into_iter().map(|found| (found.tracking_number, (found.key, found.shipment))).collect();
    if owners.len() < numbers.len() {
        let unknown = numbers.len() - owners.len();
        tracing::warn!(carrier, unknown, "a carrier reports on {unknown} tracking numbers that are not ours");
    }
    let mut reports = Reports::new();
    for update in updates {
        if let Some(owner) = owners.get(&update.tracking_number) {
            reports.entry(*owner).or_default().push(update.event);
        }
    }
    Ok(reports)
}

fn track((key, shipment): (Key, ShipmentId), events: &[TrackingEvent], cause: &Cause) -> Change<Tracked> {
    let events = events.to_vec();
    Change {
        key,
        command: "receive_tracking",
        cause: cause.clone(),
        expected_version: 0,
        note: String::new(),
        verb: Box::new(move |step| Ok(domain::track(step, shipment, events))),
    }
}
