//! Ids as columns: in composite primary keys, as foreign keys that may be absent, and in filters.

use qm_ids::{HoldId, OrderId, TenantId, Uuid};
use sea_orm::{ConnectionTrait, Database, DbErr, IntoActiveModel, Schema, entity::prelude::*};

mod hold {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "hold")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) tenant_id: TenantId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) hold_id: HoldId,
        pub(crate) order_id: Option<OrderId>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn row(hold: u128, order: Option<u128>) -> hold::Model {
    hold::Model {
        tenant_id: TenantId::from_uuid(Uuid::from_u128(1)),
        hold_id: HoldId::from_uuid(Uuid::from_u128(hold)),
        order_id: order.map(|bits| OrderId::from_uuid(Uuid::from_u128(bits))),
    }
}

#[tokio::test]
async fn ids_are_stored_as_16_bytes_and_found_by_key_and_by_filter() -> Result<(), DbErr> {
    let db = Database::connect("sqlite::memory:").await?;
    let table = Schema::new(db.get_database_backend()).create_table_from_entity(hold::Entity);
    db.execute(&table).await?;
    let (bound, free) = (row(u128::MAX, Some(7)), row(2, None));
    hold::Entity::insert_many([bound.clone(), free.clone()].map(IntoActiveModel::into_active_model))
        .exec(&db)
        .await?;

    let found = hold::Entity::find_by_id((bound.tenant_id, bound.hold_id)).one(&db).await?;
    assert_eq!(found.as_ref(), Some(&bound));
    let of_orders = hold::Entity::find().filter(hold::Column::OrderId.is_in(bound.order_id)).all(&db).await?;
    assert_eq!(of_orders, [bound]);
    let without = hold::Entity::find().filter(hold::Column::OrderId.is_null()).all(&db).await?;
    assert_eq!(without, [free]);

    let widths = db.query_all_raw(sea_orm::Statement::from_string(
        db.get_database_backend(),
        "SELECT typeof(hold_id) AS kind, length(hold_id) AS width FROM hold",
    ));
    for width in widths.await? {
        assert_eq!(
            (width.try_get::<String>("", "kind")?.as_str(), width.try_get::<i64>("", "width")?),
            ("blob", 16)
        );
    }
    Ok(())
}

#[test]
fn on_postgresql_the_column_is_a_native_uuid() {
    let table = Schema::new(sea_orm::DbBackend::Postgres).create_table_from_entity(hold::Entity);
    let sql = sea_orm::DbBackend::Postgres.build(&table).to_string();
    assert!(sql.contains(r#""hold_id" uuid NOT NULL"#), "{sql}");
    assert!(sql.contains(r#""order_id" uuid"#), "{sql}");
}
