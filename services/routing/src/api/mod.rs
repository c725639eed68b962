//! The gRPC server: parse, call, convert.

mod convert;
mod parse;

use futures::future::BoxFuture;
use qm_database::{Database, TenantSet};
use qm_proto::routing::v1::{
    GetPlanSummaryRequest, GetPlanSummaryResponse, GetTariffRequest, GetTariffResponse, ListPlansRequest,
    ListPlansResponse, PutTariffRequest, PutTariffResponse, routing_service_server::RoutingService,
};
use qm_runtime::{CommandError, grpc::tenant_of, query_failed};
use tonic::{Request, Response, Status};

use crate::{
    commands::{self, Context},
    store,
};

/// Serves routing's own rpcs.
#[derive(Debug, Clone)]
pub struct Api {
    /// For queries.
    pub database: Database,
    /// What verbs need.
    pub context: Context,
}

#[tonic::async_trait]
impl RoutingService for Api {
    async fn put_tariff(
        &self,
        request: Request<PutTariffRequest>,
    ) -> Result<Response<PutTariffResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let bands = &parse::bands(&request.into_inner().bands)?;
        let version = self
            .database
            .write(&TenantSet::one(tenant), |attempt| -> BoxFuture<'_, Result<_, CommandError>> {
                Box::pin(commands::put_tariff(&self.context, attempt.tx(), tenant, bands))
            })
            .await?;
        Ok(Response::new(PutTariffResponse { version }))
    }

    async fn get_tariff(
        &self,
        request: Request<GetTariffRequest>,
    ) -> Result<Response<GetTariffResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let tx = self.database.read(&TenantSet::one(tenant)).await.map_err(query_failed)?;
        let stored = store::tariffs(&tx).await.map_err(query_failed)?.remove(&tenant).unwrap_or_default();
        let bands = stored.bands.iter().map(convert::band).collect();
        Ok(Response::new(GetTariffResponse { bands, version: stored.version }))
    }

    async fn list_plans(
        &self,
        request: Request<ListPlansRequest>,
    ) -> Result<Response<ListPlansResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let order = parse::order(&request.into_inner().order_id)?;
        let plans = store::plans_of(&self.database, tenant, order).await.map_err(query_failed)?;
        let plans = plans.into_iter().map(convert::plan).collect::<Result<_, _>>()?;
        Ok(Response::new(ListPlansResponse { plans }))
    }

    async fn get_plan_summary(
        &self,
        request: Request<GetPlanSummaryRequest>,
    ) -> Result<Response<GetPlanSummaryResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let summary = store::summary(&self.database, tenant).await.map_err(query_failed)?;
        Ok(Response::new(convert::summary(&summary)))
    }
}
