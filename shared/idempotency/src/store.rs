//! Looking keys up and storing answers, for a batch at a time.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use qm_database::{Result, Tx};

use crate::{OnceKey, record};

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing: carry the request out.
    New,
    /// It was carried out with the same body and answered with this.
    Answered(Vec<u8>),
    /// It was carried out with another body: refuse.
    OtherBody,
}

/// Looks keys up, in the order given.
pub async fn look_up(tx: &Tx, keys: &[OnceKey]) -> Result<Vec<Seen>> {
    let ids: Vec<_> = keys.iter().map(|key| (key.tenant, key.record_id())).collect();
    let records: HashMap<_, _> = tx
        .find_keys::<record::Entity>(&ids)
        .await?
        .into_iter()
        .map(|record| ((record.tenant_id, record.record_id), record))
        .collect();
    let seen = keys.iter().zip(&ids).map(|(key, id)| match records.get(id) {
        None => Seen::New,
        Some(record) if record.body_hash == key.body_hash => Seen::Answered(record.response.clone()),
        Some(_) => Seen::OtherBody,
    });
    Ok(seen.collect())
}

/// Records answers. The transaction fails as a retryable conflict when one of the keys was stored by another meanwhile.
pub async fn store(tx: &Tx, answers: Vec<(OnceKey, Vec<u8>)>, now: DateTime<Utc>) -> Result<()> {
    let rows = answers
        .into_iter()
        .map(|(key, response)| record::Model {
            tenant_id: key.tenant,
            record_id: key.record_id(),
            operation: key.operation.to_owned(),
            idempotency_key: key.key,
            body_hash: key.body_hash,
            response,
            created_at: now,
        })
        .collect();
    tx.insert_first_many::<record::Entity>(rows).await
}
