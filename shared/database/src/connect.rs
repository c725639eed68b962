//! Opening a database and its transactions.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _, sqlx::sqlite,
};
use sea_orm_migration::MigratorTrait;

use crate::{
    Error, Result, SharedFaults, TenantSet, Tx,
    scope::Scope,
    silence::{Bounded, Silence},
};

/// The role that services work as; owns nothing, so row-level security binds it.
pub(crate) const APP_ROLE: &str = "quartermaster_app";
/// The role for outbox, inbox, timers and audits; sees all tenants by explicit policies.
pub(crate) const SYSTEM_ROLE: &str = "quartermaster_system";

/// How PostgreSQL plans our statements: once for each connection, and always by an index.
///
/// There are few texts and each is planned for all its values alike, since a plan costs as much as carrying it out. Such a
/// plan is kept; made while a table was small it would read all of it, and go on to when it has grown, until statistics
/// are next gathered. So reading a whole table, and the joins that would need it, count as the last resort. That makes
/// their cost look like that of a long analysis, for which code would be compiled: not here. What is known of a table's
/// values decides nothing then, so that a tenth of the usual sample is enough when we gather statistics.
const PLANNING: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("default_statistics_target", "10"),
];
/// What ends sessions whose other end has fallen silent, so that what they hold is not held for ever. No transaction of ours
/// rests between two statements: whoever needs to ask somebody does that before.
const ABANDONED: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "5s"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];
/// How long a statement of an audit may take, which reads all books.
const AUDIT: Duration = Duration::from_secs(300);
/// How long a change of the schema may take, which may have to wait for others to let go of a table.
const SCHEMA_CHANGE: Duration = Duration::from_secs(60);
/// How long a database may take to say that it is there.
const PING: Duration = Duration::from_millis(1_500);
/// How long a statement on a file may take: as good as no limit.
const FILE: Duration = Duration::from_secs(3_600);
/// One moment for all statements of a transaction that reads, so that no answer mixes two revisions. As the session's
/// default it costs no round trip.
const ONE_MOMENT: &[(&str, &str)] =
    &[("default_transaction_isolation", "repeatable read"), ("default_transaction_read_only", "on")];

/// How to connect.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// Connections in all: on PostgreSQL half of them write and half only read, on SQLite one more writes. Few are best:
    /// eight beat sixty-four by half again on PostgreSQL.
    pub max_connections: u32,
    /// How long to wait for a free connection.
    pub acquire_timeout: Duration,
    /// Whether a commit on SQLite waits for the disk. Without it a commit outlives its process, but not its machine: enough
    /// where only processes die, as in a simulation. PostgreSQL's own settings decide for it.
    pub survives_power_loss: bool,
    /// How long to wait for the answer to a statement on PostgreSQL. Less than those wait who call the service, so that they
    /// are told; a statement that takes so long would be no use to them.
    pub statement_timeout: Duration,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            max_connections: 8,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(8),
            survives_power_loss: true,
        }
    }
}

/// A service's database. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Database {
    connections: Arc<Connections>,
    faults: Option<SharedFaults>,
}

/// Connections of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// `writers` or `readers`.
    pub name: &'static str,
    /// At work.
    pub busy: u64,
    /// Open, and waiting for work.
    pub idle: u64,
}

#[derive(Debug)]
struct Connections {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    silence: Silence,
    /// How long the answer to a statement may take.
    patience: Duration,
}

impl Database {
    /// Connects to `postgres://…` or `sqlite://path`, whose file is created if it is missing.
    pub async fn open(url: &str, options: &DatabaseOptions) -> Result<Self> {
        let connections = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            open_postgres(url, options).await?
        } else if url.starts_with("sqlite:") {
            open_sqlite(url, options).await?
        } else {
            return Err(Error::UnknownUrl);
        };
        Ok(Self { connections: Arc::new(connections), faults: None })
    }

    /// The same database, at whose commits `faults` decides what goes wrong.
    #[must_use]
    pub fn with_faults(self, faults: SharedFaults) -> Self {
        Self { faults: Some(faults), ..self }
    }

    /// Brings the schema up to date. Safe to run from several processes at once and with the old version still serving.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<()> {
        crate::schema::migrate::<M>(&self.connections.writer).await
    }

    /// True on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.backend() == DatabaseBackend::Postgres
    }

    /// Which database this is.
    pub fn backend(&self) -> DatabaseBackend {
        self.connections.writer.get_database_backend()
    }

    /// Begins a transaction that may write rows of `tenants`.
    pub async fn begin(&self, tenants: &TenantSet) -> Result<Tx> {
        self.begin_write(Scope::Tenants(tenants.clone())).await
    }

    /// Begins a transaction that reads rows of `tenants` as they stood at one moment.
    pub async fn read(&self, tenants: &TenantSet) -> Result<Tx> {
        self.begin_read(Scope::Tenants(tenants.clone())).await
    }

    /// Begins a transaction that may write all tenants' rows. Only for outbox, inbox, timers and what runs over tenants
    /// by its nature; never for a request.
    pub async fn begin_system(&self) -> Result<Tx> {
        self.begin_write(Scope::System).await
    }

    /// Begins a transaction that reads all tenants' rows as they stood at one moment.
    pub async fn read_system(&self) -> Result<Tx> {
        self.begin_read(Scope::System).await
    }

    /// Runs statements that change the schema, as the owner: partitions are made and dropped while serving.
    pub async fn execute_schema_change(&self, sql: &str) -> Result<()> {
        let Connections { writer, silence, .. } = &*self.connections;
        silence.listen(SCHEMA_CHANGE, writer.execute_unprepared(sql)).await?;
        Ok(())
    }

    /// The same for an audit, whose statements may take long.
    pub async fn audit(&self) -> Result<Tx> {
        Ok(self.read_system().await?.with_patience(AUDIT))
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.connections.writer
    }

    /// Its pools, for metrics.
    pub fn pools(&self) -> [Pool; 2] {
        let pool = |name, connection: &DatabaseConnection| {
            let (size, idle) = if self.is_postgres() {
                let pool = connection.get_postgres_connection_pool();
                (pool.size(), pool.num_idle())
            } else {
                let pool = connection.get_sqlite_connection_pool();
                (pool.size(), pool.num_idle())
            };
            let idle = idle as u64;
            Pool { name, busy: u64::from(size).saturating_sub(idle), idle }
        };
        [pool("writers", &self.connections.writer), pool("readers", &self.connections.reader)]
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<()> {
        let Connections { reader, silence, .. } = &*self.connections;
        Ok(silence.listen(PING, reader.ping()).await?)
    }

    async fn begin_write(&self, scope: Scope) -> Result<Tx> {
        let options = TransactionOptions {
            // Taking the write lock at once: a later upgrade from reading fails when another process wrote meanwhile.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.enter(self.connections.writer.begin_with_options(options), scope, self.faults.clone()).await
    }

    async fn begin_read(&self, scope: Scope) -> Result<Tx> {
        self.enter(self.connections.reader.begin(), scope, None).await
    }

    async fn enter(
        &self,
        begun: impl Future<Output = std::result::Result<DatabaseTransaction, DbErr>>,
        scope: Scope,
        faults: Option<SharedFaults>,
    ) -> Result<Tx> {
        let Connections { silence, patience, .. } = &*self.connections;
        let inner = silence.listen(*patience, begun).await?;
        enter(Tx::new(Bounded::new(inner, silence.clone(), *patience), scope, faults)).await
    }
}

/// Puts the transaction behind the second wall: role and tenants, for this transaction only.
async fn enter(tx: Tx) -> Result<Tx> {
    if tx.conn().get_database_backend() == DatabaseBackend::Postgres {
        let (role, tenants) = match tx.scope() {
            Scope::Tenants(tenants) => (APP_ROLE, tenants.setting()),
            Scope::System => (SYSTEM_ROLE, String::new()),
        };
        let sql = "SELECT set_config('role', $1, true), set_config('qm.tenants', $2, true)";
        let statement =
            Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, [role.into(), tenants.into()]);
        tx.conn().query_one_raw(statement).await?;
    }
    Ok(tx)
}

async fn open_postgres(url: &str, options: &DatabaseOptions) -> Result<Connections> {
    let silence = Silence::default();
    let connect = |max_connections: u32, is_reader: bool| {
        let mut connect = ConnectOptions::new(url);
        connect
            .max_connections(max_connections)
            .min_connections(u32::from(!is_reader))
            .acquire_timeout(options.acquire_timeout)
            .connect_timeout(options.acquire_timeout)
            .sqlx_logging(false)
            .record_stmt_in_spans(false)
            // A round trip per transaction; a dead connection shows itself as Unavailable, which callers retry.
            .test_before_acquire(false);
        connect.map_sqlx_postgres_opts(move |postgres| {
            let postgres = postgres.options(PLANNING).options(ABANDONED);
            postgres.options(if is_reader { ONE_MOMENT } else { &[] }.iter().copied())
        });
        let (taken, returned) = (silence.clone(), silence.clone());
        connect.map_sqlx_postgres_pool_opts(move |pool| {
            let (taken, returned) = (taken.clone(), returned.clone());
            pool.before_acquire(move |connection, _| taken.examine(connection))
                .after_release(move |connection, _| returned.examine(connection))
        });
        sea_orm::Database::connect(connect)
    };
    let readers = (options.max_connections / 2).max(1);
    let writer = connect(options.max_connections.saturating_sub(readers).max(1), false).await?;
    let reader = connect(readers, true).await?;
    Ok(Connections { writer, reader, silence, patience: options.statement_timeout })
}

async fn open_sqlite(url: &str, options: &DatabaseOptions) -> Result<Connections> {
    // NORMAL may lose the last commits when the power goes; an order answered with 201 may not be lost.
    let synchronous = if options.survives_power_loss {
        sqlite::SqliteSynchronous::Full
    } else {
        sqlite::SqliteSynchronous::Off
    };
    let connect = |max_connections: u32, read_only: bool| {
        let mut connect = ConnectOptions::new(url);
        connect
            .max_connections(max_connections)
            .min_connections(u32::from(!read_only))
            .acquire_timeout(options.acquire_timeout)
            .sqlx_logging(false)
            .record_stmt_in_spans(false)
            .test_before_acquire(false)
            .map_sqlx_sqlite_pool_opts(|pool| pool.idle_timeout(None).max_lifetime(None))
            .map_sqlx_sqlite_opts(move |sqlite| {
                sqlite
                    .create_if_missing(!read_only)
                    .read_only(read_only)
                    .journal_mode(sqlite::SqliteJournalMode::Wal)
                    .synchronous(synchronous)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(10))
                    .statement_cache_capacity(256)
            });
        sea_orm::Database::connect(connect)
    };
    let writer = connect(1, false).await?;
    let reader = connect(options.max_connections, true).await?;
    // A file does not fall silent; whoever waits, waits for the one before, or for the disk.
    Ok(Connections { writer, reader, silence: Silence::default(), patience: FILE })
}
