//! Ports, probes and a good end.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use qm_proto::operations::v1::{
    GetBacklogRequest, ListDeadLettersRequest, operations_service_client::OperationsServiceClient,
};
use qm_runtime::{Assembly, Host, ReadinessCheck, RunError, Stage, Worker, grpc::GrpcChannel, with_causes};
use qm_telemetry::metrics::Metrics;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::world::{Mirror, host_config};

const SECOND: Duration = Duration::from_secs(1);
const NO_GRPC: (&str, &str) = ("QM_GUINEA_PIG__GRPC__LISTEN", "");
const SOON: (&str, &str) = ("QM_GUINEA_PIG__SHUTDOWN__DEADLINE_MS", "400");

fn bind(pairs: &[(&str, &str)]) -> Host {
    Host::bind(&host_config(pairs), Metrics::new("guinea-pig")).unwrap()
}

/// Status and body of a plain HTTP request.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (variable, key) in
        [("QM_GUINEA_PIG__GRPC__LISTEN", "grpc.listen"), ("QM_GUINEA_PIG__ADMIN__LISTEN", "admin.listen")]
    {
        let config = host_config(&[(variable, &address)]);
        let error = Host::bind(&config, Metrics::new("guinea-pig")).unwrap_err();
        let text = with_causes(&error);
        for part in [key, address.as_str(), "another process"] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }
}

#[tokio::test]
async fn probes_tell_life_and_readiness_apart() {
    let host = bind(&[]);
    let (admin, grpc) = (host.admin_address().unwrap(), host.grpc_address().unwrap());
    let database = Arc::new(Mutex::new(Ok("answers".to_owned())));
    let check = {
        let database = Arc::clone(&database);
        ReadinessCheck::new("database", move || std::future::ready(database.lock().unwrap().clone()))
    };
    let shutdown = CancellationToken::new();
    let assembly = Mirror::new().assembly().ready_when(check);
    let running = tokio::spawn(host.run([assembly], shutdown.clone()));

    assert_eq!(get(admin, "/livez").await, (200, "ok\n".to_owned()));
    let (status, body) = get(admin, "/readyz").await;
    assert!(
        status == 200 && body.contains(r#""guinea-pig/database":{"ok":true,"detail":"answers"}"#),
        "{body}"
    );
    *database.lock().unwrap() = Err("connection refused".to_owned());
    let (status, body) = get(admin, "/readyz").await;
    assert!(status == 503 && body.contains("connection refused"), "{body}");
    assert_eq!(get(admin, "/livez").await.0, 200, "a lost database is no reason to restart");

    let channel =
        tonic::transport::Endpoint::from_shared(format!("http://{grpc}")).unwrap().connect().await.unwrap();
    let health = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(health.into_inner().status, 1);
    let url = format!("http://{grpc}");
    let peer = GrpcChannel::connect_lazy(&url, SECOND, SECOND).unwrap();
    OperationsServiceClient::new(peer).get_backlog(GetBacklogRequest {}).await.unwrap();
    let (status, body) = get(admin, "/metrics").await;
    assert!(status == 200 && body.contains("GetBacklog") && body.ends_with("# EOF\n"), "{body}");

    drop(channel);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_in_flight_finishes_while_the_service_says_that_it_is_not_ready() {
    let host = bind(&[]);
    let (admin, grpc) = (host.admin_address().unwrap(), host.grpc_address().unwrap());
    let (mirror, shutdown) = (Mirror::new(), CancellationToken::new());
    let running = tokio::spawn(host.run([mirror.assembly()], shutdown.clone()));
    let url = format!("http://{grpc}");
    let call = tokio::spawn(async move {
        let channel = GrpcChannel::connect_lazy(&url, 10 * SECOND, SECOND).unwrap();
        OperationsServiceClient::new(channel).list_dead_letters(ListDeadLettersRequest::default()).await
    });
    mirror.waiting.subscribe().wait_for(|waiting| *waiting == 1).await.unwrap();

    shutdown.cancel();
    let deadline = Instant::now() + 5 * SECOND;
    while get(admin, "/readyz").await.0 != 503 {
        assert!(Instant::now() < deadline, "still ready");
        tokio::task::yield_now().await;
    }
    assert_eq!(get(admin, "/livez").await.0, 200);
    while TcpStream::connect(grpc).await.is_ok() {
        assert!(Instant::now() < deadline, "still accepting");
        tokio::task::yield_now().await;
    }
    assert!(!running.is_finished());
    mirror.gate.send_replace(true);
    call.await.unwrap().unwrap();
    running.await.unwrap().unwrap();
}

/// Workers of all stages that write down when they start and when they have ended.
fn workers(log: &Arc<Mutex<Vec<&'static str>>>) -> impl Iterator<Item = Worker> {
    let stages = [
        ("relay", Stage::Relay),
        ("consumer", Stage::Consumers),
        ("ingress", Stage::Ingress),
        ("job", Stage::Jobs),
    ];
    stages.into_iter().map(|(name, stage)| {
        let log = Arc::clone(log);
        let run = move |shutdown: CancellationToken| async move {
            shutdown.cancelled().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
            log.lock().unwrap().push(name);
        };
        Worker::new(name, run).stage(stage)
    })
}

#[tokio::test]
async fn workers_stop_stage_by_stage_and_the_relay_last() {
    let log = Arc::default();
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    // Of two services in one process too: no relay stops before the last consumer of all has.
    let assemblies = ["order", "inventory"].map(|name| Assembly::new(name).workers(workers(&log)));
    bind(&[NO_GRPC]).run(assemblies, shutdown).await.unwrap();
    let stopped = log.lock().unwrap();
    assert_eq!(*stopped, ["ingress", "ingress", "consumer", "consumer", "job", "job", "relay", "relay"]);
}

#[tokio::test]
async fn a_worker_that_ends_early_fails_or_panics_brings_the_service_down_by_name() {
    let broken = [
        (Worker::new("sweep", |_| async {}), "order/sweep ended before"),
        (Worker::new("sweep", |_| async { Err("disk full") }), "order/sweep failed: disk full"),
        (
            Worker::new("sweep", |_| async { assert_eq!(2, 3, "of index") }),
            "order/sweep panicked: assertion `left == right` failed: of index",
        ),
    ];
    for (worker, expected) in broken {
        let log = Arc::default();
        let assembly = Assembly::new("order").workers(workers(&log)).worker(worker);
        let run = bind(&[NO_GRPC]).run([assembly], CancellationToken::new());
        let error = tokio::time::timeout(10 * SECOND, run).await.unwrap().unwrap_err();
        assert!(with_causes(&error).contains(expected), "{}", with_causes(&error));
        assert_eq!(*log.lock().unwrap(), ["ingress", "consumer", "job", "relay"], "the others stop in order");
    }
}

#[tokio::test]
async fn who_does_not_stop_is_dropped_by_name_and_leaves_the_others_their_time() {
    let log = Arc::default();
    let stuck = Worker::new("reserve", |_| std::future::pending::<()>()).stage(Stage::Consumers);
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let assembly = Assembly::new("inventory").workers(workers(&log)).worker(stuck);
    let started = Instant::now();
    let error = bind(&[NO_GRPC, SOON]).run([assembly], shutdown).await.unwrap_err();
    assert!(started.elapsed() < 5 * SECOND);
    let RunError::Overran(names) = &error else { panic!("{error}") };
    assert_eq!(*names, ["inventory/reserve"]);
    assert_eq!(log.lock().unwrap().last(), Some(&"relay"));
}

#[tokio::test]
async fn a_call_that_never_ends_cannot_hold_up_the_end() {
    let host = bind(&[SOON]);
    let url = format!("http://{}", host.grpc_address().unwrap());
    let (mirror, shutdown) = (Mirror::new(), CancellationToken::new());
    let running = tokio::spawn(host.run([mirror.assembly()], shutdown.clone()));
    let call = tokio::spawn(async move {
        let channel = GrpcChannel::connect_lazy(&url, 60 * SECOND, SECOND).unwrap();
        OperationsServiceClient::new(channel).list_dead_letters(ListDeadLettersRequest::default()).await
    });
    mirror.waiting.subscribe().wait_for(|waiting| *waiting == 1).await.unwrap();
    shutdown.cancel();
    let error = tokio::time::timeout(5 * SECOND, running).await.unwrap().unwrap().unwrap_err();
    assert!(error.to_string().contains("gRPC calls in flight"), "{error}");
    call.abort();
}

#[tokio::test]
async fn several_services_do_not_share_a_grpc_port() {
    let error = bind(&[]).run(["order", "inventory"].map(Assembly::new), CancellationToken::new()).await;
    assert!(error.unwrap_err().to_string().contains("grpc.listen"));
}
