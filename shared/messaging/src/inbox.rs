//! Telling fresh events from those that were applied before.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use qm_database::{Result, Tx};
use qm_ids::EventId;
use sea_orm::Value;

use crate::{Envelope, Received, table::inbox};

/// Records that `consumer` applies these events in `tx`, and returns those that it had not applied before.
///
/// A replica that applies the same event at this moment is waited for: its commit makes the event old here.
pub(crate) async fn fresh<P: Clone>(
    tx: &Tx,
    consumer: &str,
    events: &[Received<P>],
    now: DateTime<Utc>,
) -> Result<Vec<Received<P>>> {
    // Sorted, so that two replicas with overlapping batches wait for each other in one order.
    let mut rows: Vec<_> = events
        .iter()
        .map(|event| inbox::Model {
            tenant_id: event.tenant,
            consumer: consumer.to_owned(),
            event_id: event.event_id,
            applied_at: now,
        })
        .collect();
    rows.sort_by_key(|row| (row.tenant_id, row.event_id));
    rows.dedup_by_key(|row| (row.tenant_id, row.event_id));
    let mut fresh: HashSet<_> = tx.insert_new_many::<inbox::Entity>(rows).await?.into_iter().collect();
    // `remove`, so that an event that stands twice in the batch is applied once.
    Ok(events.iter().filter(|event| fresh.remove(&event.event_id.as_uuid())).cloned().collect())
}

/// Those of the events that `consumer` has applied.
pub(crate) async fn applied(tx: &Tx, consumer: &str, events: &[Envelope]) -> Result<HashSet<EventId>> {
    // The primary key whole: by tenant and event alone, all that the tenant's consumers have applied would be read.
    let columns = [inbox::Column::TenantId, inbox::Column::Consumer, inbox::Column::EventId];
    let key = |event: &Envelope| {
        [Value::from(event.tenant.as_uuid()), Value::from(consumer), Value::from(event.event_id.as_uuid())]
    };
    let keys: Vec<_> = events.iter().map(key).collect();
    let rows = tx.find_tuples::<inbox::Entity, 3>(columns, &keys, |select| select).await?;
    Ok(rows.into_iter().map(|row| row.event_id).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::sync::Arc;

    use qm_clock::{Clock as _, SystemClock, SystemEntropy};
    use qm_database::{Database, DatabaseOptions};
    use qm_ids::{IdGenerator, TenantId, Uuid};
    use sea_orm::{ConnectionTrait as _, DatabaseBackend, Statement};
    use sea_orm_migration::{MigrationTrait, MigratorTrait};

    use super::*;

    struct Migrator;

    impl MigratorTrait for Migrator {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            crate::migrations::migrations()
        }
    }

    async fn database(server: &str, ids: &IdGenerator) -> Database {
        let name = format!("inbox_{}", ids.next::<EventId>().as_uuid().simple());
        let admin = Database::open(server, &DatabaseOptions::default()).await.unwrap();
        admin.execute_schema_change(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let database = Database::open(&format!("{base}/{name}"), &DatabaseOptions::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        database
    }

    async fn pages_read(database: &Database) -> i64 {
        let tx = database.read_system().await.unwrap();
        let sql = "SELECT coalesce(sum(idx_blks_hit + idx_blks_read), 0)::bigint FROM pg_statio_user_indexes \
                   WHERE relname LIKE 'inbox%'";
        let statement = Statement::from_string(DatabaseBackend::Postgres, sql);
        let row = tx.conn().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// Every half minute each service asks for some events, and its inbox holds a week of them.
    #[tokio::test]
    async fn what_was_applied_is_found_without_reading_what_else_was() {
        let Ok(server) = std::env::var("QM_TEST_POSTGRES_URL") else {
            println!("skipped: QM_TEST_POSTGRES_URL is not set");
            return;
        };
        let ids = IdGenerator::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
        let database = database(&server, &ids).await;
        let tenant: TenantId = ids.next();
        let tx = database.begin_system().await.unwrap();
        let many = format!(
            "INSERT INTO inbox SELECT '{}', 'other', gen_random_uuid(), now() FROM generate_series(1, 20000)",
            tenant.as_uuid()
        );
        tx.conn().execute_unprepared(&many).await.unwrap();
        let event = |_| Envelope {
            event_id: ids.next(),
            tenant,
            event_type: "order.placed".to_owned(),
            source: "order".to_owned(),
            aggregate: Uuid::nil(),
            occurred_at: SystemClock.now(),
            trace: None,
            payload: Vec::new(),
        };
        let events: Vec<Envelope> = (0..64).map(event).collect();
        let row = |event: &Envelope| inbox::Model {
            tenant_id: tenant,
            consumer: "ours".to_owned(),
            event_id: event.event_id,
            applied_at: event.occurred_at,
        };
        let known: Vec<_> = events.iter().take(40).map(row).collect();
        tx.insert_new_many::<inbox::Entity>(known).await.unwrap();
        tx.conn().execute_unprepared("SELECT pg_stat_force_next_flush()").await.unwrap();
        tx.commit().await.unwrap();

        let before = pages_read(&database).await;
        let tx = database.read_system().await.unwrap();
        let found = applied(&tx, "ours", &events).await.unwrap();
        tx.conn().execute_unprepared("SELECT pg_stat_force_next_flush()").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(found, events.iter().take(40).map(|event| event.event_id).collect());
        assert!(applied(&database.read_system().await.unwrap(), "other", &events).await.unwrap().is_empty());
        let read = pages_read(&database).await - before;
        assert!(read < 1_000, "{read} pages were read to find 40 of 64");
    }
}
