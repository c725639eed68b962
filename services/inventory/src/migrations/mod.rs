//! The schema's history. Append only.

mod m0001_inventory;
mod m0002_reviews;
mod m0003_wait_looks;
mod m0004_drop_foreign_keys;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = qm_messaging::migrations::migrations();
        migrations.extend(qm_idempotency::migrations::migrations());
        migrations.push(Box::new(m0001_inventory::Migration));
        migrations.push(Box::new(m0002_reviews::Migration));
        migrations.push(Box::new(m0003_wait_looks::Migration));
        migrations.push(Box::new(m0004_drop_foreign_keys::Migration));
        migrations
    }
}
