//! The gRPC server: parse, call, convert.

mod act;
mod convert;
mod cursor;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod known;
mod parse;
mod placing;
mod reading;

use qm_database::{Database, TenantSet};
use qm_ids::{HoldId, OrderId, TenantId};
use qm_proto::order::v1::{
    BatchGetOrdersRequest, BatchGetOrdersResponse, CancelOrderRequest, CancelOrderResponse, FindOrderRequest,
    FindOrderResponse, GetOrderRequest, GetOrderResponse, GetSummaryRequest, GetSummaryResponse,
    GetTimelineRequest, GetTimelineResponse, HoldOrderRequest, HoldOrderResponse, ListOrdersRequest,
    ListOrdersResponse, PlaceOrdersRequest, PlaceOrdersResponse, ReleaseHoldRequest, ReleaseHoldResponse,
    StateCount, TenantOrder, order_service_server::OrderService,
};
use qm_refusal::Refusal;
use qm_runtime::{
    grpc::{GrpcChannel, tenant_of},
    query_failed,
};
use tonic::{Request, Response, Status};

use self::{act::Asked, placing::Placing, reading::Reading};
use crate::{
    commands::Context,
    config::PlacingConfig,
    domain::{self, HoldKind},
    store,
};

/// Orders that one call may ask for.
const MAX_KEYS: usize = 500;
const MAX_REASON: usize = 500;

/// Serves order's own rpcs.
#[derive(Debug, Clone)]
pub struct Api {
    database: Database,
    context: Context,
    placing: Placing,
    reading: Reading,
}

impl Api {
    /// Must be called inside a tokio runtime.
    pub fn new(database: Database, context: Context, inventory: GrpcChannel, config: &PlacingConfig) -> Self {
        let placing = Placing::new(database.clone(), context.clone(), inventory, config);
        let reading = Reading::new(database.clone(), context.recent.clone());
        Self { database, context, placing, reading }
    }
}

#[tonic::async_trait]
impl OrderService for Api {
    async fn place_orders(
        &self,
        request: Request<PlaceOrdersRequest>,
    ) -> Result<Response<PlaceOrdersResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let results = self.placing.place(tenant, request.into_inner()).await?;
        Ok(Response::new(PlaceOrdersResponse { results }))
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let order = parse::id("order_id", &request.into_inner().order_id)?;
        Ok(Response::new(GetOrderResponse { order: Some(self.reading.order(tenant, order).await?) }))
    }

    async fn batch_get_orders(
        &self,
        request: Request<BatchGetOrdersRequest>,
    ) -> Result<Response<BatchGetOrdersResponse>, Status> {
        let keys = request.into_inner().keys;
        if keys.len() > MAX_KEYS {
            return Err(Refusal::invalid("keys", "too_many", format!("must be at most {MAX_KEYS}")).into());
        }
        let keys = keys
            .iter()
            .enumerate()
            .map(|(index, key)| {
                let within = |refusal: Refusal| refusal.within(&format!("keys[{index}]"));
                let tenant: TenantId = parse::id("tenant_id", &key.tenant_id).map_err(within)?;
                Ok((tenant, parse::id("order_id", &key.order_id).map_err(within)?))
            })
            .collect::<Result<Vec<_>, Refusal>>()?;
        let tenants = TenantSet::of(keys.iter().map(|(tenant, _)| *tenant));
        let tx = self.database.read(&tenants).await.map_err(query_failed)?;
        let found = store::read_many(&tx, &self.context.recent, &keys).await.map_err(query_failed)?;
        let orders = found
            .iter()
            .map(|((tenant, _), order)| TenantOrder {
                tenant_id: tenant.to_string(),
                order: Some(convert::order(order)),
            })
            .collect();
        Ok(Response::new(BatchGetOrdersResponse { orders }))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let (limit, filter) = parse::filter(&request)?;
        let mut orders = store::list(&self.database, &self.context.recent, tenant, &filter, limit + 1)
            .await
            .map_err(query_failed)?;
        let next_cursor = cursor::cut(&mut orders, limit);
        Ok(Response::new(ListOrdersResponse {
            orders: orders.iter().map(|order| convert::order(order)).collect(),
            next_cursor,
        }))
    }

    async fn find_order(
        &self,
        request: Request<FindOrderRequest>,
    ) -> Result<Response<FindOrderResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let email = parse::email(&request.email)?;
        let found =
            store::find_by_number(&self.database, &self.context.recent, tenant, request.number, &email)
                .await
                .map_err(query_failed)?;
        let order = found.ok_or_else(|| Refusal::not_found("order"))?;
        Ok(Response::new(FindOrderResponse { order: Some(convert::order(&order)) }))
    }

    async fn cancel_order(
        &self,
        request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let reason = parse::text("reason", &request.reason, MAX_REASON)?;
        let asked = Asked::new(
            tenant,
            ("orders.cancel", "cancel"),
            &act::Request {
                order_id: &request.order_id,
                actor: request.actor.as_ref(),
                idempotency: request.idempotency.as_ref(),
                expected_revision: request.expected_revision,
            },
        )?;
        let order = self
            .act(&asked, || {
                let reason = reason.clone();
                Box::new(move |step| domain::cancel(step, &reason))
            })
            .await?;
        Ok(Response::new(CancelOrderResponse { order: Some(order) }))
    }

    async fn hold_order(
        &self,
        request: Request<HoldOrderRequest>,
    ) -> Result<Response<HoldOrderResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let reason = parse::text("reason", &request.reason, MAX_REASON)?;
        let kind = HoldKind::parse(&request.kind)?;
        let asked = Asked::new(
            tenant,
            ("orders.hold", "hold"),
            &act::Request {
                order_id: &request.order_id,
                actor: request.actor.as_ref(),
                idempotency: request.idempotency.as_ref(),
                expected_revision: request.expected_revision,
            },
        )?;
        // A repeated request must name the same hold: with a key it derives from the key.
        let hold: HoldId = match asked.key() {
            Some(key) => qm_ids::derive(asked.order().as_uuid(), &format!("hold/{key}"), 0),
            None => self.context.ids.next(),
        };
        let order = self
            .act(&asked, || {
                let (reason, actor) = (reason.clone(), asked.actor().clone());
                Box::new(move |step| domain::hold(step, hold, kind, &reason, actor))
            })
            .await?;
        Ok(Response::new(HoldOrderResponse { order: Some(order), hold_id: hold.to_string() }))
    }

    async fn release_hold(
        &self,
        request: Request<ReleaseHoldRequest>,
    ) -> Result<Response<ReleaseHoldResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let hold: Option<HoldId> = match request.hold_id.as_str() {
            "" => None,
            text => Some(parse::id("hold_id", text)?),
        };
        let asked = Asked::new(
            tenant,
            ("orders.release_hold", "release_hold"),
            &act::Request {
                order_id: &request.order_id,
                actor: request.actor.as_ref(),
                idempotency: request.idempotency.as_ref(),
                expected_revision: request.expected_revision,
            },
        )?;
        let order = self.act(&asked, || Box::new(move |step| domain::release_hold(step, hold))).await?;
        Ok(Response::new(ReleaseHoldResponse { order: Some(order) }))
    }

    async fn get_timeline(
        &self,
        request: Request<GetTimelineRequest>,
    ) -> Result<Response<GetTimelineResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let order: OrderId = parse::id("order_id", &request.into_inner().order_id)?;
        let rows = store::timeline(&self.database, tenant, order).await.map_err(query_failed)?;
        // Every order has at least the entry of its placing.
        if rows.is_empty() {
            return Err(Refusal::not_found("order").into());
        }
        Ok(Response::new(GetTimelineResponse { entries: rows.iter().map(convert::entry).collect() }))
    }

    async fn get_summary(
        &self,
        request: Request<GetSummaryRequest>,
    ) -> Result<Response<GetSummaryResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let summary = store::summary(&self.database, tenant).await.map_err(query_failed)?;
        let counts = |counts: Vec<(String, i64)>| {
            counts.into_iter().map(|(state, count)| StateCount { state, count }).collect()
        };
        Ok(Response::new(GetSummaryResponse {
            orders: counts(summary.orders),
            units: counts(summary.units),
            split_orders: summary.split_orders,
            sourced_orders: summary.sourced_orders,
        }))
    }
}
