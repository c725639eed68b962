//! Writes that wait until somebody needs them done: to read what they wrote, or to commit.
//!
//! On PostgreSQL those that wait become one statement. A statement costs both sides about a tenth of a millisecond besides
//! what it does, and each is a round trip, of which a command would make ten.

use std::collections::HashSet;

use sea_orm::{DatabaseBackend, Statement, sea_query::Values};

/// A write that waits.
#[derive(Debug)]
pub(crate) struct Deferred {
    /// What it writes.
    pub(crate) table: String,
    /// Nobody asks what it returns.
    pub(crate) statement: Statement,
    /// True when another transaction may be writing the same keys.
    pub(crate) is_race: bool,
}

/// The tables of which a duplicate only says that another transaction was first.
pub(crate) fn races(deferred: &[Deferred]) -> HashSet<String> {
    deferred.iter().filter(|write| write.is_race).map(|write| write.table.clone()).collect()
}

/// The statements that do what these writes do, in their order.
pub(crate) fn statements(deferred: Vec<Deferred>) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut together: Vec<Statement> = Vec::new();
    let mut tables = HashSet::new();
    for Deferred { table, statement, .. } in deferred {
        // The parts of one statement do not see each other's rows, so each table has one part in it.
        if statement.db_backend != DatabaseBackend::Postgres || tables.contains(&table) {
            statements.extend(merge(std::mem::take(&mut together)));
            tables.clear();
        }
        tables.insert(table);
        together.push(statement);
    }
    statements.extend(merge(together));
    statements
}

/// One statement for all: `WITH w0 AS (…), w1 AS (…) …`.
fn merge(mut statements: Vec<Statement>) -> Option<Statement> {
    let last = statements.pop()?;
    if statements.is_empty() {
        return Some(last);
    }
    let (mut parts, mut values) = (Vec::with_capacity(statements.len()), Vec::new());
    let mut append = |statement: Statement| {
        let sql = shift_binds(&statement.sql, values.len());
        values.extend(statement.values.map(|Values(values)| values).unwrap_or_default());
        sql
    };
    for (n, statement) in statements.into_iter().enumerate() {
        parts.push(format!("w{n} AS ({})", append(statement)));
    }
    let sql = append(last);
    let sql = format!("WITH {} {sql}", parts.join(", "));
    Some(Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values))
}

/// The text with `$n` as `$(n + by)`. In our texts nothing else has a dollar.
fn shift_binds(sql: &str, by: usize) -> String {
    let mut parts = sql.split('$');
    let mut shifted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number = number.parse::<usize>().map_or(0, |number| number + by);
        shifted.push_str(&format!("${number}{rest}"));
    }
    shifted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(backend: DatabaseBackend, table: &str, values: &[i64]) -> Deferred {
        let binds: Vec<String> = (1..=values.len()).map(|n| format!("${n}")).collect();
        let sql = format!("INSERT INTO {table} VALUES ({})", binds.join(", "));
        let values = values.iter().map(|value| (*value).into());
        let statement = Statement::from_sql_and_values(backend, sql, values);
        Deferred { table: table.to_owned(), statement, is_race: false }
    }

    fn texts(statements: &[Statement]) -> Vec<&str> {
        statements.iter().map(|statement| statement.sql.as_str()).collect()
    }

    #[test]
    fn writes_of_several_tables_are_one_statement_with_all_their_values() {
        let write = |table, values: &[i64]| write(DatabaseBackend::Postgres, table, values);
        let merged = statements(vec![write("a", &[1, 2]), write("b", &[3]), write("c", &[4, 5])]);
        assert_eq!(
            texts(&merged),
            ["WITH w0 AS (INSERT INTO a VALUES ($1, $2)), w1 AS (INSERT INTO b VALUES ($3)) \
              INSERT INTO c VALUES ($4, $5)"]
        );
        let values: Vec<_> = (1..=5_i64).map(sea_orm::Value::from).collect();
        assert_eq!(merged[0].values, Some(Values(values)));
    }

    #[test]
    fn a_table_that_is_written_twice_is_written_by_two_statements_in_their_order() {
        let write = |table, values: &[i64]| write(DatabaseBackend::Postgres, table, values);
        let merged = statements(vec![write("a", &[1]), write("b", &[2]), write("a", &[3]), write("c", &[4])]);
        assert_eq!(
            texts(&merged),
            [
                "WITH w0 AS (INSERT INTO a VALUES ($1)) INSERT INTO b VALUES ($2)",
                "WITH w0 AS (INSERT INTO a VALUES ($1)) INSERT INTO c VALUES ($2)",
            ]
        );
    }

    #[test]
    fn sqlite_writes_one_table_at_a_time() {
        let write = |table, values: &[i64]| write(DatabaseBackend::Sqlite, table, values);
        assert_eq!(statements(vec![write("a", &[1]), write("b", &[2])]).len(), 2);
        assert!(statements(Vec::new()).is_empty());
    }
}
