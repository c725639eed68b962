//! Reading single orders: those that are asked for at the same time are read together.

use std::{sync::Arc, time::Duration};

use qm_database::{Batcher, BatcherOptions, Database, TenantSet};
use qm_ids::{OrderId, TenantId};
use qm_proto::order::v1::Order;
use qm_refusal::Refusal;
use qm_runtime::query_failed;
use tonic::Status;

use super::convert;
use crate::store::{self, Recent};

/// Orders read at a time.
const MAX_BATCH: usize = 100;
/// What a caller is told to wait when too many reads are waiting.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Key = (TenantId, OrderId);
type Answer = Result<Option<Order>, Status>;

/// Reads orders by id.
///
/// An order's rows stand in seven tables, so that reading one takes as many statements as reading a hundred. Nobody waits for
/// company: what arrives while a batch is read is the next batch. A read begins after it was asked for, and so sees all
/// that was committed before.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    batcher: Arc<Batcher<Key, Answer>>,
}

impl Reading {
    /// Must be called inside a tokio runtime.
    pub(super) fn new(database: Database, recent: Recent) -> Self {
        let options =
            BatcherOptions { max_batch: MAX_BATCH, linger: Duration::ZERO, ..BatcherOptions::default() };
        let batcher = Batcher::new(options, move |keys| {
            let (database, recent) = (database.clone(), recent.clone());
            Box::pin(async move { read(&database, &recent, &keys).await })
        });
        Self { batcher: Arc::new(batcher) }
    }

    /// The order, unless the tenant has none of this id.
    pub(super) async fn order(&self, tenant: TenantId, order: OrderId) -> Result<Order, Status> {
        let found =
            self.batcher.submit(tenant, (tenant, order)).await.map_err(|overloaded| {
                Refusal::too_many("too_many_reads", overloaded.to_string(), RETRY_AFTER)
            })?;
        found?.ok_or_else(|| Refusal::not_found("order").into())
    }
}

async fn read(database: &Database, recent: &Recent, keys: &[Key]) -> Vec<Answer> {
    match load(database, recent, keys).await {
        Ok(answers) => answers,
        // One that cannot be read must not take the others with it.
        Err(error) if keys.len() > 1 && !error.is_unavailable() => {
            let mut answers = Vec::with_capacity(keys.len());
            for key in keys {
                let alone = load(database, recent, std::slice::from_ref(key)).await;
                answers.extend(alone.unwrap_or_else(|error| vec![Err(query_failed(error))]));
            }
            answers
        }
        Err(error) => {
            let status = query_failed(error);
            keys.iter().map(|_| Err(status.clone())).collect()
        }
    }
}

async fn load(database: &Database, recent: &Recent, keys: &[Key]) -> qm_database::Result<Vec<Answer>> {
    let tx = database.read(&TenantSet::of(keys.iter().map(|(tenant, _)| *tenant))).await?;
    let found = store::read_many(&tx, recent, keys).await?;
    Ok(keys.iter().map(|key| Ok(found.get(key).map(|order| convert::order(order)))).collect())
}
