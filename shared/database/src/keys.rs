//! Rows by many keys at a time, and other tuples of columns.
//!
//! On PostgreSQL a column's values travel as one array, so that the text of a statement does not depend on how many they
//! are: it is parsed and planned once for each connection.

use qm_ids::{Id, TenantId};
use sea_orm::{
    ColumnTrait as _, DatabaseBackend, EntityTrait, ExprTrait as _, IdenStatic as _, QueryFilter as _,
    QuerySelect as _, QueryTrait as _, Select, Statement,
    sea_query::{Expr, SimpleExpr, Value, ValueTuple, Values},
};
use uuid::Uuid;

use crate::{
    TenantEntity,
    arrays::{self, type_name},
};

/// Tuples in one statement. SQLite allows 32,766 binds.
pub(crate) const TUPLES_PER_STATEMENT: usize = 5_000;

/// `(columns…) IN (tuples…)`.
pub(crate) fn is_one_of<E: EntityTrait, const N: usize>(
    backend: DatabaseBackend,
    columns: [E::Column; N],
    tuples: impl IntoIterator<Item = [Value; N]>,
) -> SimpleExpr {
    if backend != DatabaseBackend::Postgres {
        return match columns.as_slice() {
            [column] => column.is_in(tuples.into_iter().flatten()),
            _ => Expr::tuple(columns.map(|column| column.into_expr()))
                .in_tuples(tuples.into_iter().map(|tuple| ValueTuple::Many(tuple.into()))),
        };
    }
    let arrays = transpose(tuples);
    if arrays.is_empty() {
        return Expr::cust("FALSE");
    }
    let names: Vec<String> = columns.iter().map(name::<E>).collect();
    let sql = format!("({}) IN (SELECT * FROM unnest({}))", names.join(", "), binds(&arrays, 1));
    Expr::cust_with_values(sql, arrays)
}

/// The rows of `select` that have one of these tuples in these columns, in the order of the tuples, on PostgreSQL.
///
/// Each tuple is looked up by itself, by an index that begins with its columns. As a list of conditions, or as a join, the
/// planner could as well read everything that the tenant has and look for each row in the list; that is what it does with
/// tables of which it knows nothing yet. `OFFSET 0` keeps it from making a join of this.
pub(crate) fn lookup<E: EntityTrait, const N: usize>(
    select: Select<E>,
    columns: [E::Column; N],
    tuples: impl IntoIterator<Item = [Value; N]>,
) -> Statement {
    let arrays = transpose(tuples);
    let select = matching(select, columns).offset(0).build(DatabaseBackend::Postgres);
    let mut values = select.values.map(|Values(values)| values).unwrap_or_default();
    let sql = format!(
        "SELECT found.* FROM unnest({}) AS given ({}) CROSS JOIN LATERAL ({}) AS found",
        binds(&arrays, values.len() + 1),
        given(N),
        select.sql
    );
    values.extend(arrays);
    Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values)
}

/// Deletes the rows that have one of these tuples in these columns, each found as in [`lookup`], on PostgreSQL.
pub(crate) fn delete<E: EntityTrait, const N: usize>(
    columns: [E::Column; N],
    tuples: impl IntoIterator<Item = [Value; N]>,
) -> Statement {
    let arrays = transpose(tuples);
    let table = E::default().table_name().to_owned();
    let conditions: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(n, column)| format!("found.\"{}\" = given.c{n}", column.as_str()))
        .collect();
    let sql = format!(
        "DELETE FROM \"{table}\" USING unnest({}) AS given ({}) CROSS JOIN LATERAL \
         (SELECT found.ctid AS at FROM \"{table}\" AS found WHERE {} OFFSET 0) AS place \
         WHERE \"{table}\".ctid = place.at",
        binds(&arrays, 1),
        given(N),
        conditions.join(" AND "),
    );
    Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, arrays)
}

fn matching<E: EntityTrait, const N: usize>(select: Select<E>, columns: [E::Column; N]) -> Select<E> {
    columns.iter().enumerate().fold(select, |select, (n, column)| {
        select.filter(Expr::cust(format!("{} = given.c{n}", name::<E>(column))))
    })
}

fn name<E: EntityTrait>(column: &E::Column) -> String {
    format!("\"{}\".\"{}\"", E::default().table_name(), column.as_str())
}

/// `c0, c1, …`
fn given(count: usize) -> String {
    (0..count).map(|n| format!("c{n}")).collect::<Vec<_>>().join(", ")
}

/// `$1::uuid[], …`
fn binds(arrays: &[Value], first: usize) -> String {
    let bind = |(n, array)| format!("${n}::{}", type_name(array));
    (first..).zip(arrays).map(bind).collect::<Vec<_>>().join(", ")
}

/// An array for each column; none at all for no tuples.
fn transpose<const N: usize>(tuples: impl IntoIterator<Item = [Value; N]>) -> Vec<Value> {
    let mut columns: [Vec<Value>; N] = std::array::from_fn(|_| Vec::new());
    for tuple in tuples {
        for (column, value) in columns.iter_mut().zip(tuple) {
            column.push(value);
        }
    }
    columns.into_iter().filter(|column| !column.is_empty()).map(arrays::array).collect()
}

/// A key as a tuple.
pub(crate) fn pair((tenant, id): &(TenantId, Uuid)) -> [Value; 2] {
    [Value::from(tenant.as_uuid()), Value::from(*id)]
}

/// True of rows that come after this key in the order of tenant and `column`, as one comparison: an index on both begins
/// there, where alternatives would make it read all that came before.
pub fn comes_after<E: TenantEntity>(column: E::Column, (tenant, id): (TenantId, Uuid)) -> SimpleExpr {
    Expr::tuple([E::tenant_column().into_expr(), column.into_expr()])
        .gt(Expr::tuple([Expr::val(tenant.as_uuid()), Expr::val(id)]))
}

/// The same, with the key itself.
pub fn comes_from<E: TenantEntity>(column: E::Column, (tenant, id): (TenantId, Uuid)) -> SimpleExpr {
    Expr::tuple([E::tenant_column().into_expr(), column.into_expr()])
        .gte(Expr::tuple([Expr::val(tenant.as_uuid()), Expr::val(id)]))
}

/// Turns typed ids into the keys that [`Tx::find_keys`](crate::Tx::find_keys) takes.
pub fn keys<T: Id>(ids: impl IntoIterator<Item = (TenantId, T)>) -> Vec<(TenantId, Uuid)> {
    ids.into_iter().map(|(tenant, id)| (tenant, id.as_uuid())).collect()
}
