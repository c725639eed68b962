//! Clocks that jump.

use std::{fs, path::PathBuf, time::Duration};

use qm_runtime::BuildError;

use super::Inflicted;
use crate::{program::Program, system::System};

/// How far clocks jump, seconds.
pub const HOUR: u32 = 3_600;
/// Simulated carriers plan scans by shipping's clock, and what was planned while it was ahead is due when that time has come:
/// less than parcels may take to arrive.
pub const MOMENT: u32 = 20;

/// Its wall clock goes ahead by `jump` seconds, then back twice as far, then is right again, while it runs. Its monotonic
/// clock stays, as it does on a machine whose time is set.
pub async fn jump(
    system: &System,
    service: &str,
    jump: u32,
    lasting: Duration,
) -> Result<Inflicted, BuildError> {
    let Some(library) = libfaketime() else {
        return Ok(Inflicted::Skipped("needs libfaketime (Debian package faketime)".to_owned()));
    };
    let offset = system.folder().join(format!("{service}.time"));
    fs::write(&offset, "+0\n")?;
    let as_it_was = system.supervisor.program(service)?;
    let faked = Program {
        environment: as_it_was
            .environment
            .iter()
            .cloned()
            .chain([
                ("LD_PRELOAD".to_owned(), library.display().to_string()),
                ("FAKETIME_TIMESTAMP_FILE".to_owned(), offset.display().to_string()),
                ("FAKETIME_CACHE_DURATION".to_owned(), "1".to_owned()),
                ("DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
                ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
            ])
            .collect(),
        ..as_it_was.clone()
    };
    system.supervisor.down(service)?;
    system.supervisor.start(faked).await?;
    for jump in [format!("+{jump}\n"), format!("-{jump}\n"), "+0\n".to_owned()] {
        fs::write(&offset, jump)?;
        tokio::time::sleep(lasting / 3).await;
    }
    system.supervisor.down(service)?;
    system.supervisor.start(as_it_was).await?;
    Ok(Inflicted::DONE)
}

fn libfaketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.exists())
}
