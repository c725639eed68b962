//! Follows the live stream of changes, as a partner's system would.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::measure::Measurements;
use crate::shop::Api;

/// Pause before a broken stream is opened again.
const REOPEN: Duration = Duration::from_millis(500);
/// More than any event has; a stream that sends more without an end is not ours.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// One event of a stream in the format of Server-Sent Events.
#[derive(Debug, Default, PartialEq)]
struct Event {
    id: String,
    kind: String,
    data: String,
}

/// Follows the stream until told to stop, and measures what it says. Sets `open` once it is open.
pub(super) async fn follow(
    api: Api,
    measurements: Arc<Measurements>,
    open: watch::Sender<bool>,
    stop: CancellationToken,
) {
    let mut last: Option<String> = None;
    while !stop.is_cancelled() {
        tokio::select! {
            () = read(&api, &measurements, &open, &mut last) => {}
            () = stop.cancelled() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(REOPEN) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Reads until the stream breaks.
async fn read(api: &Api, measurements: &Measurements, open: &watch::Sender<bool>, last: &mut Option<String>) {
    let response = match api.changes(last.as_deref()).await {
        Ok(response) => response,
        Err(error) => return tracing::warn!("the stream of changes does not open: {error}"),
    };
    open.send_replace(true);
    let (mut chunks, mut buffer) = (response.bytes_stream(), Vec::new());
    while let Some(Ok(chunk)) = chunks.next().await {
        buffer.extend_from_slice(&chunk);
        while let Some(event) = take_event(&mut buffer) {
            if event.kind == "order.allocated"
                && let Some(order) = order_of(&event.data)
            {
                measurements.allocated(&order);
            }
            if !event.id.is_empty() {
                *last = Some(event.id);
            }
        }
        if buffer.len() > MAX_EVENT_BYTES {
            return tracing::warn!("the stream of changes sends no end of an event");
        }
    }
}

/// Takes the first whole event out of the buffer; comments and empty ones are passed over.
fn take_event(buffer: &mut Vec<u8>) -> Option<Event> {
    loop {
        let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
        let text = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end + 2);
        let mut event = Event::default();
        for line in text.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => value.clone_into(&mut event.id),
                "event" => value.clone_into(&mut event.kind),
                "data" => event.data.push_str(value),
                _ => {}
            }
        }
        if event != Event::default() {
            return Some(event);
        }
    }
}

fn order_of(data: &str) -> Option<String> {
    let data: Value = serde_json::from_str(data).ok()?;
    data["order_id"].as_str().or_else(|| data["data"]["order_id"].as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_whole_however_they_are_cut() {
        let text = ": hello\n\nid: 7\nevent: order.allocated\ndata: {\"order_id\":\ndata: \"order_1\"}\n\nid: 8\nevent: x\n\n";
        let (mut buffer, mut taken) = (Vec::new(), Vec::new());
        for byte in text.bytes() {
            buffer.push(byte);
            taken.extend(take_event(&mut buffer));
        }
        assert_eq!((taken.len(), buffer.len()), (2, 0));
        assert_eq!((taken[0].id.as_str(), taken[0].kind.as_str()), ("7", "order.allocated"));
        assert_eq!(order_of(&taken[0].data).as_deref(), Some("order_1"));
        assert_eq!((taken[1].kind.as_str(), order_of(&taken[1].data)), ("x", None));
    }
}
