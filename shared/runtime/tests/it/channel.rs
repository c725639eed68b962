//! A peer answers alike behind a socket and in this process.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use qm_ids::TenantId;
use qm_proto::operations::v1::{
    CheckLawsRequest, GetBacklogRequest, ListDeadLettersRequest, ListFactsRequest, ReplayDeadLettersRequest,
    operations_service_client::OperationsServiceClient,
};
use qm_runtime::{
    Host,
    grpc::{GrpcChannel, ServedRoutes, with_tenant},
};
use qm_telemetry::{metrics::Metrics, propagation::current_traceparent};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Request};
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::world::{Mirror, host_config};

const SECOND: Duration = Duration::from_secs(1);

/// The same peer, reached in one of the two ways.
struct Way {
    name: &'static str,
    channel: GrpcChannel,
    mirror: Mirror,
    metrics: Metrics,
    _server: Option<(DropGuard, JoinHandle<()>)>,
}

impl Way {
    fn client(&self) -> OperationsServiceClient<GrpcChannel> {
        OperationsServiceClient::new(self.channel.clone())
    }
}

async fn both_ways(max_in_flight: usize) -> [Way; 2] {
    let (mirror, metrics) = (Mirror::new(), Metrics::new("guinea-pig"));
    let routes = ServedRoutes::new(mirror.assembly().routes(), metrics.clone(), max_in_flight);
    let in_process = Way {
        name: "in process",
        channel: GrpcChannel::in_process("guinea-pig", routes),
        mirror,
        metrics,
        _server: None,
    };

    let (mirror, metrics) = (Mirror::new(), Metrics::new("guinea-pig"));
    let config = host_config(&[("QM_GUINEA_PIG__GRPC__MAX_IN_FLIGHT", &max_in_flight.to_string())]);
    let host = Host::bind(&config, metrics.clone()).unwrap();
    let url = format!("http://{}", host.grpc_address().unwrap());
    let shutdown = CancellationToken::new();
    let running = host.run([mirror.assembly()], shutdown.clone());
    let task = tokio::spawn(async move { running.await.unwrap() });
    let channel = GrpcChannel::connect_lazy(&url, 10 * SECOND, SECOND).unwrap();
    let server = Some((shutdown.drop_guard(), task));
    [in_process, Way { name: "socket", channel, mirror, metrics, _server: server }]
}

#[tokio::test]
async fn tenant_and_trace_arrive_on_both_ways() {
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    // For the whole process: with a subscriber of one thread, tracing lets the other tests' threads, which have none, turn
    // spans off that they share.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
    let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(7));

    for way in both_ways(8).await {
        let (sent, seen) = async {
            let request = with_tenant(CheckLawsRequest::default(), tenant);
            let answer = way.client().check_laws(request).await.unwrap().into_inner();
            (current_traceparent().unwrap(), answer.laws[0].clone())
        }
        .instrument(tracing::info_span!("client"))
        .await;
        assert_eq!(seen.law, tenant.to_string(), "{}", way.name);
        let trace_of = |traceparent: &str| traceparent.split('-').nth(1).unwrap().to_owned();
        assert_eq!(trace_of(&seen.statement), trace_of(&sent), "{}", way.name);
        assert_ne!(seen.statement, sent, "the server works in a span of its own");
    }
}

#[tokio::test]
async fn a_call_without_a_tenant_or_with_garbage_for_one_is_refused_by_name() {
    for way in both_ways(8).await {
        let missing = way.client().check_laws(CheckLawsRequest::default()).await.unwrap_err();
        assert_eq!(missing.code(), Code::InvalidArgument);
        let mut request = Request::new(CheckLawsRequest::default());
        request.metadata_mut().insert("qm-tenant", "order_1".parse().unwrap());
        let garbage = way.client().check_laws(request).await.unwrap_err();
        assert!(
            garbage.code() == Code::InvalidArgument && garbage.message().contains("qm-tenant"),
            "{garbage}"
        );
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_connection_lives_on() {
    for way in both_ways(8).await {
        let mut client = way.client();
        let status = client.list_facts(ListFactsRequest::default()).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"), "{}", way.name);
        let backlog = client.get_backlog(GetBacklogRequest {}).await.unwrap().into_inner();
        assert_eq!(backlog.outbox, 7, "{}", way.name);
    }
}

#[tokio::test]
async fn calls_are_measured_by_method_and_status_and_made_up_paths_are_not() {
    for way in both_ways(8).await {
        way.client().get_backlog(GetBacklogRequest {}).await.unwrap();
        way.client().replay_dead_letters(ReplayDeadLettersRequest::default()).await.unwrap_err();
        let unknown = tonic::client::Grpc::new(way.channel.clone());
        let path = http::uri::PathAndQuery::from_static("/made.up.Service/Method");
        let codec = tonic_prost::ProstCodec::<GetBacklogRequest, GetBacklogRequest>::default();
        let mut unknown = unknown;
        unknown.ready().await.unwrap();
        unknown.unary(Request::new(GetBacklogRequest {}), path, codec).await.unwrap_err();

        let text = way.metrics.encode().unwrap();
        let service = "/quartermaster.operations.v1.OperationsService";
        for line in [
            format!(
                r#"request_duration_seconds_count{{service="guinea-pig",route="{service}/GetBacklog",status="OK"}} 1"#
            ),
            format!(
                r#"request_duration_seconds_count{{service="guinea-pig",route="{service}/ReplayDeadLetters",status="FAILED_PRECONDITION"}} 1"#
            ),
        ] {
            assert!(text.contains(&line), "{}: {line} is not in\n{text}", way.name);
        }
        assert!(!text.contains("made.up"), "{}", way.name);
    }
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    for way in both_ways(8).await {
        let mut request = Request::new(ListDeadLettersRequest::default());
        request.set_timeout(Duration::from_millis(50));
        let status = way.client().list_dead_letters(request).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{}: {status}", way.name);
        let short = way.channel.clone().with_deadline(Duration::from_millis(50));
        let status =
            OperationsServiceClient::new(short).list_dead_letters(ListDeadLettersRequest::default()).await;
        assert_eq!(status.unwrap_err().code(), Code::DeadlineExceeded, "{}", way.name);
    }
}

#[tokio::test]
async fn one_call_too_many_is_refused_and_the_others_go_on() {
    for way in both_ways(2).await {
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let mut client = way.client();
                tokio::spawn(async move { client.list_dead_letters(ListDeadLettersRequest::default()).await })
            })
            .collect();
        way.mirror.waiting.subscribe().wait_for(|waiting| *waiting == 2).await.unwrap();
        let refused = way.client().get_backlog(GetBacklogRequest {}).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{}", way.name);
        way.mirror.gate.send_replace(true);
        for call in waiting {
            call.await.unwrap().unwrap();
        }
        way.client().get_backlog(GetBacklogRequest {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_unavailable() {
    let (late, binding) = GrpcChannel::late("guinea-pig");
    let mut client = OperationsServiceClient::new(late);
    assert_eq!(client.get_backlog(GetBacklogRequest {}).await.unwrap_err().code(), Code::Unavailable);
    binding.bind(ServedRoutes::new(Mirror::new().assembly().routes(), Metrics::new("guinea-pig"), 8));
    client.get_backlog(GetBacklogRequest {}).await.unwrap();

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let channel = GrpcChannel::connect_lazy(&format!("http://{nobody}"), SECOND, SECOND).unwrap();
    let status = OperationsServiceClient::new(channel).get_backlog(GetBacklogRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
}

#[tokio::test]
async fn a_peer_whose_connection_breaks_in_the_middle_of_a_call_is_unavailable() {
    use tokio::io::AsyncReadExt as _;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // A process that is killed while it answers: it has read the call, and then it is gone.
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
        }
    });
    let channel = GrpcChannel::connect_lazy(&url, 10 * SECOND, SECOND).unwrap();
    let status = OperationsServiceClient::new(channel).get_backlog(GetBacklogRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}
