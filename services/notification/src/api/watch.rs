//! Following changes: first what is stored, then live.

use std::time::Duration;

use futures::stream;
use qm_ids::{OrderId, TenantId};
use qm_proto::notification::v1::WatchChangesResponse;
use qm_runtime::query_failed;
use tokio_stream::Stream;
use tonic::Status;

use super::{Api, convert};
use crate::store;

/// Changes read at a time.
const BATCH: u64 = 500;
/// Between two looks without being woken: another replica may have recorded changes.
const POLL: Duration = Duration::from_secs(1);

struct Watcher {
    api: Api,
    woken: tokio::sync::watch::Receiver<u64>,
    tenant: TenantId,
    order: Option<OrderId>,
    position: i64,
    is_first: bool,
}

/// Changes after `position`. The stream reads only as fast as it is read from, and ends when the service stops.
pub(super) fn watch(
    api: Api,
    tenant: TenantId,
    order: Option<OrderId>,
    position: i64,
) -> impl Stream<Item = Result<WatchChangesResponse, Status>> + Send {
    let woken = api.wake.changes();
    let watcher = Watcher { api, woken, tenant, order, position, is_first: true };
    let batches = stream::try_unfold(watcher, async |mut watcher: Watcher| {
        Ok::<_, Status>(watcher.next().await?.map(|batch| (batch, watcher)))
    });
    use futures::TryStreamExt as _;
    batches.map_ok(|batch| stream::iter(batch.into_iter().map(Ok))).try_flatten()
}

impl Watcher {
    /// The next changes; `None` when the service stops.
    async fn next(&mut self) -> Result<Option<Vec<WatchChangesResponse>>, Status> {
        let failed = query_failed;
        if std::mem::take(&mut self.is_first) {
            let (first, last) =
                store::changes::bounds(&self.api.database, self.tenant).await.map_err(failed)?;
            // Something in between is gone, or the position is of another life of this database.
            if (self.position > 0 && self.position + 1 < first) || self.position > last {
                self.position = last;
                let reset = WatchChangesResponse { position: last, reset: true, ..Default::default() };
                return Ok(Some(vec![reset]));
            }
        }
        loop {
            self.woken.mark_unchanged();
            let rows =
                store::changes::after(&self.api.database, self.tenant, self.position, self.order, BATCH)
                    .await
                    .map_err(failed)?;
            if let Some(last) = rows.last() {
                self.position = last.position;
                return Ok(Some(rows.into_iter().map(convert::change).collect()));
            }
            tokio::select! {
                _ = self.woken.changed() => {}
                () = tokio::time::sleep(POLL) => {}
                () = self.api.stopping.cancelled() => return Ok(None),
            }
        }
    }
}
