//! Placing orders for callers: parsing, looking items up, and committing concurrent callers together.

use std::{sync::Arc, time::Duration};

use futures::future::{BoxFuture, join_all};
use qm_database::{Batcher, BatcherOptions, Database, TenantSet};
use qm_idempotency::OnceKey;
use qm_ids::TenantId;
use qm_proto::order::v1::{NewOrder, PlaceOrderResult, PlaceOrdersRequest, place_order_result::Outcome};
use qm_refusal::Refusal;
use qm_runtime::{CommandError, grpc::GrpcChannel};
use qm_telemetry::propagation::current_traceparent;
use tonic::Status;

use super::{
    convert,
    known::{Known, Lookup},
    parse,
};
use crate::{
    commands::{self, Cause, Context, Placed, Placement},
    config::PlacingConfig,
};

const MAX_ORDERS: usize = 500;
/// What a caller is told to wait when too many placements are waiting.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Answer = Result<Placed, Refusal>;

/// Places orders.
#[derive(Debug, Clone)]
pub(super) struct Placing {
    context: Context,
    lookup: Arc<Lookup>,
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
            // A tenant's order numbers are given under lock: a second writer would only wait for it, with a batch that could
            // have grown meanwhile.
            writers: 1,
            ..BatcherOptions::default()
        };
        let (writer, deciding) = (database.clone(), context.clone());
        let batcher = Batcher::new(options, move |placements| {
            let (database, context) = (writer.clone(), deciding.clone());
            Box::pin(async move { commit(&database, &context, placements).await })
        });
        Self { context, lookup: Arc::new(Lookup::new(database, inventory)), batcher: Arc::new(batcher) }
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
        let known = self.lookup.known(tenant, &request.orders, self.context.clock.now()).await?;
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
        let pickup = parse::pickup_code(order).and_then(|code| known.counters.get(&code)).copied();
        let new = parse::new_order(order, pickup, self.context.clock.now())?;
        let items = new.lines.iter().map(|line| known.items.get(&line.sku).cloned()).collect();
        let placement = Placement { tenant, new, items, once, cause };
        self.batcher.submit(tenant, placement).await.unwrap_or_else(|overloaded| {
            Err(Refusal::too_many("too_many_placements", overloaded.to_string(), RETRY_AFTER))
        })
    }
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
