//! Quartermaster's own processes: one for each service, or one for all.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    network::Network,
    parts::Postgres,
    program::{Program, Ready, consecutive_addresses, free_address},
};

/// One process each. In the order in which they are migrated.
pub const SERVICES: [&str; 6] = ["order", "inventory", "routing", "shipping", "notification", "gateway"];
/// Services that keep books, in the order in which one process for all gives them ports.
pub const BOOKKEEPERS: [&str; 5] = ["order", "inventory", "routing", "shipping", "notification"];
/// Who calls whom.
pub const PEERS: [(&str, &[&str]); 4] = [
    ("order", &["inventory"]),
    ("routing", &["inventory"]),
    ("notification", &["order"]),
    ("gateway", &BOOKKEEPERS),
];

/// Signs links and carriers' messages.
const TRACKING_SECRET: &str = "chaos-tracking-secret";
const CARRIER_SECRET: &str = "whsec_Y2hhb3MtY2Fycmllci1zZWNyZXQtMDAwMDAwMDAwMDAwMDAw";

/// A process of a service, and where it listens.
#[derive(Debug, Clone)]
pub struct Instance {
    /// How to start it.
    pub program: Program,
    /// Whom its callers call: the public API of the gateway, gRPC of the others.
    pub address: SocketAddr,
}

/// What all processes of a system are told.
#[derive(Debug)]
pub struct Setup<'s> {
    /// Where the programs are.
    pub bin: &'s Path,
    /// Where logs go.
    pub logs: &'s Path,
    /// The ways between them.
    pub network: &'s Network,
    /// Where the gateway is.
    pub gateway: SocketAddr,
    /// Copies of each stream.
    pub stream_replicas: usize,
}

impl Setup<'_> {
    fn binary(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// What every process gets: where receivers are, and carriers that do not take days.
    fn common(&self) -> Vec<(String, String)> {
        let base = format!("http://{}", self.gateway);
        let mails = self.network.address("notification", "mails");
        [
            ("QM_GATEWAY__TRACKING__SECRET", TRACKING_SECRET.to_owned()),
            ("QM_GATEWAY__RATE_LIMIT__BURST", "1000000".to_owned()),
            ("QM_GATEWAY__RATE_LIMIT__PER_SECOND", "1000000".to_owned()),
            ("QM_NOTIFICATION__TRACKING__SECRET", TRACKING_SECRET.to_owned()),
            ("QM_NOTIFICATION__TRACKING__BASE_URL", base.clone()),
            ("QM_NOTIFICATION__MAIL__URL", format!("smtp://{mails}")),
            ("QM_NOTIFICATION__WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
            ("QM_SHIPPING__SIMULATED_CARRIER__WEBHOOK_SECRET", CARRIER_SECRET.to_owned()),
            ("QM_SHIPPING__SIMULATED_CARRIER__WEBHOOK_URL", format!("{base}/v1/carriers/simulated/tracking")),
            ("QM_SHIPPING__SIMULATED_CARRIER__IN_TRANSIT_AFTER_MS", "200".to_owned()),
            ("QM_SHIPPING__SIMULATED_CARRIER__OUT_FOR_DELIVERY_AFTER_MS", "400".to_owned()),
            ("QM_SHIPPING__SIMULATED_CARRIER__DELIVERED_AFTER_MS", "600".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// A process of one service. Every replica has ports of its own, and everything else in common.
    pub fn service(&self, service: &str, replica: &str, postgres: &Postgres) -> Instance {
        let (grpc, admin, http) = (free_address(), free_address(), free_address());
        let mut environment = self.common();
        let mut set = |key: &str, value: String| {
            environment.push((format!("QM_{}__{key}", service.to_uppercase()), value));
        };
        let database = postgres.url(self.network.address(service, "postgres"), &format!("qm_{service}"));
        set("DATABASE__URL", database);
        set("BUS__URL", format!("nats://{}", self.network.address(service, "nats")));
        // A server sets a stream's bytes aside.
        set("BUS__STREAM_MAX_BYTES", (64 << 20).to_string());
        set("BUS__STREAM_REPLICAS", self.stream_replicas.to_string());
        set("GRPC__LISTEN", grpc.to_string());
        set("ADMIN__LISTEN", admin.to_string());
        for peer in BTreeMap::from(PEERS).get(service).into_iter().copied().flatten() {
            set(
                &format!("PEERS__{}", peer.to_uppercase()),
                format!("http://{}", self.network.address(service, peer)),
            );
        }
        if service == "gateway" {
            set("HTTP__LISTEN", http.to_string());
            set("CACHE__URL", format!("redis://{}", self.network.address(service, "redis")));
        }
        let name = format!("{service}{replica}");
        let program = Program {
            command: vec![self.binary(&format!("qm-{service}")).display().to_string(), "serve".to_owned()],
            environment,
            ready: Ready::Answers(admin),
            log: self.logs.join(format!("{name}.log")),
            name,
            is_unprivileged: false,
        };
        Instance { program, address: if service == "gateway" { http } else { grpc } }
    }

    /// All services in one process, on files in `data`. The second value is where the first of them answers gRPC; the
    /// others follow.
    pub fn one_process(&self, data: &Path) -> (Instance, SocketAddr) {
        let (http, admin) = (free_address(), free_address());
        let grpc = consecutive_addresses(BOOKKEEPERS.len() as u16);
        let mut environment = self.common();
        environment.push(("QM_GATEWAY__ADMIN__LISTEN".to_owned(), admin.to_string()));
        let command = [
            self.binary("quartermaster").display().to_string(),
            "serve".to_owned(),
            "--data-dir".to_owned(),
            data.display().to_string(),
            "--listen".to_owned(),
            http.to_string(),
            "--grpc-listen".to_owned(),
            grpc.to_string(),
        ];
        let program = Program {
            name: "quartermaster".to_owned(),
            command: command.to_vec(),
            environment,
            ready: Ready::Answers(admin),
            log: self.logs.join("quartermaster.log"),
            is_unprivileged: false,
        };
        (Instance { program, address: http }, grpc)
    }
}
