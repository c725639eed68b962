//! Sending what waits, again and again.

pub mod mails;
pub mod webhooks;

use std::time::Duration;

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
