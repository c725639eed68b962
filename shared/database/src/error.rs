//! What can go wrong with a database, sorted by what the caller can do about it.

use std::collections::HashSet;

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// A commit was sent and its answer was lost: the change may or may not stand. Re-read by key before answering anyone.
#[derive(Debug, thiserror::Error)]
#[error("the answer to a commit was lost")]
pub struct CommitUnknown {
    /// What the connection said.
    pub source: DbErr,
}

/// Why a database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another transaction was in the way; the same transaction tried again may succeed.
    #[error("another transaction was in the way")]
    Conflict(#[source] DbErr),
    /// The database cannot be reached or has no free connection.
    #[error("the database cannot be reached")]
    Unavailable(#[source] DbErr),
    /// See [`CommitUnknown`].
    #[error(transparent)]
    CommitUnknown(#[from] CommitUnknown),
    /// A unique constraint refused a row.
    #[error("a row with the same key exists")]
    Duplicate(#[source] DbErr),
    /// A statement that writes a tenant's rows ran outside that tenant's scope.
    #[error("a row of {0} was written outside its tenant's scope")]
    OutOfScope(&'static str),
    /// Anything else: a defect or a broken database.
    #[error("the database refused a statement")]
    Other(#[source] DbErr),
    /// The URL is of no known database.
    #[error("unknown database url: expected postgres://… or sqlite://…")]
    UnknownUrl,
}

impl Error {
    /// True when the same transaction tried again may succeed: deadlock, serialisation failure, busy.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// True when nothing is wrong with the request, only with the way to the database.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::CommitUnknown(_))
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(_)) = error.sql_err() {
            return Self::Duplicate(error);
        }
        match kind(&error) {
            Kind::Conflict => Self::Conflict(error),
            Kind::Unavailable => Self::Unavailable(error),
            Kind::Other => Self::Other(error),
        }
    }
}

/// What stands for a row that another transaction has inserted meanwhile, which is no fault of anybody's.
pub(crate) const LOST_RACE: DbErr = DbErr::RecordNotInserted;

/// Whether a row was refused since its key exists in one of these tables.
pub(crate) fn is_lost_race(error: &DbErr, races: &HashSet<String>) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(source)) | DbErr::Query(RuntimeErr::SqlxError(source))) = error
    else {
        return false;
    };
    let is_duplicate = matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)));
    // SQLite does not say which table it was.
    let table = source.as_database_error().and_then(|error| error.table());
    is_duplicate && table.map_or(!races.is_empty(), |table| races.contains(table))
}

enum Kind {
    Conflict,
    Unavailable,
    Other,
}

fn kind(error: &DbErr) -> Kind {
    let runtime = match error {
        DbErr::ConnectionAcquire(_) => return Kind::Unavailable,
        DbErr::Conn(_) => return Kind::Unavailable,
        DbErr::RecordNotInserted => return Kind::Conflict,
        DbErr::Exec(runtime) | DbErr::Query(runtime) => runtime,
        _ => return Kind::Other,
    };
    let RuntimeErr::SqlxError(error) = runtime else { return Kind::Other };
    match &**error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Kind::Unavailable,
        sqlx::Error::Database(database) => match database.code().as_deref() {
            // PostgreSQL: serialization_failure, deadlock_detected, lock_not_available.
            Some("40001" | "40P01" | "55P03") => Kind::Conflict,
            // PostgreSQL, check_violation without a name: it is no check of ours that refused the row but its partition, since
            // the row's own one was made after the statement had chosen. Tried again, it finds that one.
            Some("23514") if database.constraint().is_none() => Kind::Conflict,
            // SQLite: SQLITE_BUSY, SQLITE_LOCKED, SQLITE_BUSY_SNAPSHOT, SQLITE_LOCKED_SHAREDCACHE.
            Some("5" | "6" | "517" | "262") => Kind::Conflict,
            // PostgreSQL: connection exceptions (class 08), resources used up, such as connections or the disk (53), errors
            // of the machine below (58), admin or crash shutdown, starting up, a session ended since it rested in a
            // transaction, and a standby's or restored server's read-only mode.
            Some(code) if ["08", "53", "58"].iter().any(|class| code.starts_with(class)) => Kind::Unavailable,
            Some("57P01" | "57P02" | "57P03" | "25P03" | "25006") => Kind::Unavailable,
            // SQLite: SQLITE_IOERR with its extensions, SQLITE_FULL.
            Some(code) if code == "13" || is_sqlite_io(code) => Kind::Unavailable,
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

/// The low byte of an extended code is the code itself.
fn is_sqlite_io(code: &str) -> bool {
    code.len() < 5 && code.parse::<u32>().is_ok_and(|code| code & 0xff == 10)
}
