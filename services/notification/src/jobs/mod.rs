//! Loops that send what waits.

pub mod mails;
pub mod webhooks;

use std::time::Duration;

use chrono::{DateTime, Utc};
use qm_clock::Clock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{Span, info_span};

/// Longest pause between two looks at what waits, in real time: another process may have added to it.
const POLL: Duration = Duration::from_secs(1);

/// The span of a try, in the trace of the event that caused it. While traces are off there is none, and nothing is paid.
fn sending(what: &'static str, trace: Option<&str>) -> Span {
    let Some(trace) = trace else { return Span::none() };
    let span = info_span!("send", otel.name = what, otel.kind = "client");
    qm_telemetry::propagation::set_parent(&span, trace);
    span
}

/// Pauses until there may be something to send. False when the loop shall end.
async fn pause(
    clock: &dyn Clock,
    next_due: Option<DateTime<Utc>>,
    woken: &Notify,
    shutdown: &CancellationToken,
) -> bool {
    let due = async {
        match next_due {
            Some(due) => clock.sleep_until(due).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = woken.notified() => true,
        () = due => true,
        () = tokio::time::sleep(POLL) => true,
        () = shutdown.cancelled() => false,
    }
}
