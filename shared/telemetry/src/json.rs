//! Log lines as JSON objects. The layer of `tracing-subscriber` nests the fields of spans and knows no trace ids; people
//! who search logs want both at the top level.

use std::{error::Error, fmt, io::Write as _};

use opentelemetry::trace::TraceContextExt as _;
use serde::ser::{SerializeMap as _, Serializer as _};
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    layer::Context,
    registry::LookupSpan,
};

/// The keys that every line may have; a field of the same name gives way.
const RESERVED: [&str; 6] = ["timestamp", "level", "target", "message", "trace_id", "span_id"];

/// Writes one JSON object per event.
pub(crate) struct JsonLayer<W> {
    service: &'static str,
    writer: W,
}

impl<W> JsonLayer<W> {
    pub(crate) fn new(service: &'static str, writer: W) -> Self {
        Self { service, writer }
    }
}

impl<S, W> Layer<S> for JsonLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.0.remove("message");
        // From the innermost span outwards, so that the nearest value wins.
        for span in context.event_scope(event).into_iter().flatten() {
            let extensions = span.extensions();
            for (name, value) in extensions.get::<Fields>().into_iter().flat_map(|outer| &outer.0) {
                if !fields.0.contains_key(name) {
                    fields.0.insert(name.clone(), value.clone());
                }
            }
        }
        let mut line = Vec::with_capacity(256);
        if self.write(&mut line, event, message, fields).is_ok() {
            line.push(b'\n');
            // A log that cannot be written has nowhere to say so.
            let _ = self.writer.make_writer_for(event.metadata()).write_all(&line);
        }
    }
}

impl<W> JsonLayer<W> {
    fn write(
        &self,
        line: &mut Vec<u8>,
        event: &Event<'_>,
        message: Option<Value>,
        fields: Fields,
    ) -> Result<(), serde_json::Error> {
        let mut timestamp = String::with_capacity(32);
        // It fails only if the machine's clock stands outside of representable time.
        let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
        let mut serializer = serde_json::Serializer::new(line);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &timestamp)?;
        map.serialize_entry("level", event.metadata().level().as_str())?;
        map.serialize_entry("target", event.metadata().target())?;
        map.serialize_entry("message", &message.unwrap_or_default())?;
        if let Some((trace_id, span_id)) = current_ids() {
            map.serialize_entry("trace_id", &trace_id)?;
            map.serialize_entry("span_id", &span_id)?;
        }
        if !fields.0.contains_key("service") {
            map.serialize_entry("service", self.service)?;
        }
        for (name, value) in fields.0 {
            if !RESERVED.contains(&name.as_str()) {
                map.serialize_entry(&name, &value)?;
            }
        }
        map.end()
    }
}

/// Trace and span that this thread works for, while traces are on.
fn current_ids() -> Option<(String, String)> {
    opentelemetry::Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| (span.trace_id().to_string(), span.span_id().to_string()))
    })
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        self.set(field, text);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn parsed(&self) -> Vec<Value> {
            let bytes = self.0.lock().unwrap();
            bytes
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_slice(line).unwrap())
                .collect()
        }
    }

    fn logged(traced: bool, log: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let provider = SdkTracerProvider::builder().build();
        let traces = traced.then(|| tracing_opentelemetry::layer().with_tracer(provider.tracer("test")));
        let subscriber =
            tracing_subscriber::registry().with(traces).with(JsonLayer::new("order", move || writer.clone()));
        tracing::subscriber::with_default(subscriber, log);
        lines.parsed()
    }

    #[test]
    fn a_line_carries_the_fields_of_its_spans_and_the_nearest_wins() {
        let lines = logged(false, || {
            let outer = tracing::info_span!("request", tenant = "tenant_a", attempt = 1, level = "no");
            let _outer = outer.enter();
            let inner = tracing::info_span!("place", order_id = tracing::field::Empty, attempt = 2);
            let _inner = inner.enter();
            inner.record("order_id", "order_b");
            tracing::warn!(units = 3, "quoted \"so\"\nand broken");
        });
        let [line] = &lines[..] else { panic!("one event, one line: {lines:?}") };
        assert_eq!(line["message"], "quoted \"so\"\nand broken");
        assert_eq!((&line["tenant"], &line["order_id"]), (&"tenant_a".into(), &"order_b".into()));
        assert_eq!((&line["attempt"], &line["units"]), (&2.into(), &3.into()));
        assert_eq!((&line["level"], &line["service"]), (&"WARN".into(), &"order".into()));
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(line.get("trace_id").is_none());
    }

    #[test]
    fn a_line_carries_the_trace_id_while_traces_are_on() {
        let mut header = None;
        let lines = logged(true, || {
            let span = tracing::info_span!("request");
            let _entered = span.enter();
            header = crate::propagation::current_traceparent();
            tracing::info!("hello");
        });
        let expected = format!(
            "00-{}-{}-01",
            lines[0]["trace_id"].as_str().unwrap(),
            lines[0]["span_id"].as_str().unwrap()
        );
        assert_eq!(header, Some(expected));
    }
}
