//! What items and locations are called outside, and inside.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;
use qm_clock::SharedClock;
use qm_ids::TenantId;
use qm_proto::{
    inventory::v1::{
        BatchGetItemsRequest, ListLocationsRequest, inventory_service_client::InventoryServiceClient,
    },
    types::v1::PageRequest,
};
use qm_runtime::{
    Remembered,
    grpc::{GrpcChannel, with_tenant},
};
use tonic::Status;

/// How long a name is taken for what it was. A sku keeps its item and a location its code for ever, so this could be longer:
/// it only sets how soon the gateway would follow if that ever changed.
const LASTS: TimeDelta = TimeDelta::minutes(10);
/// Locations on a page.
const PAGE: i32 = 200;

type Client = InventoryServiceClient<GrpcChannel>;

/// Ids of items by sku, codes of locations by id. Inventory is asked for those alone that are not remembered.
#[derive(Debug)]
pub(super) struct Names {
    client: Client,
    clock: SharedClock,
    items: Remembered<String>,
    locations: Remembered<String>,
}

impl Names {
    pub(super) fn new(client: Client, clock: SharedClock) -> Self {
        Self { client, clock, items: Remembered::lasting(LASTS), locations: Remembered::lasting(LASTS) }
    }

    /// Ids of the items that there are, by sku.
    pub(super) async fn item_ids(
        &self,
        tenant: TenantId,
        skus: &[String],
    ) -> Result<BTreeMap<String, String>, Status> {
        let now = self.clock.now();
        let asked: BTreeSet<String> = skus.iter().cloned().collect();
        let mut known = self.items.recall(tenant, &asked, now);
        if known.len() < asked.len() {
            // All of them, so that a refusal names the place that the caller knows.
            let request = with_tenant(BatchGetItemsRequest { skus: skus.to_vec() }, tenant);
            let found = self.client.clone().batch_get_items(request).await?.into_inner().items;
            known = found.into_iter().map(|item| (item.sku, item.id)).collect();
            self.items.remember(tenant, &known, now);
        }
        Ok(known.into_iter().collect())
    }

    /// Codes of locations by id: of these at least, if there are such.
    pub(super) async fn location_codes(
        &self,
        tenant: TenantId,
        ids: &BTreeSet<String>,
    ) -> Result<HashMap<String, String>, Status> {
        let now = self.clock.now();
        let known = self.locations.recall(tenant, ids, now);
        if known.len() == ids.len() {
            return Ok(known);
        }
        let (mut codes, mut cursor) = (HashMap::new(), String::new());
        loop {
            let request = ListLocationsRequest { page: Some(PageRequest { limit: PAGE, cursor }) };
            let found = self.client.clone().list_locations(with_tenant(request, tenant)).await?.into_inner();
            codes.extend(found.locations.into_iter().map(|location| (location.id, location.code)));
            if found.next_cursor.is_empty() {
                break;
            }
            cursor = found.next_cursor;
        }
        self.locations.remember(tenant, &codes, now);
        Ok(codes)
    }
}
