//! Carries W3C trace context from process to process. While traces are off, nothing is carried and nothing is paid.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::metadata::MetadataMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header that names trace and parent span.
pub const TRACEPARENT: &str = "traceparent";
/// The header that holds what other tracing systems add.
pub const TRACESTATE: &str = "tracestate";

/// The current span as strings, for event headers and outbox rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// The value of the `traceparent` header.
    pub traceparent: String,
    /// The value of the `tracestate` header, often empty.
    pub tracestate: String,
}

impl TraceContext {
    /// That of the current span; none while traces are off or outside of any span.
    pub fn current() -> Option<Self> {
        let mut carrier = HashMap::new();
        inject(&mut carrier);
        let traceparent = carrier.remove(TRACEPARENT)?;
        Some(Self { traceparent, tracestate: carrier.remove(TRACESTATE).unwrap_or_default() })
    }

    /// Makes `span` a child of this one. Must happen before `span` is entered.
    pub fn adopt(&self, span: &Span) {
        let pairs = [(TRACEPARENT, self.traceparent.as_str()), (TRACESTATE, self.tracestate.as_str())];
        make_parent(span, extract(&Strings(&pairs)));
    }
}

/// The `traceparent` of the current span; none while traces are off or outside of any span.
pub fn current_traceparent() -> Option<String> {
    TraceContext::current().map(|context| context.traceparent)
}

/// Makes `span` a child of the span that `traceparent` names. Must happen before `span` is entered; a malformed
/// `traceparent` is ignored, as W3C asks.
pub fn set_parent(span: &Span, traceparent: &str) {
    make_parent(span, extract(&Strings(&[(TRACEPARENT, traceparent)])));
}

/// Links `span` to the span that `traceparent` names: for a batch, which has many causes and no one parent.
pub fn link(span: &Span, traceparent: &str) {
    span.add_link(extract(&Strings(&[(TRACEPARENT, traceparent)])).span().span_context().clone());
}

/// Writes the current span into gRPC metadata.
pub fn inject_metadata(metadata: &mut MetadataMap) {
    inject_headers(metadata.as_mut());
}

/// Writes the current span into HTTP headers.
pub fn inject_headers(headers: &mut HeaderMap) {
    inject(&mut Headers(headers));
}

/// Makes `span` a child of the span named in gRPC metadata. Must happen before `span` is entered.
pub fn set_parent_from_metadata(span: &Span, metadata: &MetadataMap) {
    set_parent_from_headers(span, metadata.as_ref());
}

/// Makes `span` a child of the span named in HTTP headers. Must happen before `span` is entered.
pub fn set_parent_from_headers(span: &Span, headers: &HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        make_parent(span, extract(&HeadersRef(headers)));
    }
}

fn inject(carrier: &mut dyn Injector) {
    let context = Span::current().context();
    // The propagator would write an empty `tracestate` for a span that is none.
    if context.span().span_context().is_valid() {
        TraceContextPropagator::new().inject_context(&context, carrier);
    }
}

fn extract(carrier: &dyn Extractor) -> Context {
    // From an empty context: what happens to be current here has no say in whose child the span is.
    TraceContextPropagator::new().extract_with_context(&Context::new(), carrier)
}

fn make_parent(span: &Span, parent: Context) {
    if parent.span().span_context().is_valid() {
        // It fails while traces are off, and for a span that a filter dropped: then there is nothing to connect.
        let _ = span.set_parent(parent);
    }
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = HeaderName::from_bytes(key.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            self.0.insert(name, value);
        }
    }
}

struct HeadersRef<'a>(&'a HeaderMap);

impl Extractor for HeadersRef<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Strings<'a>(&'a [(&'a str, &'a str)]);

impl Extractor for Strings<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::{
        error::OTelSdkResult,
        trace::{SdkTracerProvider, SpanData, SpanExporter},
    };
    use tracing::info_span;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    fn traced(work: impl FnOnce()) -> Vec<SpanData> {
        let exporter = Kept::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        exporter.0.lock().unwrap().clone()
    }

    #[test]
    fn a_trace_runs_on_through_metadata_headers_and_strings() {
        let spans = traced(|| {
            let mut metadata = MetadataMap::new();
            let mut headers = HeaderMap::new();
            let mut context = None;
            info_span!("cause").in_scope(|| {
                inject_metadata(&mut metadata);
                inject_headers(&mut headers);
                context = TraceContext::current();
            });
            let effects =
                [info_span!("effect"), info_span!("effect"), info_span!("effect"), info_span!("effect")];
            set_parent_from_metadata(&effects[0], &metadata);
            set_parent_from_headers(&effects[1], &headers);
            let context = context.unwrap();
            context.adopt(&effects[2]);
            set_parent(&effects[3], &context.traceparent);
        });
        let cause = spans.iter().find(|span| span.name == "cause").unwrap();
        let effects: Vec<_> = spans.iter().filter(|span| span.name == "effect").collect();
        assert_eq!(effects.len(), 4);
        for effect in effects {
            assert_eq!(effect.span_context.trace_id(), cause.span_context.trace_id());
            assert_eq!(effect.parent_span_id, cause.span_context.span_id());
        }
    }

    #[test]
    fn a_batch_is_linked_to_its_causes_and_keeps_its_own_trace() {
        let spans = traced(|| {
            let batch = info_span!("batch");
            link(&batch, REMOTE);
            link(&batch, "not a traceparent");
        });
        assert_eq!(spans[0].links.len(), 1);
        assert_eq!(spans[0].links[0].span_context.span_id().to_string(), "b7ad6b7169203331");
        assert_ne!(spans[0].span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    }

    #[test]
    fn garbage_makes_a_new_trace_instead_of_an_error() {
        for garbage in ["", "00-0-0-00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "ü"] {
            let spans = traced(|| set_parent(&info_span!("work"), garbage));
            assert_eq!(spans[0].parent_span_id.to_string(), "0000000000000000", "{garbage}");
        }
    }

    #[test]
    fn nothing_is_carried_while_traces_are_off() {
        let subscriber = tracing_subscriber::registry();
        tracing::subscriber::with_default(subscriber, || {
            let span = info_span!("work");
            set_parent(&span, REMOTE);
            let _entered = span.enter();
            let mut headers = HeaderMap::new();
            inject_headers(&mut headers);
            assert!(headers.is_empty());
            assert_eq!(current_traceparent(), None);
        });
    }
}
