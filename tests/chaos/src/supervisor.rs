//! Keeps programs running: one that died is started again after a short pause, as Kubernetes does it.

use std::{
    collections::BTreeMap,
    fs,
    process::{Child, Command},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use qm_runtime::BuildError;
use tokio_util::sync::CancellationToken;

use crate::program::{self, Program};

/// Between two looks at who died.
const LOOK: Duration = Duration::from_millis(50);
/// The pause before a program is started again; it doubles up to the longest while the program keeps dying.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Whoever has run for so long has not died of its start.
const STEADY: Duration = Duration::from_secs(10);
/// How long a program may take to become ready.
const START: Duration = Duration::from_secs(60);
/// How long a program may take to end by itself when it is told to.
const END: Duration = Duration::from_secs(30);

/// The programs of a system.
#[derive(Debug, Default)]
pub struct Supervisor {
    units: Mutex<BTreeMap<String, Unit>>,
}

#[derive(Debug)]
struct Unit {
    program: Program,
    child: Option<Child>,
    is_wanted: bool,
    started: Instant,
    deaths: u32,
}

impl Unit {
    fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it again when it died and its pause is over.
    fn look(&mut self) {
        if let Some(child) = &mut self.child
            && let Ok(Some(_)) = child.try_wait()
        {
            self.deaths = if self.started.elapsed() > STEADY { 0 } else { self.deaths + 1 };
            self.child = None;
            self.started = Instant::now();
        }
        let pause = (FIRST_PAUSE * 2_u32.pow(self.deaths.min(8))).min(LONGEST_PAUSE);
        if self.is_wanted && self.child.is_none() && self.started.elapsed() >= pause {
            self.started = Instant::now();
            match self.program.start() {
                Ok(child) => self.child = Some(child),
                Err(error) => eprintln!("{} cannot be started: {error}", self.program.name),
            }
        }
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.started = Instant::now();
    }
}

impl Supervisor {
    /// Looks after them until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.units().values_mut().for_each(Unit::look);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Starts a program and waits until it is ready.
    pub async fn start(&self, program: Program) -> Result<(), BuildError> {
        let name = program.name.clone();
        let child = program.start().map_err(|error| format!("{name} cannot be started: {error}"))?;
        let unit = Unit { program, child: Some(child), is_wanted: true, started: Instant::now(), deaths: 0 };
        self.units().insert(name.clone(), unit);
        self.until_ready(&name, START).await
    }

    /// Waits until a program says that it is ready.
    pub async fn until_ready(&self, name: &str, patience: Duration) -> Result<(), BuildError> {
        let ready = self.units().get(name).ok_or_else(|| unknown(name))?.program.ready;
        let began = Instant::now();
        while !ready.is_ready().await {
            if began.elapsed() > patience {
                return Err(format!(
                    "{name} is not ready after {} s\n{}",
                    patience.as_secs(),
                    self.log(name)
                )
                .into());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Who is not ready now.
    pub async fn not_ready(&self) -> Vec<String> {
        let wanted: Vec<_> = {
            let units = self.units();
            let wanted = units.values().filter(|unit| unit.is_wanted);
            wanted.map(|unit| (unit.program.name.clone(), unit.program.ready)).collect()
        };
        let mut missing = Vec::new();
        for (name, ready) in wanted {
            if !ready.is_ready().await {
                missing.push(name);
            }
        }
        missing
    }

    /// kill -9. It is started again.
    pub fn kill(&self, name: &str) -> Result<(), BuildError> {
        self.units().get_mut(name).ok_or_else(|| unknown(name))?.kill();
        Ok(())
    }

    /// kill -9, and it stays down until [`up`](Self::up).
    pub fn down(&self, name: &str) -> Result<(), BuildError> {
        let mut units = self.units();
        let unit = units.get_mut(name).ok_or_else(|| unknown(name))?;
        unit.is_wanted = false;
        unit.kill();
        Ok(())
    }

    /// Starts what was taken down.
    pub fn up(&self, name: &str) -> Result<(), BuildError> {
        self.units().get_mut(name).ok_or_else(|| unknown(name))?.is_wanted = true;
        Ok(())
    }

    /// SIGTERM; waits for its end. It stays down. Returns whether it ended in time and with exit code 0.
    pub async fn terminate(&self, name: &str) -> Result<bool, BuildError> {
        let mut child = {
            let mut units = self.units();
            let unit = units.get_mut(name).ok_or_else(|| unknown(name))?;
            unit.is_wanted = false;
            let Some(child) = unit.child.take() else { return Ok(false) };
            child
        };
        signal(child.id(), "TERM")?;
        let began = Instant::now();
        while began.elapsed() < END {
            if let Some(status) = child.try_wait()? {
                return Ok(status.success());
            }
            tokio::time::sleep(LOOK).await;
        }
        let _ = child.kill();
        let _ = child.wait();
        Ok(false)
    }

    /// Its process, while it runs.
    pub fn pid(&self, name: &str) -> Result<u32, BuildError> {
        let units = self.units();
        let pid = units.get(name).ok_or_else(|| unknown(name))?.pid();
        pid.ok_or_else(|| format!("{name} does not run").into())
    }

    /// How it is started.
    pub fn program(&self, name: &str) -> Result<Program, BuildError> {
        Ok(self.units().get(name).ok_or_else(|| unknown(name))?.program.clone())
    }

    /// The end of what it said.
    fn log(&self, name: &str) -> String {
        let Ok(program) = self.program(name) else { return String::new() };
        let text = fs::read_to_string(program.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn units(&self) -> MutexGuard<'_, BTreeMap<String, Unit>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.units().values_mut().for_each(Unit::kill);
    }
}

fn unknown(name: &str) -> BuildError {
    format!("there is no program {name}").into()
}

/// Sends a signal to one process.
pub fn signal(pid: u32, name: &str) -> Result<(), BuildError> {
    program::run(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]))?;
    Ok(())
}

/// The processes that a process has started and that still run.
pub fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
