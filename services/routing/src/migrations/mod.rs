//! The schema's history. Append only.

mod m0001_routing;
mod m0002_capacity_days;
mod m0003_drop_foreign_keys;
mod m0004_compress_explanations;
mod m0005_amend_announcements;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = qm_messaging::migrations::migrations();
        migrations.push(Box::new(m0001_routing::Migration));
        migrations.push(Box::new(m0002_capacity_days::Migration));
        migrations.push(Box::new(m0003_drop_foreign_keys::Migration));
        migrations.push(Box::new(m0004_compress_explanations::Migration));
        migrations.push(Box::new(m0005_amend_announcements::Migration));
        migrations
    }
}
