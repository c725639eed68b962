//! Calls about stock: availability, rows, movements.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use prost::Message as _;
use qm_database::TenantSet;
use qm_idempotency::{OnceKey, Seen};
use qm_ids::{ItemId, LocationId, TenantId};
use qm_proto::inventory::v1::{
    AvailableUnits, ListMovementsRequest, ListMovementsResponse, ListStockRequest, ListStockResponse,
    QueryAvailabilityRequest, QueryAvailabilityResponse, RecordMovementsRequest, RecordMovementsResponse,
};
use qm_refusal::Refusal;
use qm_runtime::{CommandError, query_failed};
use qm_telemetry::propagation::current_traceparent;
use tonic::Status;

use super::{Api, convert, cursor, parse};
use crate::{
    commands,
    domain::{Cause, stock_id},
    store::{self, StockFilter},
};

/// Items, over all tenants, that one question may name.
const MAX_ITEMS: usize = 10_000;

impl Api {
    /// Answers for the tenants that the question names, and reads with the rights of those alone.
    pub(super) async fn availability(
        &self,
        request: QueryAvailabilityRequest,
    ) -> Result<QueryAvailabilityResponse, Status> {
        let mut wanted = BTreeSet::new();
        for (index, question) in request.tenants.iter().enumerate() {
            let within = |refusal: Refusal| refusal.within(&format!("tenants[{index}]"));
            let tenant: TenantId = parse::id("tenant_id", &question.tenant_id).map_err(within)?;
            for (at, item) in question.item_ids.iter().enumerate() {
                let item: ItemId = parse::id(&format!("item_ids[{at}]"), item).map_err(within)?;
                wanted.insert((tenant, item.as_uuid()));
            }
        }
        if wanted.len() > MAX_ITEMS {
            let message = format!("must name at most {MAX_ITEMS} items in all");
            return Err(Refusal::invalid("tenants", "too_many", message).into());
        }
        let rows = store::available(&self.database, &wanted).await.map_err(query_failed)?;
        let rows = rows
            .into_iter()
            .map(|row| AvailableUnits {
                tenant_id: row.tenant_id.to_string(),
                item_id: row.item_id.to_string(),
                location_id: row.location_id.to_string(),
                available: store::stock(row.clone()).available(),
                held_for_backorders: row.soft_reserved,
            })
            .filter(|row| row.available > 0 || row.held_for_backorders > 0)
            .collect();
        Ok(QueryAvailabilityResponse { rows })
    }

    pub(super) async fn stock_page(
        &self,
        tenant: TenantId,
        request: ListStockRequest,
    ) -> Result<ListStockResponse, Status> {
        let (limit, after) = cursor::read(request.page.as_ref(), |text| {
            let (item, location) = text.split_once('~')?;
            Some((item.parse::<ItemId>().ok()?, location.parse::<LocationId>().ok()?))
        })?;
        let skus = parse::skus(&request.skus)?;
        let code = parse::filter("location_code", &request.location_code, parse::MAX_CODE)?;
        let tx = self.database.read(&TenantSet::one(tenant)).await.map_err(query_failed)?;
        let mut filter = StockFilter { after, ..StockFilter::default() };
        if !skus.is_empty() {
            let skus: Vec<&str> = skus.iter().map(String::as_str).collect();
            let items = store::items_by_sku(&tx, tenant, &skus).await.map_err(query_failed)?;
            filter.items = Some(items.values().map(|row| row.item_id).collect());
        }
        if let Some(code) = code {
            let mut found = store::locations_by_code(&tx, tenant, &[&code]).await.map_err(query_failed)?;
            let Some(location) = found.remove(&code) else { return Ok(ListStockResponse::default()) };
            filter.location = Some(location.location_id);
        }
        let mut rows = store::list_stock(&tx, &filter, limit + 1).await.map_err(query_failed)?;
        let next_cursor = cursor::cut(&mut rows, limit, |row| format!("{}~{}", row.item_id, row.location_id));
        let items = store::items_by_id(&tx, rows.iter().map(|row| (tenant, row.item_id)));
        let items = items.await.map_err(query_failed)?;
        let locations = store::locations_by_id(&tx, rows.iter().map(|row| (tenant, row.location_id)));
        let locations = locations.await.map_err(query_failed)?;
        let rows = rows
            .into_iter()
            .map(|row| {
                let sku = items.get(&row.item_id).map_or("", |item| item.sku.as_str());
                let code = locations.get(&row.location_id).map_or("", |location| location.code.as_str());
                convert::stock_row(&store::stock(row), sku, code)
            })
            .collect();
        Ok(ListStockResponse { rows, next_cursor })
    }

    pub(super) async fn record(
        &self,
        tenant: TenantId,
        request: RecordMovementsRequest,
    ) -> Result<RecordMovementsResponse, Status> {
        let reports = &parse::reports(&request.movements)?;
        let once = &OnceKey::new(tenant, "stock.record_movements", request.idempotency.as_ref())?;
        let actor = parse::actor(request.actor)?;
        let context = &self.context;
        let cause = &Cause { actor, occurred_at: context.clock.now(), trace: current_traceparent() };
        let answer = self
            .database
            .write(&TenantSet::one(tenant), |attempt| -> BoxFuture<'_, Result<_, CommandError>> {
                Box::pin(async move {
                    let tx = attempt.tx();
                    if let Some(once) = once {
                        match qm_idempotency::look_up(tx, std::slice::from_ref(once)).await?.pop() {
                            Some(Seen::Answered(answer)) => {
                                return RecordMovementsResponse::decode(answer.as_slice()).map_err(|error| {
                                    tracing::error!(%error, "a stored answer cannot be read");
                                    Refusal::internal().into()
                                });
                            }
                            Some(Seen::OtherBody) => return Err(Refusal::idempotency_mismatch().into()),
                            Some(Seen::New) | None => {}
                        }
                    }
                    let rows = commands::record_movements(context, tx, tenant, reports, cause).await?;
                    let rows =
                        rows.iter().map(|(stock, sku, code)| convert::stock_row(stock, sku, code)).collect();
                    let answer = RecordMovementsResponse { rows };
                    if let Some(once) = once {
                        let answers = vec![(once.clone(), answer.encode_to_vec())];
                        qm_idempotency::store(tx, answers, context.clock.now()).await?;
                    }
                    Ok(answer)
                })
            })
            .await?;
        Ok(answer)
    }

    pub(super) async fn ledger_page(
        &self,
        tenant: TenantId,
        request: ListMovementsRequest,
    ) -> Result<ListMovementsResponse, Status> {
        let sku = parse::required("sku", &request.sku, parse::MAX_SKU)?;
        let code = parse::required("location_code", &request.location_code, parse::MAX_CODE)?;
        let (limit, before) = cursor::read(request.page.as_ref(), |text| text.parse().ok())?;
        let tx = self.database.read(&TenantSet::one(tenant)).await.map_err(query_failed)?;
        let mut items = store::items_by_sku(&tx, tenant, &[&sku]).await.map_err(query_failed)?;
        let item = items.remove(&sku).ok_or_else(|| Refusal::not_found("item").at("sku"))?;
        let mut locations = store::locations_by_code(&tx, tenant, &[&code]).await.map_err(query_failed)?;
        let location =
            locations.remove(&code).ok_or_else(|| Refusal::not_found("location").at("location_code"))?;
        let key = (tenant, stock_id(item.item_id, location.location_id));
        let mut rows = store::list_movements(&tx, key, before, limit + 1).await.map_err(query_failed)?;
        let next_cursor = cursor::cut(&mut rows, limit, |row| row.movement_id.to_string());
        Ok(ListMovementsResponse { movements: rows.iter().map(convert::movement).collect(), next_cursor })
    }
}
