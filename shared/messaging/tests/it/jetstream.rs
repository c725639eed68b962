//! What only a broker can do to us: forget, be set up otherwise, go away.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use async_nats::jetstream::{self, stream};
use qm_clock::SystemClock;
use qm_messaging::bus::{self, BusError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    bus::{ack, ids, publish, take},
    consuming::{service, until},
    side::{Side, WAIT, consumer, message, sides},
};

/// The side with a broker, and a way around our bus to the same broker.
async fn broker() -> Option<(Side, jetstream::Context, String)> {
    let side = sides().await.into_iter().nth(1)?;
    let (server, namespace) = side.url.rsplit_once('/').unwrap();
    let client = async_nats::connect(server).await.unwrap();
    let stream = format!("{namespace}_QM_ORDER");
    Some((side, jetstream::new(client), stream))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_made_anew_is_noticed_and_subscribed_to_again() {
    let Some((side, broker, stream)) = broker().await else { return };
    let identity = side.bus.stream_state("QM_ORDER").await.unwrap().identity;
    let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.>")).await.unwrap();
    broker.delete_stream(&stream).await.unwrap();
    let deadline = Instant::now() + WAIT;
    while subscription.fetch(10, Duration::from_millis(500)).await.is_ok() {
        assert!(Instant::now() < deadline, "nobody said that the stream is gone");
    }
    let spec = consumer("c1", "qm.order.>");
    assert!(matches!(side.bus.subscribe(&spec).await.err(), Some(BusError::Unknown(_))));
    side.declare(4 << 20).await;
    // The subscription of before has no consumer to ask.
    assert!(subscription.fetch(10, Duration::from_millis(500)).await.is_err());
    let mut subscription = side.bus.subscribe(&spec).await.unwrap();
    publish(&side, "qm.order.placed", &["a"]).await;
    assert_eq!(ids(&take(&mut subscription, 1).await), ["a"]);
    assert_ne!(side.bus.stream_state("QM_ORDER").await.unwrap().identity, identity);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_set_up_otherwise_is_refused_by_the_name_of_the_setting() {
    let Some((side, broker, stream)) = broker().await else { return };
    let mut config = broker.get_stream(&stream).await.unwrap().cached_info().config.clone();
    broker.delete_stream(&stream).await.unwrap();
    config.storage = stream::StorageType::Memory;
    broker.create_stream(config).await.unwrap();
    let spec = bus::StreamSpec {
        name: "QM_ORDER".to_owned(),
        subjects: vec!["qm.order.>".to_owned()],
        max_bytes: 1 << 20,
        replicas: 1,
    };
    let refusal = side.bus.declare_stream(&spec).await.unwrap_err();
    assert!(matches!(&refusal, BusError::Misconfigured(what) if what.contains("storage")), "{refusal}");
    let overlapping = bus::StreamSpec { name: "QM_OTHER".to_owned(), ..spec };
    let refusal = side.bus.declare_stream(&overlapping).await.unwrap_err();
    assert!(matches!(&refusal, BusError::Misconfigured(what) if what.contains("overlap")), "{refusal}");

    // Whoever asks whether the bus is there is told, until both are mended.
    let both = |what: &str| what.contains("storage") && what.contains("overlap");
    let refusal = side.bus.ping().await.unwrap_err();
    assert!(matches!(&refusal, BusError::Misconfigured(what) if both(what)), "{refusal}");
    let apart = bus::StreamSpec { subjects: vec!["qm.other.>".to_owned()], ..overlapping };
    side.bus.declare_stream(&apart).await.unwrap();
    let refusal = side.bus.ping().await.unwrap_err();
    assert!(matches!(&refusal, BusError::Misconfigured(what) if what.contains("storage") && !both(what)));
    broker.delete_stream(&stream).await.unwrap();
    side.declare(4 << 20).await;
    side.bus.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_services_stream_is_set_up_otherwise_its_bus_says_so_and_not_any_longer() {
    let Some((side, broker, stream)) = broker().await else { return };
    let mut config = broker.get_stream(&stream).await.unwrap().cached_info().config.clone();
    broker.delete_stream(&stream).await.unwrap();
    config.storage = stream::StorageType::Memory;
    broker.create_stream(config).await.unwrap();
    let order = service(&side, "order", &Arc::default()).await;
    let shutdown = CancellationToken::new();
    order.run(&shutdown);
    until("its bus is not as needed", async || {
        matches!(side.bus.ping().await, Err(BusError::Misconfigured(what)) if what.contains("storage"))
    })
    .await;
    broker.delete_stream(&stream).await.unwrap();
    until("its bus is as needed", async || side.bus.ping().await.is_ok()).await;
    shutdown.cancel();
}

/// A server of this test's own, to be stopped and started.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(program: &str, folder: &Path, port: u16) -> Self {
        let child = Command::new(program)
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port }
    }

    fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_reported_in_time_and_used_again_when_it_is_back() {
    let Ok(program) = std::env::var("QM_TEST_NATS_SERVER") else {
        println!("skipped: QM_TEST_NATS_SERVER is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Server::start(&program, folder.path(), port);
    let bus = bus::open(&format!("nats://127.0.0.1:{port}"), Arc::new(SystemClock)).await.unwrap();
    let spec = bus::StreamSpec {
        name: "QM_ORDER".to_owned(),
        subjects: vec!["qm.order.>".to_owned()],
        max_bytes: 8 << 20,
        replicas: 1,
    };
    bus.declare_stream(&spec).await.unwrap();
    let mut subscription = bus.subscribe(&consumer("c1", "qm.order.>")).await.unwrap();
    bus.publish(&[message("qm.order.placed", "before")]).await.remove(0).unwrap();
    let before = take(&mut subscription, 1).await;

    server.stop();
    let start = Instant::now();
    // More than the connection takes while it is away.
    let messages: Vec<_> = (0..5_000).map(|n| message("qm.order.placed", &format!("m{n}"))).collect();
    let results = bus.publish(&messages).await;
    assert_eq!(results.len(), messages.len());
    assert!(results.iter().all(|result| matches!(result, Err(BusError::Unavailable(_)))), "{:?}", results[0]);
    assert!(bus.ping().await.is_err());
    let tokens = vec![before[0].token.clone(); 3_000];
    let _ = subscription.ack(&tokens).await;
    let _ = subscription.fetch(1, Duration::from_millis(100)).await;
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());

    server = Server::start(&program, folder.path(), server.port);
    let deadline = Instant::now() + 6 * WAIT;
    while bus.publish(&[message("qm.order.placed", "after")]).await.remove(0).is_err() {
        assert!(Instant::now() < deadline, "the bus does not come back");
    }
    let mut seen: Vec<String> = Vec::new();
    while !seen.iter().any(|id| id == "after") {
        assert!(Instant::now() < deadline, "{seen:?}");
        // The request of before is lost with its server; a subscription may fail and be made again.
        match subscription.fetch(500, Duration::from_millis(500)).await {
            Ok(deliveries) => {
                ack(&mut subscription, &deliveries).await;
                seen.extend(deliveries.into_iter().map(|delivery| delivery.message.id));
            }
            Err(_) => subscription = bus.subscribe(&consumer("c1", "qm.order.>")).await.unwrap(),
        }
    }
    server.stop();
}
