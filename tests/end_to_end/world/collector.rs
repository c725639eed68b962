//! An OpenTelemetry collector that keeps what it gets.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// A span that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) trace_id: String,
    pub(crate) service: String,
    pub(crate) name: String,
    /// The consumer, of a span that handles an event.
    pub(crate) consumer: String,
    /// Traces that it is linked to: a batch has many causes.
    pub(crate) links: Vec<String>,
}

/// Keeps spans.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let endpoint = format!("http://{}", incoming.local_addr().unwrap());
        let collector = Self { endpoint, spans: Arc::default() };
        let service = TraceServiceServer::new(collector.clone()).max_decoding_message_size(64 << 20);
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        collector
    }

    /// The spans of a trace, and those linked to it.
    pub(crate) fn spans(&self, trace_id: &str) -> Vec<Span> {
        let is_of =
            |span: &&Span| span.trace_id == trace_id || span.links.iter().any(|link| link == trace_id);
        self.spans.lock().unwrap().iter().filter(is_of).cloned().collect()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut spans = self.spans.lock().unwrap();
        for of_resource in request.into_inner().resource_spans {
            let service =
                of_resource.resource.map(|it| text(&it.attributes, "service.name")).unwrap_or_default();
            for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                spans.push(Span {
                    trace_id: hex(&span.trace_id),
                    service: service.clone(),
                    name: span.name,
                    consumer: text(&span.attributes, "messaging.consumer.group.name"),
                    links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// An attribute; empty when there is none.
fn text(attributes: &[KeyValue], key: &str) -> String {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    match attribute.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        _ => String::new(),
    }
}
