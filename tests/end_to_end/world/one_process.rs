//! `quartermaster serve` on a data directory.

use std::{collections::BTreeMap, sync::Mutex};

use super::{Collector, Kind, Program, Receivers, World, process::free_port, program, stage::Role};

/// Starts it.
pub(super) fn start(collector: Collector, role: Role) -> World {
    let folder = super::stage::folder();
    let receivers = Receivers::start(folder.path());
    let (http, admin) = (free_port(), free_port());
    let data = folder.path().join("data").display().to_string();
    let command = [
        &program("quartermaster").display().to_string(),
        "serve",
        "--data-dir",
        &data,
        "--listen",
        &format!("127.0.0.1:{http}"),
        "--grpc-listen",
        "127.0.0.1:0",
    ];
    let mut environment = super::stage::settings(&receivers, http);
    environment.extend(role.settings());
    let own = [
        ("QM_GATEWAY__ADMIN__LISTEN", format!("127.0.0.1:{admin}")),
        ("QM_GATEWAY__TELEMETRY__OTLP_ENDPOINT", collector.endpoint.clone()),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let serve = Program {
        command: command.map(str::to_owned).to_vec(),
        environment,
        ready: (format!("127.0.0.1:{admin}"), "/readyz"),
    };
    let world = World {
        kind: Kind::OneProcess,
        base: format!("http://127.0.0.1:{http}"),
        receivers,
        collector,
        bus: None,
        programs: BTreeMap::from([("quartermaster".to_owned(), serve)]),
        running: Mutex::default(),
        cli: Vec::new(),
        cli_arguments: vec!["--data-dir".to_owned(), data],
        folder,
    };
    world.start("quartermaster");
    world
}
