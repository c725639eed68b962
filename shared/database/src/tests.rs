//! On SQLite, and on PostgreSQL where the environment names a server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use qm_ids::TenantId;
use sea_orm::{ConnectionTrait as _, DbErr, EntityTrait as _, TransactionTrait as _, entity::prelude::*};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use uuid::Uuid;

use crate::{
    Batcher, BatcherOptions, Database, DatabaseOptions, Error, Overloaded, TenantEntity, TenantSet, schema,
};

mod faults;
mod sets;
mod silence;

mod thing {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "thing")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) tenant_id: TenantId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) thing_id: Uuid,
        pub(super) amount: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl TenantEntity for Entity {
        fn tenant_column() -> Column {
            Column::TenantId
        }

        fn key_column() -> Column {
            Column::ThingId
        }
    }
}
use thing::{Entity as Things, Model as Thing};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Tables)]
    }
}

struct Tables;

impl MigrationName for Tables {
    fn name(&self) -> &str {
        "m0001_things"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uuid = if manager.get_database_backend() == sea_orm::DatabaseBackend::Postgres {
            "uuid"
        } else {
            "uuid_blob"
        };
        for table in ["thing", "diary"] {
            let sql = format!(
                "CREATE TABLE {table} (tenant_id {uuid} NOT NULL, thing_id {uuid} NOT NULL, amount bigint NOT NULL, \
                 PRIMARY KEY (tenant_id, thing_id))"
            );
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        let sql = format!(
            "CREATE TABLE link (tenant_id {uuid} NOT NULL, thing_id {uuid} NOT NULL, PRIMARY KEY (tenant_id, thing_id))"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        let (time, bytes) = if uuid == "uuid" { ("timestamptz", "bytea") } else { ("text", "blob") };
        let sql = format!(
            "CREATE TABLE sample (tenant_id {uuid} NOT NULL, sample_id {uuid} NOT NULL, name text NOT NULL, \
             amount bigint NOT NULL, flag boolean, small integer, ratio double precision, note text, bytes {bytes}, \
             day date, at {time}, other {uuid}, PRIMARY KEY (tenant_id, sample_id)); \
             CREATE INDEX sample_name ON sample (tenant_id, name)"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        schema::protect_tenant_table(manager, "sample").await?;
        schema::protect_tenant_table(manager, "thing").await?;
        schema::protect_tenant_table(manager, "link").await?;
        schema::protect_append_only_table(manager, "diary").await
    }
}

struct World {
    database: Database,
    ours: TenantId,
    theirs: TenantId,
    _folder: tempfile::TempDir,
}

async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    let postgres = std::env::var("QM_TEST_POSTGRES_URL").ok();
    if postgres.is_none() {
        println!("skipped on PostgreSQL: QM_TEST_POSTGRES_URL is not set");
    }
    for server in [None, postgres] {
        let folder = tempfile::tempdir().unwrap();
        let url = match server {
            None if !worlds.is_empty() => continue,
            None => format!("sqlite://{}", folder.path().join("things.sqlite").display()),
            Some(server) => {
                let name = format!(
                    "qm_test_{}",
                    folder.path().file_name().unwrap().to_str().unwrap().replace('.', "").to_lowercase()
                );
                let admin = Database::open(&server, &DatabaseOptions::default()).await.unwrap();
                admin.execute_schema_change(&format!("CREATE DATABASE {name}")).await.unwrap();
                format!("{}/{name}", server.rsplit_once('/').unwrap().0)
            }
        };
        let database = Database::open(&url, &DatabaseOptions::default()).await.unwrap();
        // Several processes migrate at once.
        let migrations = (0..4).map(|_| database.migrate::<Migrator>());
        for migrated in futures::future::join_all(migrations).await {
            migrated.unwrap();
        }
        let tenant = |n| TenantId::from_uuid(Uuid::from_u128(n));
        worlds.push(World { database, ours: tenant(1), theirs: tenant(2), _folder: folder });
    }
    worlds
}

fn things(tenant: TenantId, ids: std::ops::Range<u128>) -> Vec<Thing> {
    ids.map(|id| Thing { tenant_id: tenant, thing_id: Uuid::from_u128(id), amount: 1 }).collect()
}

impl World {
    async fn store(&self, rows: Vec<Thing>) {
        let tx = self.database.begin(&TenantSet::of([self.ours, self.theirs])).await.unwrap();
        tx.insert_many::<Things>(rows).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn count(&self, tenants: &TenantSet) -> usize {
        let tx = self.database.read(tenants).await.unwrap();
        tx.find::<Things>().all(tx.conn()).await.unwrap().len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_sees_and_writes_nothing_of_other_tenants() {
    for world in worlds().await {
        world.store([things(world.ours, 0..3), things(world.theirs, 0..2)].concat()).await;
        let (ours, theirs) = (TenantSet::one(world.ours), TenantSet::one(world.theirs));
        assert_eq!((world.count(&ours).await, world.count(&theirs).await), (3, 2));
        assert_eq!(world.count(&TenantSet::default()).await, 0, "no tenants, no rows");

        let tx = world.database.begin(&ours).await.unwrap();
        let foreign = [(world.theirs, Uuid::from_u128(0)), (world.ours, Uuid::from_u128(0))];
        let found = tx.find_keys_for_update::<Things>(&foreign).await.unwrap();
        assert!(found.len() == 1 && found[0].tenant_id == world.ours);
        for refused in [
            tx.insert_many::<Things>(things(world.theirs, 9..10)).await,
            tx.upsert_many::<Things>(things(world.theirs, 0..1)).await,
            tx.delete_keys::<Things>(&foreign[..1]).await.map(|_| ()),
        ] {
            assert!(matches!(refused, Err(Error::OutOfScope(_))), "{refused:?}");
        }
        drop(tx);

        let tx = world.database.read_system().await.unwrap();
        assert_eq!(tx.find::<Things>().all(tx.conn()).await.unwrap().len(), 5, "audits see everything");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waits_is_done_before_anything_else_and_by_the_commit() {
    for world in worlds().await {
        let ours = TenantSet::one(world.ours);
        let tx = world.database.begin(&ours).await.unwrap();
        tx.insert_many::<Things>(things(world.ours, 0..2)).await.unwrap();
        let doubled = things(world.ours, 0..1).into_iter().map(|thing| Thing { amount: 2, ..thing });
        tx.upsert_many::<Things>(doubled.collect()).await.unwrap();
        let mut amounts: Vec<i64> =
            tx.find::<Things>().all(tx.conn()).await.unwrap().iter().map(|thing| thing.amount).collect();
        amounts.sort_unstable();
        assert_eq!(amounts, [1, 2]);
        tx.insert_many::<Things>(things(world.ours, 2..3)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.count(&ours).await, 3);

        let tx = world.database.begin(&ours).await.unwrap();
        tx.insert_many::<Things>(things(world.ours, 3..4)).await.unwrap();
        drop(tx);
        assert_eq!(world.count(&ours).await, 3, "what waits when a transaction is dropped is not written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_refused_is_told_by_what_comes_next() {
    for world in worlds().await {
        let ours = TenantSet::one(world.ours);
        world.store(things(world.ours, 0..1)).await;
        let begin = async || world.database.begin(&ours).await.unwrap();
        let twice = || things(world.ours, 0..1);

        let tx = begin().await;
        tx.insert_many::<Things>(twice()).await.unwrap();
        assert!(matches!(tx.flush().await, Err(Error::Duplicate(_))));
        drop(tx);
        let tx = begin().await;
        tx.insert_many::<Things>(twice()).await.unwrap();
        assert!(matches!(tx.commit().await, Err(Error::Duplicate(_))));
        let tx = begin().await;
        tx.insert_many::<Things>(twice()).await.unwrap();
        let key = (world.ours, Uuid::from_u128(0));
        assert!(matches!(tx.find_keys::<Things>(&[key]).await, Err(Error::Duplicate(_))));
        drop(tx);

        let tx = begin().await;
        tx.insert_first_many::<Things>(twice()).await.unwrap();
        assert!(matches!(tx.commit().await, Err(Error::Conflict(_))), "whoever is second starts over");
        assert_eq!(world.count(&ours).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_sees_one_moment_and_cannot_write() {
    for world in worlds().await {
        let ours = TenantSet::one(world.ours);
        world.store(things(world.ours, 0..1)).await;
        let tx = world.database.read(&ours).await.unwrap();
        assert_eq!(tx.find::<Things>().all(tx.conn()).await.unwrap().len(), 1);
        world.store(things(world.ours, 1..3)).await;
        assert_eq!(tx.find::<Things>().all(tx.conn()).await.unwrap().len(), 1, "what came since is not seen");
        tx.insert_many::<Things>(things(world.ours, 5..6)).await.unwrap();
        assert!(tx.flush().await.is_err());
        drop(tx);
        assert_eq!(world.count(&ours).await, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_holds_where_the_code_forgets() {
    for world in worlds().await.into_iter().filter(|world| world.database.is_postgres()) {
        world.store([things(world.ours, 0..3), things(world.theirs, 0..2)].concat()).await;
        let tx = world.database.begin(&TenantSet::one(world.ours)).await.unwrap();
        // Without the scope: what a forgotten condition would do.
        assert_eq!(Things::find().all(tx.conn()).await.unwrap().len(), 3);
        let updated =
            tx.conn().execute_unprepared("UPDATE thing SET amount = 7").await.unwrap().rows_affected();
        assert_eq!(updated, 3);
        let foreign =
            format!("INSERT INTO thing VALUES ('{}', '{}', 1)", world.theirs.as_uuid(), Uuid::from_u128(50));
        assert!(tx.conn().execute_unprepared(&foreign).await.is_err());
        drop(tx);
        // A key that the other tenant has: neither taken over nor told from one that nobody has.
        for conflict in ["", " ON CONFLICT (tenant_id, thing_id) DO UPDATE SET amount = 7"] {
            let tx = world.database.begin(&TenantSet::one(world.ours)).await.unwrap();
            let taken = format!(
                "INSERT INTO thing VALUES ('{}', '{}', 1)",
                world.theirs.as_uuid(),
                Uuid::from_u128(0)
            );
            let refusal = tx.conn().execute_unprepared(&format!("{taken}{conflict}")).await.unwrap_err();
            assert!(refusal.to_string().contains("row-level security"), "{refusal}");
        }
        // The setting ended with its transaction, on whichever connection it was.
        for _ in 0..20 {
            assert_eq!(world.count(&TenantSet::default()).await, 0);
        }
        // The ledger cannot be rewritten.
        let tx = world.database.begin(&TenantSet::one(world.ours)).await.unwrap();
        let insert =
            format!("INSERT INTO diary VALUES ('{}', '{}', 1)", world.ours.as_uuid(), Uuid::from_u128(1));
        tx.conn().execute_unprepared(&insert).await.unwrap();
        assert!(tx.conn().execute_unprepared("UPDATE diary SET amount = 2").await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_beyond_the_limit_of_binds_are_split() {
    for world in worlds().await {
        world.store(things(world.ours, 0..12_000)).await;
        let tx = world.database.begin(&TenantSet::one(world.ours)).await.unwrap();
        let again = tx.insert_new_many::<Things>(things(world.ours, 11_000..13_000)).await.unwrap();
        assert_eq!(again.len(), 1_000, "only those that were not there");
        let mut rows = things(world.ours, 0..13_000);
        for row in &mut rows {
            row.amount = 2;
        }
        let keys: Vec<_> = rows.iter().map(|row| (row.tenant_id, row.thing_id)).collect();
        tx.upsert_many::<Things>(rows).await.unwrap();
        let found = tx.find_keys::<Things>(&keys).await.unwrap();
        assert!(found.len() == 13_000 && found.iter().all(|row| row.amount == 2));
        assert_eq!(tx.delete_keys::<Things>(&keys).await.unwrap(), 13_000);
        tx.commit().await.unwrap();
        assert_eq!(world.count(&TenantSet::one(world.ours)).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_its_own_is_made_once_for_each_tenant_and_locked() {
    for world in worlds().await {
        let world = Arc::new(world);
        let changes = (0..20).map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                let tenants = [world.ours, world.theirs];
                let fresh =
                    |tenant_id: TenantId| Thing { tenant_id, thing_id: tenant_id.as_uuid(), amount: 100 };
                world
                    .database
                    .write(&TenantSet::of(tenants), |attempt| {
                        Box::pin(async move {
                            let tx = attempt.tx();
                            let mut rows = tx.lock_own::<Things>(tenants, fresh).await?;
                            rows.iter_mut().for_each(|row| row.amount += 1);
                            tx.upsert_many::<Things>(rows).await
                        })
                    })
                    .await
                    .unwrap();
            })
        });
        for change in futures::future::join_all(changes).await {
            change.unwrap();
        }
        let tx = world.database.read(&TenantSet::of([world.ours, world.theirs])).await.unwrap();
        let rows = tx.find::<Things>().all(tx.conn()).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.amount).collect::<Vec<_>>(), [120, 120]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_partition_is_just_being_made_can_be_tried_again() {
    for world in worlds().await.into_iter().filter(|world| world.database.is_postgres()) {
        let sql = "CREATE TABLE parted (day bigint NOT NULL, amount bigint CHECK (amount > 0)) PARTITION BY RANGE (day);
            CREATE TABLE parted_default PARTITION OF parted DEFAULT";
        world.database.execute_schema_change(sql).await.unwrap();
        let making = world.database.writer().begin().await.unwrap();
        let sql = "CREATE TABLE parted_1 (LIKE parted INCLUDING ALL);
            ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES FROM (1) TO (2)";
        making.execute_unprepared(sql).await.unwrap();
        let writer = world.database.writer().clone();
        let writing = tokio::spawn(async move {
            writer.execute_unprepared("INSERT INTO parted VALUES (1, 1)").await.map_err(Error::from)
        });
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        making.commit().await.unwrap();
        let refused = writing.await.unwrap().expect_err("it had chosen the default partition");
        assert!(refused.is_retryable(), "{refused:?}");
        let again = world.database.writer().execute_unprepared("INSERT INTO parted VALUES (1, 1)").await;
        assert_eq!(again.unwrap().rows_affected(), 1);
        // A check of ours is no matter of trying again.
        let wrong = world.database.writer().execute_unprepared("INSERT INTO parted VALUES (1, 0)").await;
        let wrong = Error::from(wrong.unwrap_err());
        assert!(!wrong.is_retryable() && !wrong.is_unavailable(), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_of_one_row_lose_nothing() {
    for world in worlds().await {
        world.store(things(world.ours, 0..1)).await;
        let (world, tries) = (Arc::new(world), Arc::new(AtomicUsize::new(0)));
        let changes = (0..40).map(|_| {
            let (world, tries) = (world.clone(), tries.clone());
            tokio::spawn(async move {
                let (tenants, key) = (TenantSet::one(world.ours), (world.ours, Uuid::from_u128(0)));
                world
                    .database
                    .write(&tenants, |attempt| {
                        tries.fetch_add(1, Ordering::SeqCst);
                        Box::pin(async move {
                            let tx = attempt.tx();
                            let mut rows = tx.find_keys_for_update::<Things>(&[key]).await?;
                            rows[0].amount += 1;
                            tx.upsert_many::<Things>(rows).await
                        })
                    })
                    .await
                    .unwrap();
            })
        });
        for change in futures::future::join_all(changes).await {
            change.unwrap();
        }
        let tx = world.database.read(&TenantSet::one(world.ours)).await.unwrap();
        let rows = tx.find::<Things>().all(tx.conn()).await.unwrap();
        assert_eq!((rows[0].amount, tries.load(Ordering::SeqCst) >= 40), (41, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_tried_again() {
    for world in worlds().await.into_iter().filter(|world| world.database.is_postgres()) {
        world.store(things(world.ours, 0..2)).await;
        let world = Arc::new(world);
        let crossing = [(0, 1), (1, 0)].map(|(first, second)| {
            let world = world.clone();
            tokio::spawn(async move {
                let tenants = TenantSet::one(world.ours);
                let ours = world.ours;
                world
                    .database
                    .write(&tenants, |attempt| {
                        Box::pin(async move {
                            for id in [first, second] {
                                let tx = attempt.tx();
                                let key = (ours, Uuid::from_u128(id));
                                let mut rows = tx.find_keys_for_update::<Things>(&[key]).await?;
                                rows[0].amount += 1;
                                tx.upsert_many::<Things>(rows).await?;
                                tokio::time::sleep(Duration::from_millis(100)).await;
                            }
                            Ok::<_, Error>(())
                        })
                    })
                    .await
                    .unwrap();
            })
        });
        for change in futures::future::join_all(crossing).await {
            change.unwrap();
        }
        let tx = world.database.read(&TenantSet::one(world.ours)).await.unwrap();
        let rows = tx.find::<Things>().all(tx.conn()).await.unwrap();
        assert!(rows.iter().all(|row| row.amount == 3), "{rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_after_the_commit_and_only_then() {
    for world in worlds().await {
        let count = Arc::new(AtomicUsize::new(0));
        for commits in [false, true] {
            let tx = world.database.begin(&TenantSet::one(world.ours)).await.unwrap();
            let counted = count.clone();
            tx.after_commit(move || {
                counted.fetch_add(1, Ordering::SeqCst);
            });
            if commits {
                tx.commit().await.unwrap();
            }
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

fn tenant(n: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(n))
}

#[tokio::test]
async fn callers_are_gathered_and_each_gets_its_own_answer() {
    let largest = Arc::new(AtomicUsize::new(0));
    let seen = largest.clone();
    let batcher =
        Batcher::new(BatcherOptions { writers: 1, ..BatcherOptions::default() }, move |batch: Vec<u64>| {
            seen.fetch_max(batch.len(), Ordering::SeqCst);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                batch.into_iter().map(|n| n * 2).collect()
            })
        });
    let answers = futures::future::join_all((0..300).map(|n| batcher.submit(tenant(1), n))).await;
    assert!(answers.into_iter().zip(0..).all(|(answer, n)| answer == Ok(n * 2)));
    assert!(largest.load(Ordering::SeqCst) > 50);
}

#[tokio::test]
async fn one_tenants_flood_does_not_delay_anothers_request() {
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let taken = order.clone();
    let options = BatcherOptions { writers: 1, max_batch: 10, ..BatcherOptions::default() };
    let batcher = Batcher::new(options, move |batch: Vec<TenantId>| {
        taken.lock().unwrap().push(batch.clone());
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            vec![(); batch.len()]
        })
    });
    let flood = (0..500).map(|_| batcher.submit(tenant(1), tenant(1)));
    let single = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        batcher.submit(tenant(2), tenant(2)).await
    };
    let (_, answer) = tokio::join!(futures::future::join_all(flood), single);
    assert_eq!(answer, Ok(()));
    let batches = order.lock().unwrap();
    let at = batches.iter().position(|batch| batch.contains(&tenant(2))).unwrap();
    assert!(at < 10, "it waited for {at} of {} batches", batches.len());
}

#[tokio::test]
async fn a_batch_that_panics_fails_its_callers_and_nobody_after_them() {
    let batcher =
        Batcher::new(BatcherOptions { writers: 1, ..BatcherOptions::default() }, |batch: Vec<bool>| {
            Box::pin(async move {
                assert!(!batch.contains(&true), "as asked");
                batch
            })
        });
    assert_eq!(batcher.submit(tenant(1), true).await, Err(Overloaded));
    let after = tokio::time::timeout(Duration::from_secs(5), batcher.submit(tenant(1), false)).await;
    assert_eq!(after.expect("a writer is left"), Ok(false));
}

#[tokio::test]
async fn a_dropped_batcher_leaves_no_task_behind() {
    for writers in [1, 2, 5] {
        // Held by the handler, and so by every task.
        let held = Arc::new(());
        let watched = Arc::downgrade(&held);
        let batcher =
            Batcher::new(BatcherOptions { writers, ..BatcherOptions::default() }, move |batch: Vec<()>| {
                let _held = held.clone();
                Box::pin(async move { batch })
            });
        batcher.submit(tenant(1), ()).await.unwrap();
        drop(batcher);
        tokio::time::timeout(Duration::from_secs(5), async {
            while watched.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("every task ends");
    }
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let options =
        BatcherOptions { writers: 1, max_batch: 1, max_waiting_per_tenant: 3, ..BatcherOptions::default() };
    let batcher = Batcher::new(options, |batch: Vec<()>| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            batch
        })
    });
    let answers = futures::future::join_all((0..20).map(|_| batcher.submit(tenant(1), ()))).await;
    let refused = answers.iter().filter(|answer| **answer == Err(Overloaded)).count();
    assert!((15..20).contains(&refused), "{refused} refused");
}

mod link {
    use super::*;

    /// Nothing but its key.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "link")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) tenant_id: TenantId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) thing_id: Uuid,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl TenantEntity for Entity {
        fn tenant_column() -> Column {
            Column::TenantId
        }

        fn key_column() -> Column {
            Column::ThingId
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_all_key_is_replaced_by_itself() {
    for world in worlds().await {
        let row = link::Model { tenant_id: world.ours, thing_id: Uuid::from_u128(1) };
        let tx = world.database.begin(&TenantSet::one(world.ours)).await.unwrap();
        for _ in 0..2 {
            tx.upsert_many::<link::Entity>(vec![row.clone()]).await.unwrap();
        }
        assert_eq!(tx.find::<link::Entity>().all(tx.conn()).await.unwrap(), [row]);
    }
}
