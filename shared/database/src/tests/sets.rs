//! Many rows in one statement: every type, NULL and not; and lookups by tuples.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{QueryFilter as _, sea_query::Value};

use super::*;

mod sample {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "sample")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) tenant_id: TenantId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) sample_id: Uuid,
        pub(super) name: String,
        pub(super) amount: i64,
        pub(super) flag: Option<bool>,
        pub(super) small: Option<i32>,
        pub(super) ratio: Option<f64>,
        pub(super) note: Option<String>,
        pub(super) bytes: Option<Vec<u8>>,
        pub(super) day: Option<NaiveDate>,
        pub(super) at: Option<DateTime<Utc>>,
        pub(super) other: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl TenantEntity for Entity {
        fn tenant_column() -> Column {
            Column::TenantId
        }

        fn key_column() -> Column {
            Column::SampleId
        }
    }
}
use sample::{Column, Entity as Samples, Model as Sample};

fn empty(tenant: TenantId, id: u128) -> Sample {
    Sample {
        tenant_id: tenant,
        sample_id: Uuid::from_u128(id),
        name: format!("it's \"{id}\", {{really}}\\"),
        amount: -1,
        flag: None,
        small: None,
        ratio: None,
        note: None,
        bytes: None,
        day: None,
        at: None,
        other: None,
    }
}

fn full(tenant: TenantId, id: u128) -> Sample {
    Sample {
        amount: i64::MAX,
        flag: Some(true),
        small: Some(i32::MIN),
        ratio: Some(-0.125),
        note: Some(String::new()),
        bytes: Some(vec![0, 255, b'\\', b'\'']),
        day: NaiveDate::from_ymd_opt(2024, 2, 29),
        at: DateTime::from_timestamp_micros(1_709_164_800_123_456),
        other: Some(Uuid::from_u128(u128::MAX)),
        ..empty(tenant, id)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_comes_back_as_it_was_written_also_beside_rows_without_it() {
    for world in worlds().await {
        let ours = TenantSet::one(world.ours);
        // The first row decides nothing about the others, whichever it is.
        for rows in [
            vec![empty(world.ours, 1), full(world.ours, 2), empty(world.ours, 3)],
            vec![full(world.ours, 4), empty(world.ours, 5)],
        ] {
            let tx = world.database.begin(&ours).await.unwrap();
            tx.insert_many::<Samples>(rows.clone()).await.unwrap();
            let keys: Vec<_> = rows.iter().map(|row| (row.tenant_id, row.sample_id)).collect();
            assert_eq!(tx.find_keys::<Samples>(&keys).await.unwrap(), rows);
            // Each becomes what another one was.
            let swapped = |row: &Sample| {
                let id = row.sample_id.as_u128();
                if row.flag.is_some() { empty(row.tenant_id, id) } else { full(row.tenant_id, id) }
            };
            let swapped: Vec<Sample> = rows.iter().map(swapped).collect();
            tx.upsert_many::<Samples>(swapped.clone()).await.unwrap();
            assert_eq!(tx.find_keys::<Samples>(&keys).await.unwrap(), swapped);
            tx.commit().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_write_and_nothing_to_find_are_no_statements() {
    for world in worlds().await {
        let tx = world.database.begin(&TenantSet::one(world.ours)).await.unwrap();
        tx.insert_many::<Samples>(Vec::new()).await.unwrap();
        tx.upsert_many::<Samples>(Vec::new()).await.unwrap();
        tx.add_many::<Things>(Vec::new(), thing::Column::Amount).await.unwrap();
        assert_eq!(tx.delete_keys::<Samples>(&[]).await.unwrap(), 0);
        assert!(tx.find_keys::<Samples>(&[]).await.unwrap().is_empty());
        assert!(tx.find_names::<Samples>(Column::Name, world.ours, &[]).await.unwrap().is_empty());
        let none = tx.is_one_of::<Samples, 1>([Column::Name], []);
        assert!(tx.find::<Samples>().filter(none).all(tx.conn()).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tuples_match_as_a_whole_each_in_its_own_tenant() {
    for world in worlds().await {
        let both = TenantSet::of([world.ours, world.theirs]);
        let tx = world.database.begin(&both).await.unwrap();
        let mut rows = vec![full(world.ours, 1), empty(world.ours, 2), full(world.theirs, 1)];
        rows[1].name = "two".to_owned();
        tx.insert_many::<Samples>(rows.clone()).await.unwrap();
        let tuple = |tenant: TenantId, name: &str| [Value::from(tenant.as_uuid()), Value::from(name)];
        let (one, two) = (rows[0].name.as_str(), "two");
        let columns = [Column::TenantId, Column::Name];
        let crossed = [tuple(world.ours, one), tuple(world.theirs, two)];
        let found = tx.find_tuples::<Samples, 2>(columns, &crossed, |select| select).await.unwrap();
        assert_eq!(found, rows[..1]);
        let listed = tx.find::<Samples>().filter(tx.is_one_of::<Samples, 2>(columns, crossed));
        assert_eq!(listed.all(tx.conn()).await.unwrap(), rows[..1]);
        let all = [tuple(world.ours, one), tuple(world.ours, two), tuple(world.theirs, one)];
        let has_flag = |select: sea_orm::Select<Samples>| select.filter(Column::Flag.is_not_null());
        let mut found = tx.find_tuples::<Samples, 2>(columns, &all, has_flag).await.unwrap();
        found.sort_by_key(|row| row.tenant_id);
        assert_eq!(found, [rows[0].clone(), rows[2].clone()]);
        assert_eq!(
            tx.find_names::<Samples>(Column::Name, world.ours, &[two, "three"]).await.unwrap().len(),
            1
        );

        let deleted = tx
            .delete_keys::<Samples>(&[(world.ours, rows[0].sample_id), (world.theirs, rows[1].sample_id)])
            .await
            .unwrap();
        assert_eq!(deleted, 1);
        assert_eq!(tx.find::<Samples>().all(tx.conn()).await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_take_what_two_transactions_add() {
    for world in worlds().await {
        let ours = TenantSet::one(world.ours);
        let added = |amount| {
            let row = |id| Thing { tenant_id: world.ours, thing_id: Uuid::from_u128(id), amount };
            (0..3).map(row).collect::<Vec<_>>()
        };
        let add = |amount| {
            let (database, ours, rows) = (world.database.clone(), ours.clone(), added(amount));
            async move {
                let tx = database.begin(&ours).await.unwrap();
                tx.add_many::<Things>(rows, thing::Column::Amount).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
                tx.commit().await.unwrap();
            }
        };
        futures::future::join_all([5, -2, 4, -7].map(add)).await;
        let tx = world.database.read(&ours).await.unwrap();
        let amounts: Vec<i64> =
            tx.find::<Things>().all(tx.conn()).await.unwrap().iter().map(|row| row.amount).collect();
        assert_eq!(amounts, [0; 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_outgrew_its_statistics_is_analysed_and_then_left_alone() {
    for world in worlds().await {
        world.store(things(world.ours, 0..2_000)).await;
        let mut analysed = 0;
        // The server tells of what was written within a second or so.
        for _ in 0..100 {
            analysed = world.database.gather_statistics().await.unwrap();
            if analysed > 0 || !world.database.is_postgres() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(analysed, usize::from(world.database.is_postgres()));
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(world.database.gather_statistics().await.unwrap(), 0);
    }
}
