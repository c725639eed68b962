//! Set-wise writes: one statement per table, however many rows.
//!
//! On PostgreSQL a column travels as one array. The text of a statement then does not depend on how many rows there are,
//! so that it is parsed once for each connection; a list of rows would be parsed again for every number of them, which
//! costs more than writing them. SQLite has no arrays: there it is a list of rows.

use std::fmt::Write as _;

use qm_ids::TenantId;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseBackend, EntityTrait, ExprTrait as _, IdenStatic as _,
    Iterable as _, ModelTrait, PrimaryKeyToColumn as _, Statement,
    sea_query::{Alias, Expr, OnConflict, Query, Value},
};
use uuid::Uuid;

use crate::{
    Error, Result, TenantEntity, Tx,
    arrays::{array, is_null, type_name},
    deferred::Deferred,
    keys::{self, TUPLES_PER_STATEMENT, pair},
};

/// Binds in one statement; SQLite allows 32,766.
const MAX_BINDS: usize = 30_000;
/// Rows in one statement on PostgreSQL, to bound what both sides hold of it at once.
const MAX_ROWS: usize = 10_000;

/// What happens to a row whose key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing<C> {
    /// The statement fails.
    Refuse,
    /// The row is left out.
    Keep,
    /// All columns but the key's are replaced.
    Replace,
    /// What is given for this column is added to what is there.
    Add(C),
}

impl Tx {
    /// Inserts rows, at the latest when the transaction commits. A row whose key exists is an error, [`Error::Duplicate`],
    /// of what comes next: [`Tx::flush`], another statement or the commit.
    pub async fn insert_many<E: TenantEntity>(&self, rows: Vec<E::Model>) -> Result<()> {
        self.write_later::<E>(&rows, Existing::Refuse, false)
    }

    /// The same for rows whose keys another transaction may be inserting, too: of two the later one fails with
    /// [`Error::Conflict`] and, tried again, finds what the other one wrote.
    pub async fn insert_first_many<E: TenantEntity>(&self, rows: Vec<E::Model>) -> Result<()> {
        self.write_later::<E>(&rows, Existing::Refuse, true)
    }

    /// Inserts the rows whose key does not exist yet and says how many those were.
    pub async fn insert_ignore_many<E: TenantEntity>(&self, rows: Vec<E::Model>) -> Result<u64> {
        self.write::<E>(&rows, Existing::Keep).await
    }

    /// Inserts the rows whose key does not exist yet and returns their key column.
    pub async fn insert_new_many<E: TenantEntity>(&self, rows: Vec<E::Model>) -> Result<Vec<Uuid>> {
        let mut inserted = Vec::with_capacity(rows.len());
        for chunk in self.chunks::<E>(&rows)? {
            let insert = insert::<E>(self.backend(), chunk, Existing::Keep, Some(E::key_column()))?;
            for row in self.conn().query_all_raw(insert).await? {
                inserted.push(row.try_get_by_index(0)?);
            }
        }
        Ok(inserted)
    }

    /// Inserts rows and replaces those whose key exists, by all their columns, at the latest when the transaction commits.
    ///
    /// Give absolute values decided under lock, never deltas: a CHECK judges the proposed row before the conflict is
    /// seen. A key must not stand twice in `rows`.
    pub async fn upsert_many<E: TenantEntity>(&self, rows: Vec<E::Model>) -> Result<()> {
        self.write_later::<E>(&rows, Existing::Replace, false)
    }

    /// Inserts rows; where the key exists, adds their `column` to what is there, which needs no lock before. The other
    /// columns must be the key's. Rows are locked in the order given.
    ///
    /// No CHECK may judge the column: it would judge what is added as if it were the whole.
    pub async fn add_many<E: TenantEntity>(&self, rows: Vec<E::Model>, column: E::Column) -> Result<()> {
        self.write::<E>(&rows, Existing::Add(column)).await.map(|_| ())
    }

    /// Deletes the rows with these (tenant, key) pairs and says how many there were.
    pub async fn delete_keys<E: TenantEntity>(&self, wanted: &[(TenantId, Uuid)]) -> Result<u64> {
        let mut deleted = 0;
        for chunk in wanted.chunks(TUPLES_PER_STATEMENT) {
            if let Some((tenant, _)) = chunk.iter().find(|(tenant, _)| !self.covers(*tenant)) {
                tracing::error!(%tenant, "delete outside the transaction's scope");
                return Err(Error::OutOfScope(std::any::type_name::<E>()));
            }
            let columns = [E::tenant_column(), E::key_column()];
            let delete = if self.backend() == DatabaseBackend::Postgres {
                keys::delete::<E, 2>(columns, chunk.iter().map(pair))
            } else {
                let delete = Query::delete()
                    .from_table(E::default().table_ref())
                    .cond_where(self.is_one_of::<E, 2>(columns, chunk.iter().map(pair)))
                    .to_owned();
                self.backend().build(&delete)
            };
            deleted += self.conn().execute_raw(delete).await?.rows_affected();
        }
        Ok(deleted)
    }

    fn write_later<E: TenantEntity>(
        &self,
        rows: &[E::Model],
        existing: Existing<E::Column>,
        is_race: bool,
    ) -> Result<()> {
        for chunk in self.chunks::<E>(rows)? {
            let statement = insert::<E>(self.backend(), chunk, existing, None)?;
            self.defer(Deferred { table: E::default().table_name().to_owned(), statement, is_race });
        }
        Ok(())
    }

    async fn write<E: TenantEntity>(&self, rows: &[E::Model], existing: Existing<E::Column>) -> Result<u64> {
        let mut written = 0;
        for chunk in self.chunks::<E>(rows)? {
            let insert = insert::<E>(self.backend(), chunk, existing, None)?;
            written += self.conn().execute_raw(insert).await?.rows_affected();
        }
        Ok(written)
    }

    /// The rows of each statement: all, unless there are more than a statement may have. None may be out of scope, the
    /// first wall on writes, the same on both databases.
    fn chunks<'r, E: TenantEntity>(&self, rows: &'r [E::Model]) -> Result<std::slice::Chunks<'r, E::Model>> {
        for row in rows {
            match row.get(E::tenant_column()) {
                Value::Uuid(Some(tenant)) if self.covers(TenantId::from_uuid(tenant)) => {}
                _ => return Err(Error::OutOfScope(std::any::type_name::<E>())),
            }
        }
        let columns = E::Column::iter().count().max(1);
        Ok(rows.chunks(if self.backend() == DatabaseBackend::Postgres {
            MAX_ROWS
        } else {
            (MAX_BINDS / columns).max(1)
        }))
    }
}

fn insert<E: TenantEntity>(
    backend: DatabaseBackend,
    rows: &[E::Model],
    existing: Existing<E::Column>,
    returning: Option<E::Column>,
) -> Result<Statement> {
    if backend == DatabaseBackend::Postgres {
        Ok(insert_arrays::<E>(rows, existing, returning))
    } else {
        insert_list::<E>(backend, rows, existing, returning)
    }
}

/// `INSERT … SELECT … FROM unnest(…)`.
fn insert_arrays<E: TenantEntity>(
    rows: &[E::Model],
    existing: Existing<E::Column>,
    returning: Option<E::Column>,
) -> Statement {
    let (mut names, mut selected, mut fields, mut arrays) = (vec![], vec![], vec![], vec![]);
    for column in E::Column::iter() {
        let name = format!("\"{}\"", column.as_str());
        let values: Vec<Value> = rows.iter().map(|row| row.get(column)).collect();
        if column.def().is_null() {
            // The driver's arrays hold no NULL: another one says where there is one.
            let missing: Vec<Value> = values.iter().map(|value| is_null(value).into()).collect();
            let given =
                values.into_iter().map(|value| if is_null(&value) { value.dummy_value() } else { value });
            let is_missing = format!("\"{}?\"", column.as_str());
            arrays.extend([array(given.collect()), array(missing)]);
            selected.push(format!("CASE WHEN {is_missing} THEN NULL ELSE {name} END"));
            fields.extend([name.clone(), is_missing]);
        } else {
            arrays.push(array(values));
            selected.push(name.clone());
            fields.push(name.clone());
        }
        names.push(name);
    }
    let binds: Vec<String> =
        (1..).zip(&arrays).map(|(n, array)| format!("${n}::{}", type_name(array))).collect();
    let mut sql = format!(
        "INSERT INTO \"{}\" ({}) SELECT {} FROM unnest({}) AS given ({})",
        E::default().table_name(),
        names.join(", "),
        selected.join(", "),
        binds.join(", "),
        fields.join(", "),
    );
    match existing {
        Existing::Refuse => {}
        Existing::Keep => sql.push_str(" ON CONFLICT DO NOTHING"),
        Existing::Replace => {
            let (key, others) = columns::<E>();
            let list = |columns: &[E::Column], text: fn(&str) -> String| {
                columns.iter().map(|column| text(column.as_str())).collect::<Vec<_>>().join(", ")
            };
            let key = list(&key, |name| format!("\"{name}\""));
            let others = list(&others, |name| format!("\"{name}\" = excluded.\"{name}\""));
            // A row that is all key has nothing to replace.
            let action =
                if others.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {others}") };
            let _ = write!(sql, " ON CONFLICT ({key}) DO {action}");
        }
        Existing::Add(column) => {
            let (key, _) = columns::<E>();
            let key: Vec<String> = key.iter().map(|column| format!("\"{}\"", column.as_str())).collect();
            let (table, column) = (E::default().table_name().to_owned(), column.as_str());
            let _ = write!(
                sql,
                " ON CONFLICT ({}) DO UPDATE SET \"{column}\" = \"{table}\".\"{column}\" + excluded.\"{column}\"",
                key.join(", ")
            );
        }
    }
    if let Some(returning) = returning {
        let _ = write!(sql, " RETURNING \"{}\"", returning.as_str());
    }
    Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, arrays)
}

/// `INSERT … VALUES (…), (…)`.
fn insert_list<E: TenantEntity>(
    backend: DatabaseBackend,
    rows: &[E::Model],
    existing: Existing<E::Column>,
    returning: Option<E::Column>,
) -> Result<Statement> {
    let columns: Vec<E::Column> = E::Column::iter().collect();
    let mut insert = Query::insert();
    insert.into_table(E::default().table_ref()).columns(columns.iter().copied());
    for row in rows {
        let values = columns.iter().map(|column| column.save_as(Expr::val(row.get(*column))));
        insert.values(values).map_err(|error| Error::Other(sea_orm::DbErr::Custom(error.to_string())))?;
    }
    match existing {
        Existing::Refuse => {}
        Existing::Keep => {
            insert.on_conflict(OnConflict::new().do_nothing().to_owned());
        }
        Existing::Replace => {
            let (key, others) = self::columns::<E>();
            let mut conflict = OnConflict::columns(key);
            if others.is_empty() {
                conflict.do_nothing();
            } else {
                conflict.update_columns(others);
            }
            insert.on_conflict(conflict);
        }
        Existing::Add(column) => {
            let (key, _) = self::columns::<E>();
            let given = Expr::col((Alias::new("excluded"), column));
            let sum = Expr::col((E::default(), column)).add(given);
            insert.on_conflict(OnConflict::columns(key).value(column, sum).to_owned());
        }
    }
    if let Some(returning) = returning {
        insert.returning_col(returning);
    }
    Ok(backend.build(&insert))
}

/// The columns of the key, and the others.
fn columns<E: EntityTrait>() -> (Vec<E::Column>, Vec<E::Column>) {
    let key: Vec<E::Column> = E::PrimaryKey::iter().map(|key| key.into_column()).collect();
    let is_key = |column: &E::Column| key.iter().any(|key| key.as_str() == column.as_str());
    let others = E::Column::iter().filter(|column| !is_key(column)).collect();
    (key, others)
}
