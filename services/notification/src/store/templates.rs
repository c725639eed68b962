//! Tenants' own templates.

use qm_database::{Result, Tx};
use sea_orm::{ColumnTrait as _, QueryFilter as _};

use super::entity::template::{Column, Entity, Model};

/// Those of these names, of all locales and of the transaction's tenants.
pub async fn named(tx: &Tx, names: &[String]) -> Result<Vec<Model>> {
    Ok(tx.find::<Entity>().filter(Column::Name.is_in(names)).all(tx.conn()).await?)
}

/// Writes a template.
pub async fn save(tx: &Tx, template: Model) -> Result<()> {
    tx.upsert_many::<Entity>(vec![template]).await
}
