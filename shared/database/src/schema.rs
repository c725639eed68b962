//! What every migration needs: running them safely, and putting tables behind row-level security.

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use sea_orm_migration::{MigratorTrait, SchemaManager};

use crate::{
    Result,
    connect::{APP_ROLE, SYSTEM_ROLE},
};

/// Any number; every process that migrates a Quartermaster database takes the same lock.
const MIGRATION_LOCK: i64 = 0x514d_0001;

pub(crate) async fn migrate<M: MigratorTrait>(connection: &DatabaseConnection) -> Result<()> {
    // One process migrates, the others wait and find nothing left to do. Both locks end with the transaction.
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = connection.begin_with_options(immediate).await?;
    if connection.get_database_backend() == DatabaseBackend::Postgres {
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
        create_roles(&tx).await?;
    }
    M::up(&tx, None).await?;
    tx.commit().await?;
    Ok(())
}

/// Roles belong to the whole server, so several services' migrations may race for them.
async fn create_roles(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    for role in [APP_ROLE, SYSTEM_ROLE] {
        let sql = format!(
            "DO $$ BEGIN \
               IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$; \
             DO $$ BEGIN \
               IF NOT pg_has_role(current_user, '{role}', 'MEMBER') THEN GRANT {role} TO CURRENT_USER; END IF; \
             EXCEPTION WHEN unique_violation THEN NULL; END $$"
        );
        connection.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// Puts a tenants' table behind forced row-level security and lets the services' role work on it. Nothing on SQLite.
pub async fn protect_tenant_table(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    protect(manager, table, "SELECT, INSERT, UPDATE, DELETE").await
}

/// The same for a table whose rows are never changed: the ledger, the timeline.
pub async fn protect_append_only_table(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    protect(manager, table, "SELECT, INSERT").await
}

async fn protect(manager: &SchemaManager<'_>, table: &str, grants: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DatabaseBackend::Postgres {
        return Ok(());
    }
    // The sub-select makes PostgreSQL read the setting once per statement instead of once per row. After a transaction
    // the setting reads '' rather than NULL, hence the nullif; NULL matches no row.
    let own = "tenant_id = ANY ((SELECT string_to_array(nullif(current_setting('qm.tenants', true), ''), ',')::uuid[])::uuid[])";
    let sql = format!(
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; \
         ALTER TABLE {table} FORCE ROW LEVEL SECURITY; \
         CREATE POLICY {table}_tenants ON {table} TO {APP_ROLE} USING ({own}) WITH CHECK ({own}); \
         CREATE POLICY {table}_system ON {table} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true); \
         GRANT {grants} ON {table} TO {APP_ROLE}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SYSTEM_ROLE}"
    );
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}

/// Lets both roles work on a table of the machinery that has no tenant. Nothing on SQLite.
pub async fn open_system_table(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DatabaseBackend::Postgres {
        return Ok(());
    }
    let sql = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}, {SYSTEM_ROLE}");
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}

/// Carries out statements about all tenants' rows, as the role that may see them: forced row-level security binds the
/// owner, too, and what it sees by roles that it inherits is not to be relied on.
pub async fn execute_as_system(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    if manager.get_database_backend() == DatabaseBackend::Postgres {
        connection.execute_unprepared(&format!("SET LOCAL ROLE {SYSTEM_ROLE}")).await?;
        connection.execute_unprepared(sql).await?;
        connection.execute_unprepared("RESET ROLE").await?;
    } else {
        connection.execute_unprepared(sql).await?;
    }
    Ok(())
}

/// Drops the foreign keys of tables, on PostgreSQL; nothing on SQLite.
///
/// For tables whose rows are written with the row that they refer to, by one function, and never without it. PostgreSQL
/// checks each new row by a query and a lock of its own, which costs as much as writing it. SQLite, on which the same
/// code is tested, goes on to check.
pub async fn drop_foreign_keys(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    if manager.get_database_backend() != DatabaseBackend::Postgres {
        return Ok(());
    }
    for table in tables {
        let sql = format!(
            "DO $$ DECLARE name text; BEGIN \
               FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'f' LOOP \
                 EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', name); \
               END LOOP; END $$"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
