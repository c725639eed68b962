//! A running Quartermaster whose every process, server and way the harness owns.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use clap::ValueEnum;
use indicatif::ProgressBar;
use qm_runtime::{BuildError, grpc::GrpcChannel};
use quartermaster::{
    dataset::Dataset,
    demo::work_as_warehouses,
    shop::{self, Api},
    verify::Verifier,
};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    load::Bodies,
    network::Network,
    parts::{self, Installed, Postgres, make_folder, mount_disk},
    program::{Program, is_root, run},
    services::{BOOKKEEPERS, Instance, SERVICES, Setup},
    supervisor::Supervisor,
};

/// Stock and capacity are so many times what they were, so that most orders find what they want.
const SCALE: i64 = 10;
/// An audit reads all books.
const AUDIT: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(3);
const TENANT: &str = "chaos";
/// NATS servers of a cluster, and copies of each stream.
const CLUSTER: usize = 3;
/// Folders of servers that keep files, and the bytes of their disks where those are small: what an empty one needs, and
/// some more.
const DISKS: [(&str, u64); 2] = [("postgres", 512 << 20), ("nats", 512 << 20)];

/// How it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum World {
    /// A process per service, on PostgreSQL, JetStream and Redis.
    Services,
    /// The same on a cluster of three NATS servers.
    Cluster,
    /// The same with PostgreSQL and NATS on small disks of their own.
    SmallDisks,
    /// `quartermaster serve`, on SQLite.
    OneProcess,
}

impl World {
    /// Why it cannot be had here.
    pub fn missing(self) -> Option<&'static str> {
        (self == Self::SmallDisks && !is_root()).then_some("mounting a small disk needs root")
    }
}

/// What a system is made of.
#[derive(Debug, Clone)]
pub struct Materials {
    /// Where Quartermaster's programs are.
    pub bin: PathBuf,
    /// The servers' programs.
    pub installed: Installed,
    /// For all data; other users may pass through it.
    pub folder: PathBuf,
    /// For logs.
    pub logs: PathBuf,
}

/// A running system. Dropping it ends all of it the hard way.
pub struct System {
    /// Its processes.
    pub supervisor: Arc<Supervisor>,
    /// Its ways.
    pub network: Network,
    /// Its books, when they are in PostgreSQL.
    pub postgres: Option<Postgres>,
    /// The public API.
    pub api: Api,
    /// `http://HOST:PORT` of it, and the key.
    pub base: String,
    /// An API key that may do everything.
    pub key: String,
    /// Asks its services about the laws.
    pub verifier: Verifier,
    world: World,
    materials: Materials,
    folder: PathBuf,
    _stop: DropGuard,
}

impl System {
    /// Starts one, opens a shop that has what orders want, and lets its warehouses work.
    pub async fn start(
        world: World,
        materials: &Materials,
        dataset: &Arc<Dataset>,
        bodies: &Bodies,
    ) -> Result<Self, BuildError> {
        // Each system of a run has a folder of its own.
        let number = fs::read_dir(&materials.folder)?.count() + 1;
        let name = format!("{world:?}-{number}").to_lowercase();
        let folder = materials.folder.join(&name);
        let materials = Materials { logs: materials.logs.join(&name), ..materials.clone() };
        make_folder(&folder)?;
        fs::create_dir_all(&materials.logs)?;
        let stop = CancellationToken::new();
        let supervisor = Arc::new(Supervisor::default());
        tokio::spawn(Arc::clone(&supervisor).run(stop.clone()));
        let network = Network::new().await?;
        let base = format!("http://{}", network.address("public", "gateway"));
        let channel = |service: &'static str| {
            let url = format!("http://{}", network.address("audit", service));
            Ok::<_, BuildError>((service, GrpcChannel::connect_lazy(&url, AUDIT, CONNECT)?))
        };
        let verifier = Verifier::new(BOOKKEEPERS.into_iter().map(channel).collect::<Result<Vec<_>, _>>()?);
        let mut system = Self {
            supervisor,
            network,
            postgres: None,
            world,
            api: Api::new(&base, "")?,
            base,
            key: String::new(),
            verifier,
            materials,
            folder,
            _stop: stop.clone().drop_guard(),
        };
        system.start_receivers().await?;
        match world {
            World::OneProcess => system.start_one_process().await?,
            _ => system.start_services().await?,
        }
        system.open_shop(dataset, bodies).await?;
        let (api, dataset) = (system.api.clone(), Arc::clone(dataset));
        tokio::spawn(async move { work_as_warehouses(api, &dataset, stop).await });
        Ok(system)
    }

    /// Starts another process of a service, which takes its share of the calls once it is ready.
    pub async fn add_replica(&self, service: &str, replica: &str) -> Result<SocketAddr, BuildError> {
        let postgres = self.postgres.as_ref().ok_or("only services of their own have replicas")?;
        let Instance { program, address } = self.setup().service(service, replica, postgres);
        self.supervisor.start(program).await?;
        self.network.target(service).add(address);
        Ok(address)
    }

    fn setup(&self) -> Setup<'_> {
        Setup {
            bin: &self.materials.bin,
            logs: &self.materials.logs,
            network: &self.network,
            gateway: self.network.address("public", "gateway"),
            stream_replicas: if self.world == World::Cluster { CLUSTER } else { 1 },
        }
    }

    /// Its data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where receivers keep what they got.
    fn received(&self) -> PathBuf {
        self.folder.join("received")
    }

    async fn start_receivers(&self) -> Result<(), BuildError> {
        let received = self.received();
        fs::create_dir_all(&received)?;
        for name in ["mails", "webhooks"] {
            let (program, address) =
                parts::receiver(&self.materials.installed, name, &received, &self.materials.logs);
            self.start_server(name, program, address).await?;
        }
        Ok(())
    }

    async fn start_services(&mut self) -> Result<(), BuildError> {
        let Materials { installed, logs, .. } = &self.materials;
        for (server, bytes) in DISKS {
            let path = self.folder.join(server);
            fs::create_dir_all(&path)?;
            if self.world == World::SmallDisks {
                mount_disk(&path, bytes)?;
            }
        }
        let postgres = Postgres::new(installed, &self.folder, logs)?;
        let buses = match self.world {
            World::Cluster => parts::nats_cluster(installed, &self.folder, logs, CLUSTER)?,
            _ => vec![parts::nats(installed, &self.folder, logs)],
        };
        let (redis, redis_address) = parts::redis(installed, &self.folder, logs);
        self.start_server("postgres", postgres.program.clone(), postgres.address).await?;
        self.start_server("redis", redis, redis_address).await?;
        for (program, address) in buses {
            self.start_server("nats", program, address).await?;
        }
        let mut instances = Vec::new();
        // One after another: migrations create roles, which the databases of one server share.
        for service in SERVICES {
            postgres.sql("postgres", &format!("CREATE DATABASE qm_{service}")).await?;
            let instance = self.setup().service(service, "", &postgres);
            self.migrate(&instance).await?;
            instances.push((service, instance));
        }
        for (service, Instance { program, address }) in instances {
            self.start_server(service, program, address).await?;
        }
        let gateway = postgres.url(postgres.address, "qm_gateway");
        self.key = self.create_key(&["--database-url", &gateway])?;
        self.postgres = Some(postgres);
        Ok(())
    }

    /// Starts a program and leads those there who call it `name`.
    async fn start_server(
        &self,
        name: &str,
        program: Program,
        address: SocketAddr,
    ) -> Result<(), BuildError> {
        self.supervisor.start(program).await?;
        self.network.target(name).add(address);
        Ok(())
    }

    /// Brings a service's schema up to date. The links on the way need this thread, so it is not waited for on it.
    async fn migrate(&self, instance: &Instance) -> Result<(), BuildError> {
        let program = &instance.program;
        let mut command = Command::new(&program.command[0]);
        command.arg("migrate").envs(program.environment.iter().cloned());
        tokio::task::spawn_blocking(move || run(&mut command)).await??;
        Ok(())
    }

    async fn start_one_process(&mut self) -> Result<(), BuildError> {
        let data = self.folder.join("data");
        let (Instance { program, address }, grpc) = self.setup().one_process(&data);
        self.start_server("gateway", program, address).await?;
        for (index, service) in (0..).zip(BOOKKEEPERS) {
            self.network.target(service).add(SocketAddr::new(grpc.ip(), grpc.port() + index));
        }
        self.key = self.create_key(&["--data-dir", &data.display().to_string()])?;
        Ok(())
    }

    /// Creates the tenant and its key as an operator does it.
    fn create_key(&self, books: &[&str]) -> Result<String, BuildError> {
        let quartermaster = || Command::new(self.materials.bin.join("quartermaster"));
        run(quartermaster().args(["tenants", "create", TENANT, "--name", TENANT]).args(books))?;
        Ok(run(quartermaster().args(["keys", "create", "--tenant", TENANT, "--name", TENANT]).args(books))?)
    }

    async fn open_shop(&mut self, dataset: &Dataset, bodies: &Bodies) -> Result<(), BuildError> {
        self.api = Api::new(&self.base, &self.key)?;
        let url = format!("http://{}/{TENANT}", self.network.address("notification", "webhooks"));
        let endpoint = json!({ "url": url, "event_types": ["order.placed"] });
        let endpoint = self.api.post("/v1/webhook-endpoints", &endpoint, "webhooks").await?;
        let secret = endpoint["secret"].as_str().ok_or("a webhook endpoint without a secret")?;
        fs::write(self.received().join(format!("{TENANT}.secret")), secret)?;
        let wanted = bodies.skus();
        let is_wanted = |sku: &str| wanted.contains(sku);
        shop::load_items(&self.api, dataset, is_wanted, SCALE, &ProgressBar::hidden()).await?;
        Ok(())
    }
}
