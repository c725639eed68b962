//! The sides of the seam.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use qm_clock::{SystemClock, SystemEntropy};
use qm_ids::{EventId, IdGenerator};
use qm_messaging::bus::{self, ConsumerSpec, Message, SharedBus, StreamSpec, StreamState};

pub(crate) const WAIT: Duration = Duration::from_secs(5);

pub(crate) struct Side {
    pub(crate) bus: SharedBus,
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
    /// Files that databases were restored to.
    restored: Mutex<HashMap<String, PathBuf>>,
    _keep: tempfile::TempDir,
}

pub(crate) fn ids() -> IdGenerator {
    IdGenerator::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
}

/// The bus in this process, and JetStream where the environment names a server.
pub(crate) async fn sides() -> Vec<Side> {
    let mut sides = Vec::new();
    for url in [None, std::env::var("QM_TEST_NATS_URL").ok()] {
        if url.is_none() && !sides.is_empty() {
            println!("skipped on JetStream: QM_TEST_NATS_URL is not set");
            continue;
        }
        let keep = tempfile::tempdir().unwrap();
        let url = match url {
            None => format!("sqlite://{}", keep.path().join("bus.sqlite").display()),
            Some(nats) => format!("{nats}/{}", ids().next::<EventId>().as_uuid().simple()),
        };
        let bus = bus::open(&url, Arc::new(SystemClock)).await.unwrap();
        let side = Side { bus, url, folder: keep.path().to_owned(), restored: Mutex::default(), _keep: keep };
        side.declare(4 << 20).await;
        sides.push(side);
    }
    sides
}

impl Side {
    pub(crate) async fn declare(&self, max_bytes: u64) {
        let subjects = vec!["qm.order.>".to_owned(), "qm.item.>".to_owned()];
        let spec = StreamSpec { name: "QM_ORDER".to_owned(), subjects, max_bytes, replicas: 1 };
        self.bus.declare_stream(&spec).await.unwrap();
    }

    /// The stream's state once the consumer has settled everything up to `sequence`.
    pub(crate) async fn settled(&self, consumer: &str, sequence: u64) -> StreamState {
        let deadline = tokio::time::Instant::now() + WAIT;
        loop {
            let state = self.bus.stream_state("QM_ORDER").await.unwrap();
            if state.consumers.iter().any(|found| found.name == consumer && found.ack_floor >= sequence) {
                return state;
            }
            assert!(tokio::time::Instant::now() < deadline, "{sequence} is not settled: {state:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The file of a service's database.
    pub(crate) fn database(&self, name: &str) -> PathBuf {
        let restored = self.restored.lock().unwrap().get(name).cloned();
        restored.unwrap_or_else(|| self.folder.join(format!("{name}.sqlite")))
    }

    /// Puts another file in the place of a service's database. Not over it: connections are closed in the background, and the
    /// last one writes what it still holds into the file that it knows.
    pub(crate) fn restore(&self, name: &str, file: PathBuf) {
        self.restored.lock().unwrap().insert(name.to_owned(), file);
    }

    /// The same bus after its process was restarted.
    pub(crate) async fn reopened(&self) -> SharedBus {
        bus::open(&self.url, Arc::new(SystemClock)).await.unwrap()
    }
}

pub(crate) fn consumer(name: &str, filter: &str) -> ConsumerSpec {
    ConsumerSpec {
        stream: "QM_ORDER".to_owned(),
        name: name.to_owned(),
        filter: filter.to_owned(),
        ack_wait: Duration::from_secs(2),
        max_in_flight: 1_000,
    }
}

pub(crate) fn message(subject: &str, id: &str) -> Message {
    Message {
        subject: subject.to_owned(),
        id: id.to_owned(),
        headers: vec![("ce-id".to_owned(), id.to_owned())],
        payload: id.as_bytes().to_vec(),
    }
}
