//! Processor time and memory of the processes that are measured, from `/proc`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use qm_runtime::BuildError;
use serde::Serialize;

/// Clock ticks a second: `USER_HZ`, which Linux fixed at 100 for what it tells programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processes of a system, by name.
#[derive(Debug, Clone)]
pub struct Processes {
    pids: BTreeMap<String, u32>,
}

/// What processes have used so far.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Seconds of processor time, user and system, by process.
    pub cpu: BTreeMap<String, f64>,
}

/// Memory of a process, bytes.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Memory {
    /// The most that was resident at once.
    pub peak_resident: u64,
}

impl Processes {
    /// What `scripts/up` started in this folder, and the generator itself.
    pub fn of_run(run: &Path) -> Result<Self, BuildError> {
        let mut pids = BTreeMap::from([("generator".to_owned(), std::process::id())]);
        for folder in [run.join("pids"), run.join("parts/pids")] {
            // A system in one process has no parts.
            if !folder.is_dir() {
                continue;
            }
            let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            for entry in entries {
                let path: PathBuf = entry?.path();
                let text = fs::read_to_string(&path)?;
                let pid = text.split_whitespace().next().and_then(|pid| pid.parse().ok());
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let pid = pid.ok_or_else(|| format!("{}: no process id in it", path.display()))?;
                pids.insert(name.to_owned(), pid);
            }
        }
        if pids.len() == 1 {
            return Err(format!("{}: nothing was started there", run.display()).into());
        }
        Ok(Self { pids })
    }

    /// What each has used so far; a server's own children count as part of it.
    pub fn usage(&self) -> Result<Usage, BuildError> {
        let children = children()?;
        let mut cpu = BTreeMap::new();
        for (name, pid) in &self.pids {
            let own = ticks(*pid).map_err(|error| format!("{name} (process {pid}): {error}"))?;
            // One that ended since the folder was read has been added to its parent's.
            let of_children: u64 =
                children.get(pid).into_iter().flatten().filter_map(|child| ticks(*child).ok()).sum();
            cpu.insert(name.clone(), (own + of_children) as f64 / TICKS_PER_SECOND);
        }
        Ok(Usage { cpu })
    }

    /// The memory of each, without its children: PostgreSQL's share one cache, which would count many times.
    pub fn memory(&self) -> BTreeMap<String, Memory> {
        let memory = |pid: &u32| Memory { peak_resident: resident(*pid, "VmHWM:").unwrap_or_default() };
        self.pids.iter().map(|(name, pid)| (name.clone(), memory(pid))).collect()
    }

    /// Bytes that are resident now, of each, likewise.
    pub fn resident(&self) -> BTreeMap<String, u64> {
        let now = |pid: &u32| resident(*pid, "VmRSS:").unwrap_or_default();
        self.pids.iter().map(|(name, pid)| (name.clone(), now(pid))).collect()
    }
}

impl Usage {
    /// What was used since `before`.
    pub fn since(&self, before: &Self) -> BTreeMap<String, f64> {
        let used = |(name, now): (&String, &f64)| {
            (name.clone(), (now - before.cpu.get(name).copied().unwrap_or_default()).max(0.0))
        };
        self.cpu.iter().map(used).collect()
    }
}

/// The fields of `/proc/PID/stat` after the name, which is in brackets and may hold anything: state first.
fn stat(pid: u32) -> io::Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    Ok(rest.split_whitespace().map(str::to_owned).collect())
}

/// User and system time of a process, and of its children that ended.
fn ticks(pid: u32) -> io::Result<u64> {
    let fields = stat(pid)?;
    Ok((11..15).filter_map(|index| fields.get(index)?.parse::<u64>().ok()).sum())
}

/// The processes that run, by their parent.
fn children() -> io::Result<BTreeMap<u32, Vec<u32>>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended meanwhile.
        let Ok(fields) = stat(pid) else { continue };
        if let Some(parent) = fields.get(1).and_then(|parent| parent.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    Ok(children)
}

/// An amount of memory of a process by its name in `/proc/PID/status`, bytes.
fn resident(pid: u32, which: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(which))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let pid = std::process::id();
        let before = ticks(pid).unwrap();
        let started = std::time::Instant::now();
        while started.elapsed() < std::time::Duration::from_millis(60) {}
        assert!(ticks(pid).unwrap() > before);
        assert!(resident(pid, "VmHWM:").unwrap() > 1 << 20);
        assert!(resident(pid, "VmRSS:").unwrap() > 1 << 20);
        assert!(children().unwrap().values().flatten().any(|child| *child == pid));
    }
}
