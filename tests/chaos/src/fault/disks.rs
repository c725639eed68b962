//! Disks that are full.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::Path,
    time::Duration,
};

use qm_runtime::BuildError;

use super::Inflicted;
use crate::system::System;

/// Written at a time.
const BLOCK: usize = 64 << 10;

/// Fills the disk of a server to the last block for a while. Somebody makes room then, and starts the server again if that
/// is what it needs: NATS gives up on files when its disk is full, and says so by its health.
pub async fn fill(system: &System, server: &str, lasting: Duration) -> Result<Inflicted, BuildError> {
    let ballast = system.folder().join(server).join("ballast");
    let ending = tokio::time::Instant::now() + lasting;
    while tokio::time::Instant::now() < ending {
        // What was freed meanwhile is taken as well.
        write_until_full(&ballast)?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    fs::remove_file(&ballast)?;
    if server == "nats" {
        system.supervisor.kill(server)?;
    }
    Ok(Inflicted::DONE)
}

fn write_until_full(path: &Path) -> Result<(), BuildError> {
    let mut file = File::options().create(true).append(true).open(path)?;
    let block = vec![0; BLOCK];
    loop {
        match file.write_all(&block) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
