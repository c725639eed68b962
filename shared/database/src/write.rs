//! Set-wise writes: one statement per table, chunked only where the databases limit the number of binds.

use qm_ids::TenantId;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait, IdenStatic as _, Iterable as _, ModelTrait,
    PrimaryKeyToColumn as _,
    sea_query::{Expr, InsertStatement, OnConflict, Query, Value},
};
use uuid::Uuid;

use crate::{
    Error, Result, TenantEntity, Tx,
    transaction::{KEYS_PER_STATEMENT, is_one_of},
};

/// Binds in one statement; SQLite allows 32,766, PostgreSQL 65,535.
const MAX_BINDS: usize = 30_000;

impl Tx {
    /// Inserts rows. A row whose key exists is an error, [`Error::Duplicate`].
    pub async fn insert_many<E: TenantEntity>(&self, rows: Vec<E::Model>) -> Result<()> {
        self.write::<E>(rows, None).await.map(|_| ())
    }

    /// Inserts the rows whose key does not exist yet and says how many those were.
    pub async fn insert_ignore_many<E: TenantEntity>(&self, rows: Vec<E::Model>) -> Result<u64> {
        self.write::<E>(rows, Some(OnConflict::new().do_nothing().to_owned())).await
    }

    /// Inserts the rows whose key does not exist yet and returns their key column.
    pub async fn insert_new_many<E: TenantEntity>(&self, rows: Vec<E::Model>) -> Result<Vec<Uuid>> {
        let mut inserted = Vec::with_capacity(rows.len());
        for mut insert in self.inserts::<E>(rows, Some(OnConflict::new().do_nothing().to_owned()))? {
            insert.returning_col(E::key_column());
            for row in self.conn().query_all(&insert).await? {
                inserted.push(row.try_get_by_index(0)?);
            }
        }
        Ok(inserted)
    }

    /// Inserts rows and replaces those whose key exists, by all their columns.
    ///
    /// Give absolute values decided under lock, never deltas: a CHECK judges the proposed row before the conflict is
    /// seen. A key must not stand twice in `rows`.
    pub async fn upsert_many<E: TenantEntity>(&self, rows: Vec<E::Model>) -> Result<()> {
        let key: Vec<E::Column> = E::PrimaryKey::iter().map(|key| key.into_column()).collect();
        let is_key = |column: &E::Column| key.iter().any(|key| key.as_str() == column.as_str());
        let others: Vec<E::Column> = E::Column::iter().filter(|column| !is_key(column)).collect();
        let mut conflict = OnConflict::columns(key.iter().copied());
        if others.is_empty() {
            // A row that is all key has nothing to replace.
            conflict.do_nothing();
        } else {
            conflict.update_columns(others);
        }
        self.write::<E>(rows, Some(conflict)).await.map(|_| ())
    }

    /// Deletes the rows with these (tenant, key) pairs and says how many there were.
    pub async fn delete_keys<E: TenantEntity>(&self, keys: &[(TenantId, Uuid)]) -> Result<u64> {
        let mut deleted = 0;
        for chunk in keys.chunks(KEYS_PER_STATEMENT) {
            if let Some((tenant, _)) = chunk.iter().find(|(tenant, _)| !self.covers(*tenant)) {
                tracing::error!(%tenant, "delete outside the transaction's scope");
                return Err(Error::OutOfScope(std::any::type_name::<E>()));
            }
            let delete = Query::delete()
                .from_table(E::default().table_ref())
                .cond_where(is_one_of::<E>(chunk))
                .to_owned();
            deleted += self.conn().execute(&delete).await?.rows_affected();
        }
        Ok(deleted)
    }

    async fn write<E: TenantEntity>(
        &self,
        rows: Vec<E::Model>,
        on_conflict: Option<OnConflict>,
    ) -> Result<u64> {
        let mut written = 0;
        for insert in self.inserts::<E>(rows, on_conflict)? {
            written += self.conn().execute(&insert).await?.rows_affected();
        }
        Ok(written)
    }

    /// The statements that write `rows`: one, unless there are more binds than a statement may have.
    fn inserts<E: TenantEntity>(
        &self,
        rows: Vec<E::Model>,
        on_conflict: Option<OnConflict>,
    ) -> Result<Vec<InsertStatement>> {
        let columns: Vec<E::Column> = E::Column::iter().collect();
        let mut inserts = Vec::new();
        for chunk in rows.chunks((MAX_BINDS / columns.len().max(1)).max(1)) {
            let mut insert = Query::insert();
            insert.into_table(E::default().table_ref()).columns(columns.iter().copied());
            for row in chunk {
                self.check_scope::<E>(row)?;
                append(&mut insert, &columns, row)?;
            }
            if let Some(on_conflict) = &on_conflict {
                insert.on_conflict(on_conflict.clone());
            }
            inserts.push(insert);
        }
        Ok(inserts)
    }

    /// The first wall on writes, the same on both databases.
    fn check_scope<E: TenantEntity>(&self, row: &E::Model) -> Result<()> {
        match row.get(E::tenant_column()) {
            Value::Uuid(Some(tenant)) if self.covers(TenantId::from_uuid(tenant)) => Ok(()),
            _ => Err(Error::OutOfScope(std::any::type_name::<E>())),
        }
    }
}

fn append<M>(
    insert: &mut InsertStatement,
    columns: &[<M::Entity as EntityTrait>::Column],
    row: &M,
) -> Result<()>
where
    M: ModelTrait,
{
    let values = columns.iter().map(|column| column.save_as(Expr::val(row.get(*column))));
    insert.values(values).map_err(|error| Error::Other(sea_orm::DbErr::Custom(error.to_string())))?;
    Ok(())
}
