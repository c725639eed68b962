//! Placing orders for callers: parsing, looking items up, and committing concurrent callers together.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::future::{BoxFuture, join_all};
use qm_database::{Batcher, BatcherOptions, Database, TenantSet};
use qm_idempotency::OnceKey;
use qm_ids::TenantId;
use qm_proto::{
    inventory::v1::{BatchGetItemsRequest, inventory_service_client::InventoryServiceClient},
    order::v1::{NewOrder, PlaceOrderResult, PlaceOrdersRequest, place_order_result::Outcome},
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
        let is_single = request.orders.len() == 1;
        let known = self.known(tenant, &request.orders).await?;
        let cause =
            Cause { event: None, trace: current_traceparent(), actor: parse::actor(request.actor.as_ref()) };
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
        let pickup = parse::pickup_code(order).and_then(|code| known.locations.get(code)).copied();
        let new = parse::new_order(order, pickup, self.context.clock.now())?;
        let items = new.lines.iter().map(|line| known.items.get(&line.sku).cloned()).collect();
        let placement = Placement { tenant, new, items, once, cause };
        self.batcher.submit(tenant, placement).await.unwrap_or_else(|overloaded| {
            Err(Refusal::too_many("too_many_placements", overloaded.to_string(), RETRY_AFTER))
        })
    }

    /// Items and pickup locations that the orders name. An item that is not known here yet is asked from inventory.
    async fn known(&self, tenant: TenantId, orders: &[NewOrder]) -> Result<Known, Status> {
        let failed = query_failed;
        let mut skus: Vec<&str> =
            orders.iter().flat_map(|order| order.lines.iter().map(|line| line.sku.trim())).collect();
        skus.sort_unstable();
        skus.dedup();
        let mut codes: Vec<&str> = orders.iter().filter_map(parse::pickup_code).collect();
        codes.sort_unstable();
        codes.dedup();
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
        let locations = locations
            .into_iter()
            .filter(|(_, row)| row.can_pickup)
            .map(|(code, row)| (code, row.location_id));
        Ok(Known { items, locations: locations.collect() })
    }

    async fn ask_inventory(&self, tenant: TenantId, skus: &[String]) -> Result<Vec<(String, Item)>, Status> {
        let mut client = InventoryServiceClient::new(self.inventory.clone());
        let request = with_tenant(BatchGetItemsRequest { skus: skus.to_vec() }, tenant);
        let response = client.batch_get_items(request).await.map_err(|status| {
            error!(%status, "inventory could not be asked about items");
            Status::from(Refusal::unavailable(
                "inventory_unavailable",
                "items cannot be looked up at the moment",
            ))
        })?;
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
    locations: HashMap<String, qm_ids::LocationId>,
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
