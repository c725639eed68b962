//! Server-Sent Events: a gRPC stream as a stream that browsers read.

use std::{convert::Infallible, time::Duration};

use actix_web::{HttpResponse, http::header, web::Bytes};
use futures::stream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use crate::http::OpenStream;

/// Proxies cut connections that say nothing; a comment keeps them open.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it reconnects, milliseconds.
const RETRY_MS: u32 = 2_000;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where to resume after it.
    pub position: Option<i64>,
    /// Type.
    pub event: String,
    /// One line of text.
    pub data: String,
}

impl Frame {
    fn text(&self) -> String {
        let id = self.position.map(|position| format!("id: {position}\n")).unwrap_or_default();
        // A line break would begin a field of its own.
        format!(
            "{id}event: {}\ndata: {}\n\n",
            self.event.replace(['\n', '\r'], " "),
            self.data.replace(['\n', '\r'], " ")
        )
    }
}

/// Answers with every message of the stream, until either side or the process ends. It reads no faster than it is read from.
pub fn respond<M: 'static>(
    open: OpenStream,
    messages: Streaming<M>,
    frame: impl Fn(M) -> Frame + 'static,
    stopping: CancellationToken,
) -> HttpResponse {
    let state = (messages, frame, stopping, open, true);
    let frames = stream::unfold(state, async move |(mut messages, frame, stopping, open, is_first)| {
        if is_first {
            let hello = Bytes::from(format!("retry: {RETRY_MS}\n\n"));
            return Some((Ok::<_, Infallible>(hello), (messages, frame, stopping, open, false)));
        }
        let text = tokio::select! {
            // The browser reconnects with the last position, so an error needs no words here.
            message = messages.message() => frame(message.ok().flatten()?).text(),
            () = tokio::time::sleep(HEARTBEAT) => ":\n\n".to_owned(),
            () = stopping.cancelled() => return None,
        };
        Some((Ok(Bytes::from(text)), (messages, frame, stopping, open, false)))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // nginx buffers answers otherwise.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(Box::pin(frames))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_its_fields_and_an_empty_line() {
        let frame = Frame { position: Some(7), event: "order.placed".into(), data: "{\"a\":1}".into() };
        assert_eq!(frame.text(), "id: 7\nevent: order.placed\ndata: {\"a\":1}\n\n");
        let sly = Frame { position: None, event: "a\nid: 9".into(), data: "b\r\ndata: c".into() };
        assert_eq!(sly.text(), "event: a id: 9\ndata: b  data: c\n\n");
    }
}
