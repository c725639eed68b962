//! The schema's history. Append only.

mod m0001_order;
mod m0002_live_orders;
mod m0003_drop_foreign_keys;
mod m0004_due_parts;
mod m0005_progress;
mod m0006_fewer_indexes;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = qm_messaging::migrations::migrations();
        migrations.extend(qm_idempotency::migrations::migrations());
        migrations.push(Box::new(m0001_order::Migration));
        migrations.push(Box::new(m0002_live_orders::Migration));
        migrations.push(Box::new(m0003_drop_foreign_keys::Migration));
        migrations.push(Box::new(m0004_due_parts::Migration));
        migrations.push(Box::new(m0005_progress::Migration));
        migrations.push(Box::new(m0006_fewer_indexes::Migration));
        migrations
    }
}
