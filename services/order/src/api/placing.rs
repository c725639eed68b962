//! Placing orders for callers: parsing, looking items up, and committing concurrent callers together.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use qm_database::{Batcher, BatcherOptions, Database, TenantSet};
use qm_idempotency::OnceKey;
use qm_ids::{LocationId, TenantId};
use qm_proto::{
    inventory::v1::{
        BatchGetItemsRequest, ListLocationsRequest, inventory_service_client::InventoryServiceClient,
    },
    order::v1::{NewOrder, PlaceOrderResult, PlaceOrdersRequest, place_order_result::Outcome},
    types::v1::PageRequest,
};
use qm_refusal::Refusal;
use qm_runtime::{
    CommandError,
    grpc::{GrpcChannel, with_tenant},
    query_failed,
};
use qm_telemetry::propagation::current_traceparent;
use tonic::Status;
use tracing::error;

use super::{convert, parse};
use crate::{
    commands::{self, Cause, Context, Placed, Placement},
    config::PlacingConfig,
    domain::Item,
    store,
};

const MAX_ORDERS: usize = 500;
/// Skus that inventory is asked about at a time.
const MAX_SKUS: usize = 1_000;
/// Locations on a page that inventory is asked for, and pages looked through for a code.
const LOCATIONS_PER_PAGE: i32 = 200;
const MAX_LOCATION_PAGES: usize = 50;
/// What a caller is told to wait when too many placements are waiting.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Answer = Result<Placed, Refusal>;

/// Places orders.
#[derive(Debug, Clone)]
pub(super) struct Placing {
    database: Database,
    context: Context,
    inventory: GrpcChannel,
    batcher: Arc<Batcher<Placement, Answer>>,
}

impl Placing {
    pub(super) fn new(
        database: Database,
        context: Context,
        inventory: GrpcChannel,
        config: &PlacingConfig,
    ) -> Self {
        let options = BatcherOptions {
            max_batch: config.max_batch,
            linger: Duration::from_millis(config.linger_ms),
            ..BatcherOptions::default()
        };
        let (writer, deciding) = (database.clone(), context.clone());
        let batcher = Batcher::new(options, move |placements| {
            let (database, context) = (writer.clone(), deciding.clone());
            Box::pin(async move { commit(&database, &context, placements).await })
        });
        Self { database, context, inventory, batcher: Arc::new(batcher) }
    }

    /// Places the orders of one request, each accepted or refused on its own.
    pub(super) async fn place(
        &self,
        tenant: TenantId,
        request: PlaceOrdersRequest,
    ) -> Result<Vec<PlaceOrderResult>, Status> {
        if request.orders.is_empty() || request.orders.len() > MAX_ORDERS {
            let message = format!("must have 1 to {MAX_ORDERS} orders");
            return Err(Refusal::invalid("orders", "out_of_range", message).into());
        }
        let once = OnceKey::new(tenant, "orders.place", request.idempotency.as_ref())?;
        let actor = parse::actor(request.actor.as_ref())?;
        let cause = Cause { event: None, trace: current_traceparent(), actor };
        let is_single = request.orders.len() == 1;
        let known = self.known(tenant, &request.orders).await?;
        let placing = request.orders.iter().enumerate().map(|(index, order)| {
            let once = once.as_ref().map(|once| if is_single { once.clone() } else { once.part(index) });
            self.place_one(tenant, order, &known, once, cause.clone())
        });
        Ok(join_all(placing).await.into_iter().map(result).collect())
    }

    async fn place_one(
        &self,
        tenant: TenantId,
        order: &NewOrder,
        known: &Known,
        once: Option<OnceKey>,
        cause: Cause,
    ) -> Answer {
        let pickup = parse::pickup_code(order).and_then(|code| known.locations.get(&code)).copied();
        let new = parse::new_order(order, pickup, self.context.clock.now())?;
        let items = new.lines.iter().map(|line| known.items.get(&line.sku).cloned()).collect();
        let placement = Placement { tenant, new, items, once, cause };
        self.batcher.submit(tenant, placement).await.unwrap_or_else(|overloaded| {
            Err(Refusal::too_many("too_many_placements", overloaded.to_string(), RETRY_AFTER))
        })
    }

    /// Items and pickup locations that the orders name. What is not known here yet is asked from inventory. Names
    /// that are none are not looked up: they are refused with their field when the order is parsed.
    async fn known(&self, tenant: TenantId, orders: &[NewOrder]) -> Result<Known, Status> {
        let failed = query_failed;
        let lines = orders.iter().flat_map(|order| &order.lines);
        let skus: BTreeSet<String> = lines.filter_map(|line| parse::sku(&line.sku).ok()).collect();
        let skus: Vec<&str> = skus.iter().map(String::as_str).collect();
        let codes: BTreeSet<String> = orders.iter().filter_map(parse::pickup_code).collect();
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let tx = self.database.read(&TenantSet::one(tenant)).await.map_err(failed)?;
        let mut items: HashMap<String, Item> = HashMap::new();
        for chunk in skus.chunks(MAX_SKUS) {
            let rows = store::items_by_sku(&tx, tenant, chunk).await.map_err(failed)?;
            items.extend(rows.into_iter().map(|(sku, row)| (sku, Item { id: row.item_id, name: row.name })));
        }
        let locations = if codes.is_empty() {
            HashMap::new()
        } else {
            store::locations_by_code(&tx, tenant, &codes).await.map_err(failed)?
        };
        drop(tx);
        let missing: Vec<String> =
            skus.iter().filter(|sku| !items.contains_key(**sku)).map(|sku| (*sku).to_owned()).collect();
        for chunk in missing.chunks(MAX_SKUS) {
            items.extend(self.ask_inventory(tenant, chunk).await?);
        }
        let mut counters: HashMap<String, LocationId> = HashMap::new();
        let is_missing = codes.iter().any(|code| !locations.contains_key(*code));
        for (code, row) in locations.into_iter().filter(|(_, row)| row.can_pickup) {
            counters.insert(code, row.location_id);
        }
        if is_missing {
            counters.extend(self.ask_for_counters(tenant, &codes).await?);
        }
        Ok(Known { items, locations: counters })
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

    async fn ask_inventory(&self, tenant: TenantId, skus: &[String]) -> Result<Vec<(String, Item)>, Status> {
        let mut client = InventoryServiceClient::new(self.inventory.clone());
        let request = with_tenant(BatchGetItemsRequest { skus: skus.to_vec() }, tenant);
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

/// What the orders of a request name.
struct Known {
    items: HashMap<String, Item>,
    locations: HashMap<String, LocationId>,
}

/// What a caller is told when inventory does not answer.
fn away(status: &Status, what: &str) -> Status {
    error!(%status, "inventory could not be asked about {what}");
    Refusal::unavailable("inventory_unavailable", format!("{what} cannot be looked up at the moment")).into()
}

/// Commits a batch; every placement gets an answer.
async fn commit(database: &Database, context: &Context, placements: Vec<Placement>) -> Vec<Answer> {
    let tenants = TenantSet::of(placements.iter().map(|placement| placement.tenant));
    let batch = placements.as_slice();
    let placed = database
        .write(&tenants, |attempt| -> BoxFuture<'_, Result<Vec<Answer>, CommandError>> {
            Box::pin(commands::place(context, attempt.tx(), batch))
        })
        .await;
    match placed {
        Ok(answers) => answers,
        // One that breaks the batch must not take the others with it.
        Err(CommandError::Database(error)) if placements.len() > 1 && !error.is_unavailable() => {
            let mut answers = Vec::with_capacity(placements.len());
            for placement in placements {
                answers.extend(Box::pin(commit(database, context, vec![placement])).await);
            }
            answers
        }
        Err(error) => vec![Err(error.into_refusal()); placements.len()],
    }
}

fn result(answer: Answer) -> PlaceOrderResult {
    match answer {
        Ok(placed) => PlaceOrderResult {
            replayed: placed.replayed,
            outcome: Some(Outcome::Order(convert::order(&placed.order))),
        },
        Err(refusal) => {
            PlaceOrderResult { replayed: false, outcome: Some(Outcome::Refusal(convert::refusal(&refusal))) }
        }
    }
}
