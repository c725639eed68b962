//! Tables that hold events are brought up to date, on SQLite and, where the environment names a server, on PostgreSQL as
//! an owner who is no superuser, whom forced row-level security binds.

use qm_database::{Database, DatabaseOptions};
use sea_orm::{ConnectionTrait as _, Statement};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use uuid::Uuid;

/// The tables as they first were.
struct First;

impl MigratorTrait for First {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        qm_messaging::migrations::migrations().into_iter().take(1).collect()
    }
}

struct Now;

impl MigratorTrait for Now {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        qm_messaging::migrations::migrations()
    }
}

async fn databases(folder: &std::path::Path) -> Vec<Database> {
    let mut urls = vec![format!("sqlite://{}", folder.join("upgrade.sqlite").display())];
    match std::env::var("QM_TEST_POSTGRES_URL") {
        Ok(server) => {
            let admin = Database::open(&server, &DatabaseOptions::default()).await.unwrap();
            let name = folder.file_name().unwrap().to_str().unwrap().replace('.', "").to_lowercase();
            let name = format!("qm_upgrade_{name}");
            for sql in [
                format!("CREATE ROLE {name} LOGIN CREATEROLE PASSWORD 'upgrade'"),
                format!("CREATE DATABASE {name} OWNER {name}"),
            ] {
                admin.execute_schema_change(&sql).await.unwrap();
            }
            let host = server.rsplit_once('@').unwrap().1.rsplit_once('/').unwrap().0;
            urls.push(format!("postgres://{name}:upgrade@{host}/{name}"));
        }
        Err(_) => println!("skipped on PostgreSQL: QM_TEST_POSTGRES_URL is not set"),
    }
    let mut databases = Vec::new();
    for url in urls {
        databases.push(Database::open(&url, &DatabaseOptions::default()).await.unwrap());
    }
    databases
}

async fn count(database: &Database, from: &str) -> i64 {
    let tx = database.read_system().await.unwrap();
    let sql = format!("SELECT count(*) FROM {from}");
    let row = tx.conn().query_one_raw(Statement::from_string(tx.backend(), sql)).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_an_older_version_left_unpublished_is_kept_and_still_named() {
    let folder = tempfile::tempdir().unwrap();
    for database in databases(folder.path()).await {
        database.migrate::<First>().await.unwrap();
        let (uuid, bytes) = if database.is_postgres() {
            (format!("'{}'", Uuid::from_u128(7)), r"'\x0102'")
        } else {
            (format!("X'{}'", Uuid::from_u128(7).simple()), "X'0102'")
        };
        let time = "'2026-11-26T10:00:00+00:00'";
        let tx = database.begin_system().await.unwrap();
        let row = format!("{uuid}, {uuid}, 'order.placed', {uuid}, {time}, 'trace', {bytes}, {uuid}, {time}");
        tx.conn().execute_unprepared(&format!("INSERT INTO outbox VALUES ({row})")).await.unwrap();
        tx.commit().await.unwrap();

        database.migrate::<Now>().await.unwrap();

        let named = "outbox JOIN event_history AS event \
                     ON event.tenant_id = outbox.tenant_id AND event.event_id = outbox.event_id";
        assert_eq!(count(&database, "outbox").await, 1);
        assert_eq!(
            count(&database, &format!("{named} WHERE event_type = 'order.placed' AND payload = {bytes}"))
                .await,
            1
        );
    }
}
