//! The bus's file.

use std::{collections::HashMap, path::Path};

use chrono::{DateTime, Utc};
use qm_clock::SharedClock;
use qm_database::{Database, DatabaseOptions, Tx};
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr, QueryResult, Statement, Value};

use super::{
    subject,
    writer::{Placed, size},
};
use crate::bus::{BusError, ConsumerSpec, Message, StreamSpec};

/// Rows of one insert; nine binds each.
const ROWS: usize = 3_000;
/// Rows of one delete, so that publishers do not wait long.
const PURGE_ROWS: u64 = 5_000;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS stream (
    name text PRIMARY KEY, identity text NOT NULL, subjects text NOT NULL, max_bytes integer NOT NULL,
    last_sequence integer NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS consumer (
    stream text NOT NULL, name text NOT NULL, floor integer NOT NULL, PRIMARY KEY (stream, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    stream text NOT NULL, sequence integer NOT NULL, subject text NOT NULL, id text NOT NULL UNIQUE,
    headers text NOT NULL, payload blob NOT NULL, size integer NOT NULL, stored_at integer NOT NULL,
    PRIMARY KEY (stream, sequence)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS message_subject ON message (stream, subject, sequence);
";

pub(super) struct File {
    database: Database,
    clock: SharedClock,
}

/// A stream as the file has it.
pub(super) struct StoredStream {
    pub(super) spec: StreamSpec,
    pub(super) identity: String,
    pub(super) last_sequence: u64,
    pub(super) bytes: u64,
}

fn failed(error: impl std::error::Error) -> BusError {
    BusError::Unavailable(crate::error::chain(&error))
}

fn sql(text: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DatabaseBackend::Sqlite, text, values)
}

fn number(value: u64) -> Value {
    // A sequence beyond this would take thousands of years.
    i64::try_from(value).unwrap_or(i64::MAX).into()
}

fn column(row: &QueryResult, index: usize) -> Result<u64, DbErr> {
    Ok(u64::try_from(row.try_get_by_index::<Option<i64>>(index)?.unwrap_or(0)).unwrap_or(0))
}

impl File {
    pub(super) async fn open(path: &Path, clock: SharedClock) -> Result<Self, BusError> {
        let url = format!("sqlite://{}", path.display());
        let database = Database::open(&url, &DatabaseOptions::default()).await.map_err(failed)?;
        database.execute_schema_change(SCHEMA).await.map_err(failed)?;
        Ok(Self { database, clock })
    }

    async fn reader(&self) -> Result<Tx, BusError> {
        self.database.read_system().await.map_err(failed)
    }

    async fn rows(&self, statement: Statement) -> Result<Vec<QueryResult>, BusError> {
        self.reader().await?.conn().query_all_raw(statement).await.map_err(failed)
    }

    pub(super) async fn ping(&self) -> Result<(), BusError> {
        self.database.ping().await.map_err(failed)
    }

    pub(super) async fn streams(&self) -> Result<Vec<StoredStream>, BusError> {
        let statement = sql(
            "SELECT name, identity, subjects, max_bytes, last_sequence, \
             (SELECT sum(size) FROM message WHERE message.stream = stream.name) FROM stream",
            [],
        );
        let read = |row: &QueryResult| -> Result<StoredStream, DbErr> {
            let subjects: String = row.try_get_by_index(2)?;
            Ok(StoredStream {
                spec: StreamSpec {
                    name: row.try_get_by_index(0)?,
                    subjects: subjects.split(' ').map(str::to_owned).collect(),
                    max_bytes: column(row, 3)?,
                    replicas: 1,
                },
                identity: row.try_get_by_index(1)?,
                last_sequence: column(row, 4)?,
                bytes: column(row, 5)?,
            })
        };
        self.rows(statement).await?.iter().map(|row| read(row).map_err(failed)).collect()
    }

    pub(super) async fn consumers(&self, stream: &str) -> Result<Vec<(String, u64)>, BusError> {
        let statement = sql("SELECT name, floor FROM consumer WHERE stream = ?", [stream.into()]);
        let read = |row: &QueryResult| Ok::<_, DbErr>((row.try_get_by_index(0)?, column(row, 1)?));
        self.rows(statement).await?.iter().map(|row| read(row).map_err(failed)).collect()
    }

    pub(super) async fn last_by_subject(&self, stream: &str) -> Result<HashMap<String, u64>, BusError> {
        let text = "SELECT subject, max(sequence) FROM message WHERE stream = ? GROUP BY subject";
        let read = |row: &QueryResult| Ok::<_, DbErr>((row.try_get_by_index(0)?, column(row, 1)?));
        self.rows(sql(text, [stream.into()])).await?.iter().map(|row| read(row).map_err(failed)).collect()
    }

    /// Makes or changes a stream and returns its identity.
    pub(super) async fn declare(&self, spec: &StreamSpec) -> Result<String, BusError> {
        let identity = self.clock.now().to_rfc3339();
        let values: [Value; 4] = [
            spec.name.clone().into(),
            identity.into(),
            spec.subjects.join(" ").into(),
            number(spec.max_bytes),
        ];
        let text = "INSERT INTO stream (name, identity, subjects, max_bytes, last_sequence) VALUES (?, ?, ?, ?, 0) \
                    ON CONFLICT (name) DO UPDATE SET subjects = excluded.subjects, max_bytes = excluded.max_bytes \
                    RETURNING identity";
        let tx = self.database.begin_system().await.map_err(failed)?;
        let row = tx.conn().query_one_raw(sql(text, values)).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        let row = row.ok_or_else(|| BusError::Unavailable("the stream was not stored".to_owned()))?;
        row.try_get_by_index(0).map_err(failed)
    }

    pub(super) async fn declare_consumer(&self, spec: &ConsumerSpec) -> Result<(), BusError> {
        let text = "INSERT INTO consumer (stream, name, floor) VALUES (?, ?, 0) ON CONFLICT DO NOTHING";
        let tx = self.database.begin_system().await.map_err(failed)?;
        let values = [spec.stream.clone().into(), spec.name.clone().into()];
        tx.conn().execute_raw(sql(text, values)).await.map_err(failed)?;
        tx.commit().await.map_err(failed)
    }

    /// Messages after a sequence, oldest first.
    pub(super) async fn read(
        &self,
        stream: &str,
        filter: &str,
        after: u64,
        limit: u64,
    ) -> Result<Vec<(u64, Message)>, BusError> {
        let text = format!(
            "SELECT sequence, subject, id, headers, payload FROM message \
             WHERE stream = ? AND {} AND sequence > ? ORDER BY sequence LIMIT ?",
            condition(filter)
        );
        let values = [stream.into(), operand(filter), number(after), number(limit)];
        let read = |row: &QueryResult| -> Result<(u64, Message), DbErr> {
            let headers: String = row.try_get_by_index(3)?;
            let message = Message {
                subject: row.try_get_by_index(1)?,
                id: row.try_get_by_index(2)?,
                headers: serde_json::from_str(&headers).map_err(|error| DbErr::Custom(error.to_string()))?,
                payload: row.try_get_by_index(4)?,
            };
            Ok((column(row, 0)?, message))
        };
        self.rows(sql(&text, values)).await?.iter().map(|row| read(row).map_err(failed)).collect()
    }

    /// How many messages after a sequence match.
    pub(super) async fn count_after(&self, stream: &str, filter: &str, after: u64) -> Result<u64, BusError> {
        let text = format!(
            "SELECT count(*) FROM message WHERE stream = ? AND {} AND sequence > ?",
            condition(filter)
        );
        let rows = self.rows(sql(&text, [stream.into(), operand(filter), number(after)])).await?;
        rows.first().map_or(Ok(0), |row| column(row, 0).map_err(failed))
    }

    /// The sequences of messages that are known by these ids.
    pub(super) async fn find(&self, ids: &[&str]) -> Result<HashMap<String, u64>, BusError> {
        let mut known = HashMap::new();
        for chunk in ids.chunks(ROWS) {
            let marks = vec!["?"; chunk.len()].join(", ");
            let statement = sql(
                &format!("SELECT id, sequence FROM message WHERE id IN ({marks})"),
                chunk.iter().map(|id| Value::from(*id)),
            );
            for row in self.rows(statement).await? {
                known.insert(row.try_get_by_index(0).map_err(failed)?, column(&row, 1).map_err(failed)?);
            }
        }
        Ok(known)
    }

    /// First sequence held and when the last message was stored.
    pub(super) async fn bounds(&self, stream: &str) -> Result<(u64, Option<DateTime<Utc>>), BusError> {
        let text = "SELECT min(sequence), max(stored_at) FROM message WHERE stream = ?";
        let rows = self.rows(sql(text, [stream.into()])).await?;
        let Some(row) = rows.first() else { return Ok((0, None)) };
        let stored_at: Option<i64> = row.try_get_by_index(1).map_err(failed)?;
        Ok((column(row, 0).map_err(failed)?, stored_at.and_then(DateTime::from_timestamp_micros)))
    }

    /// Stores messages and progress in one commit.
    pub(super) async fn write(
        &self,
        placed: &[Placed],
        floors: &HashMap<(String, String), u64>,
    ) -> Result<(), BusError> {
        let stored_at = self.clock.now().timestamp_micros();
        let tx = self.database.begin_system().await.map_err(failed)?;
        for chunk in placed.chunks(ROWS) {
            let marks = vec!["(?, ?, ?, ?, ?, ?, ?, ?)"; chunk.len()].join(", ");
            let text = format!(
                "INSERT INTO message (stream, sequence, subject, id, headers, payload, size, stored_at) VALUES {marks}"
            );
            let mut values: Vec<Value> = Vec::with_capacity(chunk.len() * 8);
            for place in chunk {
                let message = &place.message;
                let headers = serde_json::to_string(&message.headers).map_err(failed)?;
                values.extend([
                    place.stream.clone().into(),
                    number(place.sequence),
                    message.subject.clone().into(),
                    message.id.clone().into(),
                    headers.into(),
                    message.payload.clone().into(),
                    number(size(message)),
                    stored_at.into(),
                ]);
            }
            tx.conn().execute_raw(sql(&text, values)).await.map_err(failed)?;
        }
        let mut last: HashMap<&str, u64> = HashMap::new();
        for place in placed {
            last.insert(&place.stream, place.sequence);
        }
        for (stream, sequence) in last {
            let text = "UPDATE stream SET last_sequence = ? WHERE name = ?";
            tx.conn().execute_raw(sql(text, [number(sequence), stream.into()])).await.map_err(failed)?;
        }
        for ((stream, consumer), floor) in floors {
            let text = "UPDATE consumer SET floor = max(floor, ?) WHERE stream = ? AND name = ?";
            let values = [number(*floor), stream.clone().into(), consumer.clone().into()];
            tx.conn().execute_raw(sql(text, values)).await.map_err(failed)?;
        }
        tx.commit().await.map_err(failed)
    }

    /// Drops messages and returns the bytes that are left.
    pub(super) async fn purge(&self, stream: &str, up_to: u64) -> Result<u64, BusError> {
        loop {
            let text = "DELETE FROM message WHERE stream = ? AND sequence IN \
                        (SELECT sequence FROM message WHERE stream = ? AND sequence <= ? LIMIT ?)";
            let values = [stream.into(), stream.into(), number(up_to), number(PURGE_ROWS)];
            let tx = self.database.begin_system().await.map_err(failed)?;
            let deleted = tx.conn().execute_raw(sql(text, values)).await.map_err(failed)?.rows_affected();
            tx.commit().await.map_err(failed)?;
            if deleted < PURGE_ROWS {
                break;
            }
        }
        let rows = self.rows(sql("SELECT sum(size) FROM message WHERE stream = ?", [stream.into()])).await?;
        rows.first().map_or(Ok(0), |row| column(row, 0).map_err(failed))
    }
}

/// The pattern as a condition on the subject, with one operand. Our patterns end in a wildcard or have none.
fn condition(filter: &str) -> &'static str {
    if subject::matches(filter, filter) && !filter.ends_with(['*', '>']) {
        "subject = ?"
    } else {
        "subject GLOB ?"
    }
}

fn operand(filter: &str) -> Value {
    match filter.strip_suffix('>') {
        Some(prefix) => format!("{prefix}*").into(),
        None => filter.into(),
    }
}
