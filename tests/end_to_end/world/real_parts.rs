//! A process per service, each on a database of its own.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use qm_database::{Database, DatabaseOptions};

use super::{
    BusServer, Collector, Kind, Process, Program, Receivers, World, process::free_port, program, stage::Role,
};

const SERVICES: [&str; 6] = ["order", "inventory", "routing", "shipping", "notification", "gateway"];

/// Starts them; a world for one scenario alone has a NATS server of its own, which may be killed.
pub(super) async fn start(collector: Collector, role: Role) -> World {
    let folder = super::stage::folder();
    let receivers = Receivers::start(folder.path());
    let mut programs = BTreeMap::new();
    let name = unique_name();
    let nats = if role == Role::Alone {
        let port = free_port();
        programs
            .insert("nats".to_owned(), nats_server(port, &folder.path().join("nats").display().to_string()));
        format!("nats://127.0.0.1:{port}")
    } else {
        std::env::var("QM_TEST_NATS_URL").unwrap()
    };
    let http = free_port();
    let grpc: BTreeMap<&str, u16> = SERVICES.iter().map(|service| (*service, free_port())).collect();
    let mut cli = Vec::new();
    for service in SERVICES {
        let database = new_database(&format!("{name}_{service}")).await;
        let admin = format!("127.0.0.1:{}", free_port());
        let mut environment = super::stage::settings(&receivers, http);
        environment.extend(role.settings());
        let prefix = format!("QM_{}__", service.to_uppercase());
        let mut set = |key: &str, value: String| environment.push((format!("{prefix}{key}"), value));
        set("DATABASE__URL", database.clone());
        set("BUS__URL", format!("{nats}/{name}"));
        // A server sets a stream's bytes aside, and every world has streams of its own.
        set("BUS__STREAM_MAX_BYTES", (64 << 20).to_string());
        set("GRPC__LISTEN", format!("127.0.0.1:{}", grpc[service]));
        set("ADMIN__LISTEN", admin.clone());
        set("TELEMETRY__OTLP_ENDPOINT", collector.endpoint.clone());
        for peer in SERVICES.iter().filter(|peer| **peer != "gateway") {
            set(&format!("PEERS__{}", peer.to_uppercase()), format!("http://127.0.0.1:{}", grpc[peer]));
        }
        if service == "gateway" {
            set("HTTP__LISTEN", format!("127.0.0.1:{http}"));
            set("CACHE__URL", std::env::var("QM_TEST_REDIS_URL").unwrap_or_else(|_| "memory://".to_owned()));
            cli.push(("QM_GATEWAY__DATABASE__URL".to_owned(), database));
        } else {
            let url = format!("http://127.0.0.1:{}", grpc[service]);
            cli.push((format!("QM_{}_URL", service.to_uppercase()), url));
        }
        let binary = program(&format!("qm-{service}")).display().to_string();
        let command = vec![binary, "serve".to_owned()];
        programs.insert(service.to_owned(), Program { command, environment, ready: (admin, "/readyz") });
    }
    let world = World {
        kind: Kind::RealParts,
        base: format!("http://127.0.0.1:{http}"),
        receivers,
        collector,
        bus: Some(BusServer { url: nats, namespace: name }),
        programs,
        running: Mutex::default(),
        cli,
        cli_arguments: Vec::new(),
        folder,
    };
    if role == Role::Alone {
        world.start("nats");
    }
    // One after another: migrations create roles, which the databases of one server share.
    for service in SERVICES {
        migrate(&world, service);
    }
    for service in SERVICES {
        world.start(service);
    }
    world
}

fn migrate(world: &World, service: &str) {
    let program = &world.programs[service];
    let command = [program.command[0].clone(), "migrate".to_owned()];
    let log = World::log(world.folder.path(), service);
    let is_done =
        Process::start(&command, &program.environment, &log).wait(std::time::Duration::from_secs(60));
    assert!(is_done, "{service} cannot migrate:\n{}", std::fs::read_to_string(log).unwrap_or_default());
}

fn nats_server(port: u16, folder: &str) -> Program {
    let server = std::env::var("QM_TEST_NATS_SERVER").unwrap();
    let command = [server.as_str(), "-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd", folder];
    Program {
        command: command.map(str::to_owned).to_vec(),
        environment: Vec::new(),
        ready: (format!("127.0.0.1:{port}"), ""),
    }
}

fn unique_name() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("e2e{:x}", since.as_nanos())
}

async fn new_database(name: &str) -> String {
    let server = std::env::var("QM_TEST_POSTGRES_URL").unwrap();
    let admin = Database::open(&server, &DatabaseOptions::default()).await.unwrap();
    admin.execute_schema_change(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}
