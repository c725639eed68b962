//! Against SQLite; what differs on PostgreSQL is the business of `qm-database`.

use chrono::DateTime;
use qm_database::{Database, DatabaseOptions, TenantSet};
use qm_ids::{TenantId, Uuid};
use qm_proto::types::v1::Idempotency;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::{OnceKey, Seen, look_up, store};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        crate::migrations::migrations()
    }
}

const NOW: DateTime<chrono::Utc> = DateTime::UNIX_EPOCH;

fn tenant(n: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(n))
}

fn key(tenant: TenantId, key: &str, body: u8) -> OnceKey {
    let given = Idempotency { key: key.to_owned(), body_hash: vec![body; 32] };
    OnceKey::new(tenant, "orders.place", Some(&given)).unwrap().unwrap()
}

async fn database() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("once.sqlite").display());
    let database = Database::open(&url, &DatabaseOptions::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    (folder, database)
}

#[tokio::test]
async fn a_key_is_answered_again_only_to_its_tenant_and_its_body() {
    let (_folder, database) = database().await;
    let (ours, theirs) = (tenant(1), tenant(2));
    let scope = TenantSet::of([ours, theirs]);

    let tx = database.begin(&scope).await.unwrap();
    store(&tx, vec![(key(ours, "a", 1), b"answer".to_vec())], NOW).await.unwrap();
    tx.commit().await.unwrap();

    let tx = database.read(&scope).await.unwrap();
    let asked = [key(ours, "a", 1), key(ours, "a", 2), key(theirs, "a", 1), key(ours, "b", 1)];
    let seen = look_up(&tx, &asked).await.unwrap();
    assert_eq!(seen, [Seen::Answered(b"answer".to_vec()), Seen::OtherBody, Seen::New, Seen::New]);
}

#[tokio::test]
async fn storing_a_key_twice_is_a_conflict_worth_another_try() {
    let (_folder, database) = database().await;
    let scope = TenantSet::one(tenant(1));
    for is_second in [false, true] {
        let tx = database.begin(&scope).await.unwrap();
        store(&tx, vec![(key(tenant(1), "a", 1), Vec::new())], NOW).await.unwrap();
        assert_eq!(tx.commit().await.is_err_and(|error| error.is_retryable()), is_second);
    }
}

#[test]
fn malformed_keys_are_refused_with_their_field() {
    for bad in ["with space", "tab\t", "ü", &"x".repeat(256)] {
        let given = Idempotency { key: bad.to_owned(), body_hash: vec![0; 32] };
        let refusal = OnceKey::new(tenant(1), "orders.place", Some(&given)).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some("idempotency_key"), "{bad:?}");
    }
    let given = Idempotency { key: "a".to_owned(), body_hash: vec![0; 5] };
    assert!(OnceKey::new(tenant(1), "orders.place", Some(&given)).is_err());
}

#[test]
fn parts_of_a_request_have_keys_of_their_own() {
    let whole = key(tenant(1), "a", 1);
    assert!(!whole.part(0).is_same_key(&whole.part(1)));
    assert!(whole.part(0).is_same_key(&key(tenant(1), "a/0", 9)));
}
