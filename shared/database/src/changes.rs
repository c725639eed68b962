//! What a change makes of a table's rows.

use crate::{Result, TenantEntity, Tx};

/// Rows of a table that are new, and rows that have changed; what stayed as it was is not written.
///
/// They are told apart since it costs PostgreSQL more to insert a row *or replace it* than to insert it.
#[derive(Debug)]
pub struct Changes<E: TenantEntity> {
    new: Vec<E::Model>,
    changed: Vec<E::Model>,
}

impl<E: TenantEntity> Default for Changes<E> {
    fn default() -> Self {
        Self { new: Vec::new(), changed: Vec::new() }
    }
}

impl<E: TenantEntity<Model: PartialEq>> Changes<E> {
    /// Adds the rows of one aggregate, of which there were `old` before; few, so that each is looked for among them. `key`
    /// names a row within the aggregate. A row that is gone is not deleted.
    pub fn add<K: PartialEq>(&mut self, old: &[E::Model], rows: Vec<E::Model>, key: impl Fn(&E::Model) -> K) {
        for row in rows {
            let name = key(&row);
            match old.iter().find(|old| key(old) == name) {
                None => self.new.push(row),
                Some(old) if *old != row => self.changed.push(row),
                Some(_) => {}
            }
        }
    }

    /// Writes them. What was found before must be locked; what was not may only be written by another transaction, and that
    /// is [`Error::Conflict`](crate::Error::Conflict).
    pub async fn write(self, tx: &Tx) -> Result<()> {
        tx.insert_first_many::<E>(self.new).await?;
        tx.upsert_many::<E>(self.changed).await
    }
}
