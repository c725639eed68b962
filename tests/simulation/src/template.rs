//! What every life begins with: migrated databases and an open shop, made once and copied.

use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use qm_ids::TenantId;
use qm_runtime::BuildError;
use tempfile::TempDir;

use crate::{
    broker,
    chance::Rates,
    life::Life,
    tables,
    world::{SERVICES, World},
};

/// Where lives begin.
#[derive(Debug)]
pub struct Template {
    folder: TempDir,
    /// The bus then.
    pub bus: broker::State,
    /// The time then.
    pub now: DateTime<Utc>,
    /// Whose shop it is.
    pub tenant: TenantId,
}

impl Template {
    /// Makes it. Must run inside a tokio runtime.
    pub async fn make() -> Result<Self, BuildError> {
        let folder = tempfile::tempdir()?;
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
        let world = World::new(folder.path(), start, broker::State::default());
        world.chance.begin(0, &Rates::default());
        world.migrate().await?;
        let tenant = qm_ids::IdGenerator::new(world.clock.clone(), world.chance.clone()).next();
        let mut life = Life::new(world, tenant, 0);
        life.open().await?;
        let (bus, now) = life.end();
        for service in SERVICES {
            tables::fold(&folder.path().join(format!("{service}.db"))).await?;
        }
        Ok(Self { folder, bus, now, tenant })
    }

    /// Copies the databases to another folder.
    pub fn copy(&self, to: &Path) -> std::io::Result<()> {
        for service in SERVICES {
            let name = format!("{service}.db");
            fs::copy(self.folder.path().join(&name), to.join(&name))?;
        }
        Ok(())
    }
}
