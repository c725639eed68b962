//! A response body that keeps its call's place until it ends, and turns a panic in a stream into a status.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Status, body::Body, codegen::Bytes};
use tracing::Span;

use crate::panics;

/// The body of one answer.
pub(super) struct CallBody {
    inner: Body,
    span: Span,
    /// Given back when the body ends or is dropped, so that streams count as calls in flight.
    permit: Option<OwnedSemaphorePermit>,
    is_broken: bool,
}

impl CallBody {
    pub(super) fn new(inner: Body, span: Span, permit: OwnedSemaphorePermit) -> Self {
        Self { inner, span, permit: Some(permit), is_broken: false }
    }
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_broken {
            return Poll::Ready(None);
        }
        let span = self.span.clone();
        let _entered = span.enter();
        // The inner body is never polled again after a panic, so what state it was left in does not matter.
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.inner).poll_frame(context))) {
            Ok(poll) => {
                if let Poll::Ready(None) = poll {
                    self.permit = None;
                }
                poll
            }
            Err(panic) => {
                self.is_broken = true;
                self.permit = None;
                let mut trailers = HeaderMap::new();
                let status = status_of_panic(&*panic);
                Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_broken || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Logs a panic and makes it an answer that tells nothing about our insides.
pub(super) fn status_of_panic(panic: &(dyn Any + Send)) -> Status {
    let message = panics::message(panic);
    tracing::error!(panic = message, "a handler panicked: {message}");
    Status::internal("internal error")
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::Arc};

    use tokio::sync::Semaphore;
    use tonic::Code;

    use super::*;

    /// One message, and then a panic.
    struct Breaks(bool);

    impl HttpBody for Breaks {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            assert!(!std::mem::replace(&mut self.0, true), "in the middle of a stream");
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"one")))))
        }
    }

    #[tokio::test]
    async fn a_panic_in_a_stream_ends_it_with_a_status_and_gives_its_place_back() {
        let in_flight = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&in_flight).try_acquire_owned().unwrap();
        let mut body = CallBody::new(Body::new(Breaks(false)), Span::none(), permit);
        let mut next = async || poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        assert_eq!(next().await.unwrap().unwrap().into_data().unwrap(), Bytes::from_static(b"one"));
        let trailers = next().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(Status::from_header_map(&trailers).unwrap().code(), Code::Internal);
        assert!(next().await.is_none());
        assert_eq!(in_flight.available_permits(), 1);
    }
}
