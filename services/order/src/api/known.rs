//! What orders name: items by sku, and counters by code.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use qm_database::{Database, TenantSet, Tx};
use qm_ids::{LocationId, TenantId};
use qm_proto::{
    inventory::v1::{
        BatchGetItemsRequest, ListLocationsRequest, inventory_service_client::InventoryServiceClient,
    },
    order::v1::NewOrder,
    types::v1::PageRequest,
};
use qm_refusal::Refusal;
use qm_runtime::{
    Remembered,
    grpc::{GrpcChannel, with_tenant},
    query_failed,
};
use tonic::Status;
use tracing::error;

use super::parse;
use crate::{domain::Item, store};

/// Skus that inventory is asked about at a time.
const MAX_SKUS: usize = 1_000;
/// Locations on a page that inventory is asked for, and pages looked through for a code.
const LOCATIONS_PER_PAGE: i32 = 200;
const MAX_LOCATION_PAGES: usize = 50;
/// How long an item is taken for what it was. A sku keeps its item for ever; only the name that an order takes over may
/// be so old.
const ITEM_LASTS: TimeDelta = TimeDelta::seconds(60);
/// The same for a counter, which may be closed.
const COUNTER_LASTS: TimeDelta = TimeDelta::seconds(10);

/// What the orders of a request name.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) items: HashMap<String, Item>,
    pub(super) counters: HashMap<String, LocationId>,
}

/// Looks up what orders name, in what order was told of and, for what it was not told of yet, from inventory.
#[derive(Debug)]
pub(super) struct Lookup {
    database: Database,
    inventory: GrpcChannel,
    items: Remembered<Item>,
    counters: Remembered<LocationId>,
}

impl Lookup {
    pub(super) fn new(database: Database, inventory: GrpcChannel) -> Self {
        Self {
            database,
            inventory,
            items: Remembered::lasting(ITEM_LASTS),
            counters: Remembered::lasting(COUNTER_LASTS),
        }
    }

    /// Items and pickup locations that the orders name. Names that are none are not looked up: they are refused with
    /// their field when the order is parsed.
    pub(super) async fn known(
        &self,
        tenant: TenantId,
        orders: &[NewOrder],
        now: DateTime<Utc>,
    ) -> Result<Known, Status> {
        let lines = orders.iter().flat_map(|order| &order.lines);
        let skus: BTreeSet<String> = lines.filter_map(|line| parse::sku(&line.sku).ok()).collect();
        let codes: BTreeSet<String> = orders.iter().filter_map(parse::pickup_code).collect();
        let mut items = self.items.recall(tenant, &skus, now);
        let mut counters = self.counters.recall(tenant, &codes, now);
        let skus: Vec<&str> =
            skus.iter().map(String::as_str).filter(|sku| !items.contains_key(*sku)).collect();
        let codes: Vec<&str> =
            codes.iter().map(String::as_str).filter(|code| !counters.contains_key(*code)).collect();
        if skus.is_empty() && codes.is_empty() {
            return Ok(Known { items, counters });
        }
        let tx = self.database.read(&TenantSet::one(tenant)).await.map_err(query_failed)?;
        let found = self.stored_items(&tx, tenant, &skus).await?;
        let locations = if codes.is_empty() {
            HashMap::new()
        } else {
            store::locations_by_code(&tx, tenant, &codes).await.map_err(query_failed)?
        };
        drop(tx);
        self.items.remember(tenant, &found, now);
        let missing: Vec<&str> = skus.into_iter().filter(|sku| !found.contains_key(*sku)).collect();
        items.extend(found);
        for chunk in missing.chunks(MAX_SKUS) {
            items.extend(self.ask_for_items(tenant, chunk).await?);
        }
        let is_missing = codes.iter().any(|code| !locations.contains_key(*code));
        let found: HashMap<String, LocationId> = locations
            .into_iter()
            .filter(|(_, row)| row.can_pickup)
            .map(|(code, row)| (code, row.location_id))
            .collect();
        self.counters.remember(tenant, &found, now);
        counters.extend(found);
        if is_missing {
            counters.extend(self.ask_for_counters(tenant, &codes).await?);
        }
        Ok(Known { items, counters })
    }

    async fn stored_items(
        &self,
        tx: &Tx,
        tenant: TenantId,
        skus: &[&str],
    ) -> Result<HashMap<String, Item>, Status> {
        let mut items = HashMap::new();
        for chunk in skus.chunks(MAX_SKUS) {
            let rows = store::items_by_sku(tx, tenant, chunk).await.map_err(query_failed)?;
            items.extend(rows.into_iter().map(|(sku, row)| (sku, Item { id: row.item_id, name: row.name })));
        }
        Ok(items)
    }

    /// Locations with these codes where shoppers may collect, from inventory: a merchant that has just stored one may use
    /// it before its event is here.
    async fn ask_for_counters(
        &self,
        tenant: TenantId,
        codes: &[&str],
    ) -> Result<HashMap<String, LocationId>, Status> {
        let mut client = InventoryServiceClient::new(self.inventory.clone())
            .max_decoding_message_size(qm_runtime::grpc::MAX_MESSAGE_BYTES);
        let (mut counters, mut cursor) = (HashMap::new(), String::new());
        for _ in 0..MAX_LOCATION_PAGES {
            let page = Some(PageRequest { limit: LOCATIONS_PER_PAGE, cursor });
            let request = with_tenant(ListLocationsRequest { page }, tenant);
            let found = client.list_locations(request).await.map_err(|status| away(&status, "locations"))?;
            let found = found.into_inner();
            for location in found.locations.iter().filter(|it| it.can_pickup && codes.contains(&&*it.code)) {
                counters.insert(location.code.clone(), parse::id("location.id", &location.id)?);
            }
            if found.next_cursor.is_empty() {
                break;
            }
            cursor = found.next_cursor;
        }
        Ok(counters)
    }

    async fn ask_for_items(&self, tenant: TenantId, skus: &[&str]) -> Result<Vec<(String, Item)>, Status> {
        let mut client = InventoryServiceClient::new(self.inventory.clone());
        let skus = skus.iter().map(|sku| (*sku).to_owned()).collect();
        let request = with_tenant(BatchGetItemsRequest { skus }, tenant);
        let response = client.batch_get_items(request).await.map_err(|status| away(&status, "items"))?;
        response
            .into_inner()
            .items
            .into_iter()
            .map(|item| {
                let id = parse::id("item.id", &item.id)?;
                Ok((item.sku, Item { id, name: item.name }))
            })
            .collect()
    }
}

/// What a caller is told when inventory does not answer.
fn away(status: &Status, what: &str) -> Status {
    error!(%status, "inventory could not be asked about {what}");
    Refusal::unavailable("inventory_unavailable", format!("{what} cannot be looked up at the moment")).into()
}
