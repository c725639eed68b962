//! What inventory tells of items and locations, for order's own copies.

use async_trait::async_trait;
use qm_database::Tx;
use qm_messaging::{HandleError, Handler, Received};
use qm_proto::inventory::v1 as inventory;

use crate::store::{self, ItemRow, LocationRow};

/// Copies items.
pub(super) struct PutItems;

#[async_trait]
impl Handler<inventory::ItemChanged> for PutItems {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<inventory::ItemChanged>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(
        &self,
        tx: &Tx,
        events: &[Received<inventory::ItemChanged>],
        (): (),
    ) -> Result<(), HandleError> {
        let rows = events
            .iter()
            .map(|event| {
                let item =
                    event.payload.item.as_ref().ok_or_else(|| HandleError::poison("item is missing"))?;
                Ok(ItemRow {
                    tenant_id: event.tenant,
                    item_id: item.id.parse()?,
                    sku: item.sku.clone(),
                    name: item.name.clone(),
                    version: item.version,
                })
            })
            .collect::<Result<Vec<_>, HandleError>>()?;
        Ok(store::put_items(tx, rows).await?)
    }
}

/// Copies locations.
pub(super) struct PutLocations;

#[async_trait]
impl Handler<inventory::LocationChanged> for PutLocations {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<inventory::LocationChanged>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(
        &self,
        tx: &Tx,
        events: &[Received<inventory::LocationChanged>],
        (): (),
    ) -> Result<(), HandleError> {
        let rows = events
            .iter()
            .map(|event| {
                let location = event
                    .payload
                    .location
                    .as_ref()
                    .ok_or_else(|| HandleError::poison("location is missing"))?;
                Ok(LocationRow {
                    tenant_id: event.tenant,
                    location_id: location.id.parse()?,
                    code: location.code.clone(),
                    can_pickup: location.can_pickup && location.active,
                    version: location.version,
                })
            })
            .collect::<Result<Vec<_>, HandleError>>()?;
        Ok(store::put_locations(tx, rows).await?)
    }
}
