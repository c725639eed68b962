//! Looking into the services' databases from outside.

use std::{collections::BTreeMap, path::Path};

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseBackend, DatabaseConnection, DbErr, Statement,
};
use sha2::{Digest as _, Sha256};

async fn open(file: &Path) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{}", file.display()));
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await
}

/// The rows that a query finds, each as its first column's text.
async fn rows(connection: &DatabaseConnection, sql: &str) -> Result<Vec<String>, DbErr> {
    let found = connection.query_all_raw(Statement::from_string(DatabaseBackend::Sqlite, sql)).await?;
    found.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Moves what was written lately into the file itself.
pub async fn fold(file: &Path) -> Result<(), DbErr> {
    let connection = open(file).await?;
    connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    connection.close().await
}

/// Copies a database as it is, whoever has it open.
pub async fn copy(file: &Path, to: &Path) -> Result<(), DbErr> {
    let connection = open(file).await?;
    connection.execute_unprepared(&format!("VACUUM INTO '{}'", to.display())).await?;
    connection.close().await
}

/// A digest of all that a database holds.
pub async fn digest(file: &Path) -> Result<Vec<u8>, DbErr> {
    let connection = open(file).await?;
    let mut hash = Sha256::new();
    let tables =
        rows(&connection, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").await?;
    // When it was migrated is the machine's own time.
    for table in tables.iter().filter(|name| *name != "seaql_migrations") {
        let columns = rows(&connection, &format!("SELECT name FROM pragma_table_info('{table}')")).await?;
        let quoted: Vec<_> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
        let sql = format!("SELECT {} FROM \"{table}\" ORDER BY 1", quoted.join(" || ',' || "));
        hash.update(table);
        for row in rows(&connection, &sql).await? {
            hash.update(row);
        }
    }
    connection.close().await?;
    Ok(hash.finalize().to_vec())
}

/// Type and id of each event that a service ever told.
pub async fn told(file: &Path) -> Result<Vec<(String, String)>, DbErr> {
    let connection = open(file).await?;
    let sql = "SELECT event_type || ' ' || hex(event_id) FROM event_history ORDER BY event_id";
    let told = rows(&connection, sql).await?;
    connection.close().await?;
    Ok(told.iter().filter_map(|row| row.split_once(' ')).map(|(kind, id)| (kind.into(), id.into())).collect())
}

/// What an order told more than once of what happens to it once.
pub async fn told_again(file: &Path) -> Result<Vec<String>, DbErr> {
    let connection = open(file).await?;
    let sql = "SELECT event_type || ' of ' || hex(aggregate_id) FROM event_history \
               WHERE event_type IN ('order.placed', 'order.completed', 'order.cancelled') \
               GROUP BY event_type, aggregate_id HAVING COUNT(*) > 1";
    let again = rows(&connection, sql).await?;
    connection.close().await?;
    Ok(again)
}

/// Each consumer of a service with the id of each event that it applied, as `CONSUMER ID`.
pub async fn applied(file: &Path) -> Result<Vec<String>, DbErr> {
    let connection = open(file).await?;
    let applied = rows(&connection, "SELECT consumer || ' ' || hex(event_id) FROM inbox").await?;
    connection.close().await?;
    Ok(applied)
}

/// Ids of the mails that a service says were sent.
pub async fn mails_sent(file: &Path) -> Result<Vec<String>, DbErr> {
    let connection = open(file).await?;
    let sent = rows(&connection, "SELECT lower(hex(message_id)) FROM message WHERE status = 'sent'").await?;
    connection.close().await?;
    Ok(sent)
}

/// How often the ledger holds the receipt of each reference.
pub async fn receipts(file: &Path) -> Result<BTreeMap<String, u32>, DbErr> {
    let connection = open(file).await?;
    let found = rows(&connection, "SELECT reference FROM movement WHERE kind = 'receive'").await?;
    connection.close().await?;
    let mut receipts = BTreeMap::new();
    for reference in found {
        *receipts.entry(reference).or_default() += 1;
    }
    Ok(receipts)
}

/// Units that left the ledger by an issue, and units that reservations say were issued.
pub async fn issues(file: &Path) -> Result<(String, String), DbErr> {
    let connection = open(file).await?;
    let one = async |sql| Ok::<_, DbErr>(rows(&connection, sql).await?.concat());
    let left =
        one("SELECT CAST(-COALESCE(SUM(sellable_delta), 0) AS TEXT) FROM movement WHERE kind = 'issue'")
            .await?;
    let issued = one("SELECT CAST(COALESCE(SUM(issued), 0) AS TEXT) FROM reservation_leg").await?;
    connection.close().await?;
    Ok((left, issued))
}

/// Units that are held for somebody although their time is over.
pub async fn holds_kept(file: &Path, now: DateTime<Utc>) -> Result<Vec<String>, DbErr> {
    let connection = open(file).await?;
    let now = now.to_rfc3339();
    let sql = format!("SELECT hex(hold_id) FROM stock_hold WHERE julianday(expires_at) < julianday('{now}')");
    let kept = rows(&connection, &sql).await?;
    connection.close().await?;
    Ok(kept)
}

/// Plans that claim a place in a location's day for units that neither left nor were let go.
pub async fn places_kept(file: &Path) -> Result<Vec<String>, DbErr> {
    let connection = open(file).await?;
    let sql = "SELECT hex(plan_id) FROM capacity_claim WHERE issued_at IS NULL AND ended_at IS NULL";
    let kept = rows(&connection, sql).await?;
    connection.close().await?;
    Ok(kept)
}
