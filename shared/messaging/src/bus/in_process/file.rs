//! The bus's file.

use std::{collections::HashMap, path::Path};

use chrono::{DateTime, Utc};
use qm_clock::SharedClock;
use qm_database::{Database, DatabaseOptions, Tx};
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr, QueryResult, Statement, Value};

use super::writer::{Placed, size};
use crate::bus::{BusError, ConsumerSpec, Held, Message, Start, StreamSpec};

/// Rows of one insert; eight binds each.
const ROWS: usize = 3_000;
/// Rows of one delete, so that publishers do not wait long.
pub(super) const PURGE_ROWS: u64 = 2_000;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS stream (
    name text PRIMARY KEY, identity text NOT NULL, subjects text NOT NULL, max_bytes integer NOT NULL,
    last_sequence integer NOT NULL, bytes integer NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS consumer (
    stream text NOT NULL, name text NOT NULL, floor integer NOT NULL, PRIMARY KEY (stream, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    stream text NOT NULL, sequence integer NOT NULL, subject text NOT NULL, id text NOT NULL,
    headers text NOT NULL, payload blob NOT NULL, size integer NOT NULL, stored_at integer NOT NULL,
    PRIMARY KEY (stream, sequence), UNIQUE (id, stream)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS message_subject ON message (stream, subject, sequence);
";

pub(super) struct File {
    database: Database,
    clock: SharedClock,
}

/// Sequences by stream and message id.
pub(super) type Known = HashMap<String, HashMap<String, u64>>;

/// A stream as the file has it.
pub(super) struct StoredStream {
    pub(super) spec: StreamSpec,
    pub(super) identity: String,
    pub(super) last_sequence: u64,
    pub(super) bytes: u64,
}

fn failed(error: impl std::error::Error) -> BusError {
    BusError::Unavailable(qm_worker::with_causes(&error))
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
        let statement =
            sql("SELECT name, identity, subjects, max_bytes, last_sequence, bytes FROM stream", []);
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
        let text = "INSERT INTO stream (name, identity, subjects, max_bytes, last_sequence, bytes) VALUES (?, ?, ?, ?, 0, 0) \
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

    /// Messages of these subjects after a sequence, oldest first.
    pub(super) async fn read(
        &self,
        stream: &str,
        subjects: &[String],
        after: u64,
        limit: u64,
    ) -> Result<Vec<(u64, Message)>, BusError> {
        // With one subject its index gives the order; with several, the plus keeps the index out, whose rows would have
        // to be sorted for every read.
        let column_name = if subjects.len() == 1 { "subject" } else { "+subject" };
        let text = format!(
            "SELECT sequence, subject, id, headers, payload FROM message \
             WHERE stream = ? AND sequence > ? AND {column_name} IN ({}) ORDER BY sequence LIMIT ?",
            marks(subjects.len())
        );
        let mut values = vec![stream.into(), number(after)];
        values.extend(subjects.iter().map(Value::from));
        values.push(number(limit));
        self.rows(sql(&text, values)).await?.iter().map(|row| message(row).map_err(failed)).collect()
    }

    /// Messages of a stream from somewhere on, oldest first.
    pub(super) async fn read_all(
        &self,
        stream: &str,
        start: Start,
        limit: u64,
    ) -> Result<Vec<Held>, BusError> {
        let (condition, bound) = match start {
            Start::Time(at) => ("stored_at >= ?", at.timestamp_micros().into()),
            Start::After(sequence) => ("sequence > ?", number(sequence)),
        };
        let text = format!(
            "SELECT sequence, subject, id, headers, payload FROM message WHERE stream = ? AND {condition} \
             ORDER BY sequence LIMIT ?"
        );
        let rows = self.rows(sql(&text, [stream.into(), bound, number(limit)])).await?;
        let held = |(sequence, message)| Held { sequence, message };
        rows.iter().map(|row| message(row).map(held).map_err(failed)).collect()
    }

    /// How many messages of these subjects there are after a sequence.
    pub(super) async fn count_after(
        &self,
        stream: &str,
        subjects: &[String],
        after: u64,
    ) -> Result<u64, BusError> {
        let text = format!(
            "SELECT count(*) FROM message WHERE stream = ? AND sequence > ? AND subject IN ({})",
            marks(subjects.len())
        );
        let mut values = vec![stream.into(), number(after)];
        values.extend(subjects.iter().map(Value::from));
        let rows = self.rows(sql(&text, values)).await?;
        rows.first().map_or(Ok(0), |row| column(row, 0).map_err(failed))
    }

    /// Where the messages with these ids stand.
    pub(super) async fn find(&self, ids: &[&str]) -> Result<Known, BusError> {
        let mut known = Known::default();
        for chunk in ids.chunks(ROWS) {
            let statement = sql(
                &format!("SELECT stream, id, sequence FROM message WHERE id IN ({})", marks(chunk.len())),
                chunk.iter().map(|id| Value::from(*id)),
            );
            for row in self.rows(statement).await? {
                let stream: String = row.try_get_by_index(0).map_err(failed)?;
                let id: String = row.try_get_by_index(1).map_err(failed)?;
                known.entry(stream).or_default().insert(id, column(&row, 2).map_err(failed)?);
            }
        }
        Ok(known)
    }

    /// First sequence held and when the last message held was stored, if any is held.
    pub(super) async fn bounds(
        &self,
        stream: &str,
    ) -> Result<Option<(u64, Option<DateTime<Utc>>)>, BusError> {
        let text = "SELECT (SELECT min(sequence) FROM message WHERE stream = ?), stored_at FROM message \
                    WHERE stream = ? ORDER BY sequence DESC LIMIT 1";
        let rows = self.rows(sql(text, [stream.into(), stream.into()])).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let stored_at: i64 = row.try_get_by_index(1).map_err(failed)?;
        Ok(Some((column(row, 0).map_err(failed)?, DateTime::from_timestamp_micros(stored_at))))
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
        let mut grown: HashMap<&str, (u64, u64)> = HashMap::new();
        for place in placed {
            let (last, bytes) = grown.entry(&place.stream).or_default();
            *last = place.sequence;
            *bytes += size(&place.message);
        }
        for (stream, (last, bytes)) in grown {
            let text = "UPDATE stream SET last_sequence = ?, bytes = bytes + ? WHERE name = ?";
            let values = [number(last), number(bytes), stream.into()];
            tx.conn().execute_raw(sql(text, values)).await.map_err(failed)?;
        }
        for ((stream, consumer), floor) in floors {
            let text = "UPDATE consumer SET floor = max(floor, ?) WHERE stream = ? AND name = ?";
            let values = [number(*floor), stream.clone().into(), consumer.clone().into()];
            tx.conn().execute_raw(sql(text, values)).await.map_err(failed)?;
        }
        tx.commit().await.map_err(failed)
    }

    /// Drops some of the messages up to a sequence and says how many there were and how many bytes they counted for.
    /// Fewer than [`PURGE_ROWS`]: there are no more.
    pub(super) async fn purge_some(&self, stream: &str, up_to: u64) -> Result<(u64, u64), BusError> {
        let text = "DELETE FROM message WHERE stream = ? AND sequence IN \
                    (SELECT sequence FROM message WHERE stream = ? AND sequence <= ? ORDER BY sequence LIMIT ?) \
                    RETURNING size";
        let values = [stream.into(), stream.into(), number(up_to), number(PURGE_ROWS)];
        let tx = self.database.begin_system().await.map_err(failed)?;
        let deleted = tx.conn().query_all_raw(sql(text, values)).await.map_err(failed)?;
        let sizes =
            deleted.iter().map(|row| column(row, 0)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let freed = sizes.iter().sum();
        let text = "UPDATE stream SET bytes = bytes - ? WHERE name = ?";
        tx.conn().execute_raw(sql(text, [number(freed), stream.into()])).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok((deleted.len() as u64, freed))
    }
}

/// Sequence, subject, id, headers, payload.
fn message(row: &QueryResult) -> Result<(u64, Message), DbErr> {
    let headers: String = row.try_get_by_index(3)?;
    let message = Message {
        subject: row.try_get_by_index(1)?,
        id: row.try_get_by_index(2)?,
        headers: serde_json::from_str(&headers).map_err(|error| DbErr::Custom(error.to_string()))?,
        payload: row.try_get_by_index(4)?,
    };
    Ok((column(row, 0)?, message))
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}
