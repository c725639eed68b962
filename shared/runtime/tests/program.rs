//! A service as a program of its own: arguments, exit codes, and the end by a signal. Has a `main` of its own, because the
//! program under test is this one, started again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its world fails")]

use std::{
    env, fs,
    path::Path,
    process::{Child, Command, ExitCode, Output, Stdio},
    time::{Duration, Instant},
};

use qm_runtime::{
    Assembly, BuildError, Deps, ServiceDefinition,
    config::{
        AdminConfig, BusConfig, DatabaseConfig, GrpcConfig, HostConfig, PeersConfig, RuntimeConfig,
        ServiceConfig, ShutdownConfig, TelemetryConfig,
    },
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use serde::Deserialize;

/// Set in the process that is the service.
const IS_SERVICE: &str = "QM_TEST_IS_SERVICE";

struct GuineaPig;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    database: DatabaseConfig,
    bus: BusConfig,
    grpc: GrpcConfig,
    admin: AdminConfig,
    telemetry: TelemetryConfig,
    shutdown: ShutdownConfig,
    runtime: RuntimeConfig,
    peers: PeersConfig,
}

impl ServiceConfig for Config {
    fn host(&self) -> HostConfig {
        HostConfig {
            database: self.database.clone(),
            bus: self.bus.clone(),
            grpc: self.grpc.clone(),
            admin: self.admin.clone(),
            telemetry: self.telemetry.clone(),
            shutdown: self.shutdown.clone(),
            runtime: self.runtime.clone(),
            peers: self.peers.clone(),
        }
    }
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Vec::new()
    }
}

impl ServiceDefinition for GuineaPig {
    const NAME: &'static str = "guinea-pig";
    const DEFAULTS: &'static str = "[grpc]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    type Config = Config;
    type Migrator = Migrator;

    async fn build(_: Config, _: Deps) -> Result<Assembly, BuildError> {
        Ok(Assembly::new(Self::NAME))
    }
}

fn main() -> ExitCode {
    if env::var_os(IS_SERVICE).is_some() {
        return qm_runtime::main::<GuineaPig>();
    }
    let folder = tempfile::tempdir().unwrap();
    help_teaches(folder.path());
    a_wrong_configuration_is_refused_by_name_with_exit_code_2(folder.path());
    it_migrates_serves_and_ends_well_on_sigterm(folder.path());
    a_port_in_use_ends_it_with_exit_code_1(folder.path());
    println!("4 passed");
    ExitCode::SUCCESS
}

/// The service on a database and a bus in `folder`.
fn service(folder: &Path, arguments: &[&str]) -> Command {
    let file = folder.join("service.toml");
    let url = |name: &str| format!("sqlite://{}", folder.join(name).display());
    let text = format!("[database]\nurl = \"{}\"\n[bus]\nurl = \"{}\"\n", url("own.db"), url("bus.db"));
    fs::write(&file, text).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(IS_SERVICE, "1").args(arguments).arg("--config").arg(file).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Everything that it said, and its exit code.
fn outcome(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.into_owned())
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    outcome(&command.output().unwrap())
}

fn help_teaches(folder: &Path) {
    let (code, text) = run(&mut service(folder, &["--help"]));
    assert_eq!(code, Some(0), "{text}");
    for part in ["serve", "migrate", "config", "QM_GUINEA_PIG__DATABASE__URL", "qm-guinea-pig migrate"] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    let (code, text) = run(&mut service(folder, &["config"]));
    assert!(
        code == Some(0) && text.contains("max_in_flight = 1024") && text.contains("127.0.0.1:0"),
        "{text}"
    );
}

fn a_wrong_configuration_is_refused_by_name_with_exit_code_2(folder: &Path) {
    let (code, text) = run(&mut service(folder, &["config", "--check"]));
    assert!(code == Some(0) && text.contains("valid"), "{text}");
    for arguments in [&["config", "--check"][..], &["serve"], &[], &["migrate"]] {
        let (code, text) =
            run(service(folder, arguments).env("QM_GUINEA_PIG__RUNTIME__WORKER_THREADS", "few"));
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("runtime.worker_threads") && text.contains("integer"), "{text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

fn it_migrates_serves_and_ends_well_on_sigterm(folder: &Path) {
    let (code, text) = run(&mut service(folder, &["migrate"]));
    assert_eq!(code, Some(0), "{text}");
    let started = Instant::now();
    let log = folder.join("log");
    let child = service(folder, &[]).stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut child = Guard(child);
    let is_running = || fs::read_to_string(&log).unwrap().contains("running");
    while !is_running() {
        assert!(
            child.0.try_wait().unwrap().is_none() && started.elapsed() < Duration::from_secs(20),
            "it does not run"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    eprintln!("it ran after {:?}, with {} kB resident", started.elapsed(), resident_kilobytes(child.0.id()));
    let killed = Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let status = child.0.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", fs::read_to_string(&log).unwrap());
}

fn a_port_in_use_ends_it_with_exit_code_1(folder: &Path) {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, text) = run(service(folder, &["serve"]).env("QM_GUINEA_PIG__ADMIN__LISTEN", &address));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("admin.listen") && text.contains(&address) && !text.contains("panicked"), "{text}");
}

/// Does not outlive a failed test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It fails when the child has ended, which is as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn resident_kilobytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
