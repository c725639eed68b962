//! The gRPC server: parse, call, convert.

pub mod convert;
mod cursor;
pub(crate) mod parse;
mod stock;

use futures::future::BoxFuture;
use qm_database::{Database, TenantSet};
use qm_proto::inventory::v1::{
    BatchGetItemsRequest, BatchGetItemsResponse, ListItemsRequest, ListItemsResponse, ListLocationsRequest,
    ListLocationsResponse, ListMovementsRequest, ListMovementsResponse, ListStockRequest, ListStockResponse,
    PutItemsRequest, PutItemsResponse, PutLocationsRequest, PutLocationsResponse, QueryAvailabilityRequest,
    QueryAvailabilityResponse, RecordMovementsRequest, RecordMovementsResponse,
    inventory_service_server::InventoryService,
};
use qm_runtime::{CommandError, grpc::tenant_of, query_failed};
use tonic::{Request, Response, Status};

use crate::{
    commands::{self, Context},
    store,
};

/// Serves inventory's own rpcs.
#[derive(Debug, Clone)]
pub struct Api {
    database: Database,
    context: Context,
}

impl Api {
    /// Serves from a database.
    pub fn new(database: Database, context: Context) -> Self {
        Self { database, context }
    }
}

#[tonic::async_trait]
impl InventoryService for Api {
    async fn put_items(
        &self,
        request: Request<PutItemsRequest>,
    ) -> Result<Response<PutItemsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let rows = &parse::items(tenant, &request.into_inner().items)?;
        let stored = self
            .database
            .write(&TenantSet::one(tenant), |attempt| -> BoxFuture<'_, Result<_, CommandError>> {
                Box::pin(commands::put_items(&self.context, attempt.tx(), tenant, rows.clone()))
            })
            .await?;
        Ok(Response::new(PutItemsResponse { items: stored.iter().map(convert::item).collect() }))
    }

    async fn batch_get_items(
        &self,
        request: Request<BatchGetItemsRequest>,
    ) -> Result<Response<BatchGetItemsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let skus = parse::skus(&request.into_inner().skus)?;
        let skus: Vec<&str> = skus.iter().map(String::as_str).collect();
        let tx = self.database.read(&TenantSet::one(tenant)).await.map_err(query_failed)?;
        let mut found: Vec<_> =
            store::items_by_sku(&tx, tenant, &skus).await.map_err(query_failed)?.into_values().collect();
        found.sort_by(|one, other| one.sku.cmp(&other.sku));
        Ok(Response::new(BatchGetItemsResponse { items: found.iter().map(convert::item).collect() }))
    }

    async fn list_items(
        &self,
        request: Request<ListItemsRequest>,
    ) -> Result<Response<ListItemsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let (limit, after) = cursor::read(request.into_inner().page.as_ref(), cursor::text)?;
        let mut rows = store::list_items(&self.database, tenant, after.as_deref(), limit + 1)
            .await
            .map_err(query_failed)?;
        let next_cursor = cursor::cut(&mut rows, limit, |row| row.sku.clone());
        Ok(Response::new(ListItemsResponse { items: rows.iter().map(convert::item).collect(), next_cursor }))
    }

    async fn put_locations(
        &self,
        request: Request<PutLocationsRequest>,
    ) -> Result<Response<PutLocationsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let rows = &parse::locations(tenant, &request.into_inner().locations)?;
        let stored = self
            .database
            .write(&TenantSet::one(tenant), |attempt| -> BoxFuture<'_, Result<_, CommandError>> {
                Box::pin(commands::put_locations(&self.context, attempt.tx(), tenant, rows.clone()))
            })
            .await?;
        let locations = stored.iter().map(convert::location).collect::<Result<_, _>>()?;
        Ok(Response::new(PutLocationsResponse { locations }))
    }

    async fn list_locations(
        &self,
        request: Request<ListLocationsRequest>,
    ) -> Result<Response<ListLocationsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let (limit, after) = cursor::read(request.into_inner().page.as_ref(), cursor::text)?;
        let mut rows = store::list_locations(&self.database, tenant, after.as_deref(), limit + 1)
            .await
            .map_err(query_failed)?;
        let next_cursor = cursor::cut(&mut rows, limit, |row| row.code.clone());
        let locations = rows.iter().map(convert::location).collect::<Result<_, _>>()?;
        Ok(Response::new(ListLocationsResponse { locations, next_cursor }))
    }

    async fn query_availability(
        &self,
        request: Request<QueryAvailabilityRequest>,
    ) -> Result<Response<QueryAvailabilityResponse>, Status> {
        self.availability(request.into_inner()).await.map(Response::new)
    }

    async fn list_stock(
        &self,
        request: Request<ListStockRequest>,
    ) -> Result<Response<ListStockResponse>, Status> {
        let tenant = tenant_of(&request)?;
        self.stock_page(tenant, request.into_inner()).await.map(Response::new)
    }

    async fn record_movements(
        &self,
        request: Request<RecordMovementsRequest>,
    ) -> Result<Response<RecordMovementsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        self.record(tenant, request.into_inner()).await.map(Response::new)
    }

    async fn list_movements(
        &self,
        request: Request<ListMovementsRequest>,
    ) -> Result<Response<ListMovementsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        self.ledger_page(tenant, request.into_inner()).await.map(Response::new)
    }
}
