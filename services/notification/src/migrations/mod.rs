//! The schema's history. Append only.

mod m0001_notification;
mod m0002_claims_and_traces;
mod m0003_fewer_indexes;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = qm_messaging::migrations::migrations();
        migrations.extend(qm_idempotency::migrations::migrations());
        migrations.push(Box::new(m0001_notification::Migration));
        migrations.push(Box::new(m0002_claims_and_traces::Migration));
        migrations.push(Box::new(m0003_fewer_indexes::Migration));
        migrations
    }
}
