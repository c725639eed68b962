//! A running Quartermaster, and receivers of what it sends.

mod collector;
mod hold;
mod one_process;
mod process;
mod real_parts;
mod receivers;
mod stage;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};

pub(crate) use collector::Collector;
pub(crate) use hold::{BusServer, Hold, covers};
pub(crate) use process::{Process, program};
pub(crate) use receivers::Receivers;
pub(crate) use stage::Stage;

/// How it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `quartermaster serve`, on SQLite.
    OneProcess,
    /// A process per service, on PostgreSQL, JetStream and Redis.
    RealParts,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneProcess => "one_process",
            Self::RealParts => "real_parts",
        }
    }

    /// Whether the environment has what it needs.
    pub(crate) fn is_available(self) -> bool {
        let has = |name: &str| std::env::var(name).is_ok();
        // Receivers are Python; scripts/test brings both.
        has("QM_TEST_VENV_PYTHON")
            && (self == Self::OneProcess || (has("QM_TEST_POSTGRES_URL") && has("QM_TEST_NATS_URL")))
    }
}

/// A running Quartermaster.
pub(crate) struct World {
    pub(crate) kind: Kind,
    /// `http://HOST:PORT` of the gateway.
    pub(crate) base: String,
    pub(crate) receivers: Receivers,
    pub(crate) collector: Collector,
    /// None when the bus is within the process.
    bus: Option<BusServer>,
    /// What every process is started with, by its name.
    programs: BTreeMap<String, Program>,
    running: Mutex<BTreeMap<String, Process>>,
    /// Where the command line finds the services.
    cli: Vec<(String, String)>,
    cli_arguments: Vec<String>,
    folder: tempfile::TempDir,
}

/// How to start a process.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// Environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Where it says that it is ready: an address and a path.
    pub(crate) ready: (String, &'static str),
}

impl World {
    /// What a process said.
    fn log(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}.log"))
    }

    /// Starts a process and waits until it is ready.
    pub(crate) fn start(&self, name: &str) {
        let program = &self.programs[name];
        let process =
            Process::start(&program.command, &program.environment, &Self::log(self.folder.path(), name));
        self.running.lock().unwrap().insert(name.to_owned(), process);
        self.wait_until_ready(name);
    }

    fn wait_until_ready(&self, name: &str) {
        let (address, path) = &self.programs[name].ready;
        let started = Instant::now();
        while !process::answers(address, path) {
            let is_running = self.running.lock().unwrap().get_mut(name).is_some_and(Process::is_running);
            let log = || std::fs::read_to_string(Self::log(self.folder.path(), name)).unwrap_or_default();
            assert!(is_running, "{name} ended at its start:\n{}", log());
            assert!(started.elapsed() < Duration::from_secs(60), "{name} is not ready:\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends a process the hard way: kill -9.
    pub(crate) fn kill(&self, name: &str) {
        let mut process = self.running.lock().unwrap().remove(name).expect("is running");
        process.kill();
    }

    /// Runs the command line against this world.
    pub(crate) fn quartermaster(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(program("quartermaster"))
            .args(arguments)
            .args(&self.cli_arguments)
            .envs(self.cli.iter().cloned())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }

    /// Waits until nothing is in flight and checks the books; says what is wrong with them.
    pub(crate) fn audit(&self) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let (is_clean, report) = self.quartermaster(&["verify"]);
            if is_clean {
                return Ok(());
            }
            if started.elapsed() > Duration::from_secs(60) {
                return Err(format!("{}: the books are not clean\n{report}", self.kind.name()));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Checks the books and ends everything; panics when they are not clean, or a process does not end in order.
    pub(crate) fn close(&self) {
        let books = self.audit();
        let ended = self.stop();
        books.unwrap();
        ended.unwrap();
    }

    /// Ends everything in order: each process gets SIGTERM and its time. Says who did not end well.
    pub(crate) fn stop(&self) -> Result<(), String> {
        let mut running = self.running.lock().unwrap();
        let mut bad = Vec::new();
        // The gateway first, so that no request meets a service that is gone; servers last.
        let order = |name: &str| match name {
            "gateway" => 0,
            "nats" => 2,
            _ => 1,
        };
        for step in 0..3 {
            let names: Vec<String> = running.keys().filter(|name| order(name) == step).cloned().collect();
            let mut ending: Vec<_> =
                names.into_iter().filter_map(|name| Some((running.remove(&name)?, name))).collect();
            for (process, _) in &ending {
                process.terminate();
            }
            for (process, name) in &mut ending {
                if !process.wait(Duration::from_secs(30)) {
                    let log =
                        std::fs::read_to_string(Self::log(self.folder.path(), name)).unwrap_or_default();
                    bad.push(format!("{name} did not end in order:\n{log}"));
                }
            }
        }
        if bad.is_empty() { Ok(()) } else { Err(bad.join("\n")) }
    }
}
