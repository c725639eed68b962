//! A running gateway whose peers have not started.

use std::sync::Arc;

use qm_clock::{Clock as _, ManualClock, SharedClock, SharedEntropy};
use qm_database::{Database, DatabaseOptions};
use qm_gateway::{
    GatewayService, Migrator,
    directory::{CreatedKey, Directory, NewKey, Scope, Tenant},
};
use qm_ids::{EventId, IdGenerator};
use qm_runtime::{
    Deps, Host, Peers, RunError, ServiceDefinition,
    config::{Loader, ServiceConfig as _},
    grpc::GrpcChannel,
};
use qm_telemetry::metrics::Metrics;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub(crate) struct World {
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) directory: Directory,
    pub(crate) tenant: Tenant,
    pub(crate) key: CreatedKey,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), RunError>>,
    _folder: tempfile::TempDir,
}

/// The worlds to test in: SQLite, and PostgreSQL with Redis where the environment names them.
pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = vec![World::start("").await];
    if let (Ok(postgres), Ok(redis)) =
        (std::env::var("QM_TEST_POSTGRES_URL"), std::env::var("QM_TEST_REDIS_URL"))
    {
        worlds.push(World::start_on(Some(&postgres), &redis, "").await);
    }
    worlds
}

impl World {
    /// On SQLite, with further settings.
    pub(crate) async fn start(settings: &str) -> Self {
        Self::start_on(None, "memory://", settings).await
    }

    async fn start_on(postgres: Option<&str>, cache: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(qm_clock::SystemClock.now()));
        let entropy: SharedEntropy = Arc::new(qm_clock::SystemEntropy);
        let shared: SharedClock = clock.clone();
        let ids = IdGenerator::new(shared.clone(), entropy.clone());
        let database_url = match postgres {
            None => format!("sqlite://{}", folder.path().join("gateway.sqlite").display()),
            Some(server) => new_database(server, &ids).await,
        };
        let database = Database::open(&database_url, &DatabaseOptions::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let bus_url = format!("sqlite://{}", folder.path().join("bus.sqlite").display());
        let bus = qm_messaging::bus::open(&bus_url, shared.clone()).await.unwrap();
        let text = format!(
            "[database]\nurl = {database_url:?}\n[bus]\nurl = {bus_url:?}\n[grpc]\nlisten = \"\"\n[admin]\nlisten = \"\"\n\
             [cache]\nurl = {cache:?}\n[http]\nlisten = \"127.0.0.1:0\"\n{settings}"
        );
        let loader = Loader::new("gateway", GatewayService::DEFAULTS).unwrap();
        let config: <GatewayService as ServiceDefinition>::Config =
            loader.toml("the test", &text).unwrap().load().unwrap();
        let metrics = Metrics::new("gateway");
        let host = Host::bind(&config.host(), metrics.clone()).unwrap();
        let mut peers = Peers::new();
        for name in ["order", "inventory", "routing", "shipping", "notification"] {
            peers = peers.with(name, GrpcChannel::late(name).0);
        }
        let directory = Directory::new(database.clone(), shared.clone(), ids.clone(), entropy.clone());
        let deps = Deps { clock: shared, ids, entropy, database, bus, peers, metrics };
        let listener = qm_gateway::bind(&config).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let assembly = GatewayService::build_on(listener, config, deps).await.unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(host.run([assembly], shutdown.clone()));
        let tenant = directory.create_tenant("acme", "Acme & Sons").await.unwrap();
        let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.word()).collect();
        let key = directory.create_key(tenant.id, &new_key(&scopes)).await.unwrap();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { base, http, clock, directory, tenant, key, shutdown, running, _folder: folder }
    }

    /// A request with the key that may do everything.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.key.secret)
    }

    /// A request without a key.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Stops the gateway; panics unless it ends cleanly.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap().unwrap();
    }
}

pub(crate) fn new_key(scopes: &[&str]) -> NewKey {
    NewKey {
        name: "test".to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expires_at: None,
    }
}

/// Status, code and field of a problem; panics when it is none.
pub(crate) async fn problem(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/problem+json", "{status}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert!(body["trace_id"].as_str().is_some_and(|id| id.len() == 32), "{body}");
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("field"))
}

async fn new_database(server: &str, ids: &IdGenerator) -> String {
    let name = format!("gateway_{}", ids.next::<EventId>().as_uuid().simple());
    let admin = Database::open(server, &DatabaseOptions::default()).await.unwrap();
    admin.execute_schema_change(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}
