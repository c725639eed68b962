//! The gRPC server: parse, call, convert.

pub mod convert;
mod cursor;
mod watch;

use std::{pin::Pin, sync::Arc};

use qm_clock::{SharedClock, SharedEntropy};
use qm_database::{Database, TenantSet};
use qm_idempotency::OnceKey;
use qm_ids::{DeliveryId, EndpointId, IdGenerator, MessageId, OrderId};
use qm_proto::notification::v1::{
    CreateEndpointRequest, CreateEndpointResponse, DeleteEndpointRequest, DeleteEndpointResponse,
    GetDeliverySummaryRequest, GetDeliverySummaryResponse, ListDeliveriesRequest, ListDeliveriesResponse,
    ListEndpointsRequest, ListEndpointsResponse, ListMessagesRequest, ListMessagesResponse,
    PutTemplateRequest, PutTemplateResponse, ResendDeliveryRequest, ResendDeliveryResponse,
    SetEndpointEnabledRequest, SetEndpointEnabledResponse, WatchChangesRequest, WatchChangesResponse,
    notification_service_server::NotificationService,
};
use qm_refusal::Refusal;
use qm_runtime::{grpc::tenant_of, query_failed};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    commands::{self, endpoints::NewEndpoint},
    domain::template::Template,
    store,
    wake::Wake,
};

/// Serves notification's own rpcs.
#[derive(Debug, Clone)]
pub struct Api {
    pub(crate) database: Database,
    pub(crate) clock: SharedClock,
    pub(crate) ids: IdGenerator,
    pub(crate) entropy: SharedEntropy,
    pub(crate) wake: Arc<Wake>,
    pub(crate) allow_private_addresses: bool,
    /// Ends the watches when the service stops.
    pub(crate) stopping: CancellationToken,
}

type Watch = Pin<Box<dyn Stream<Item = Result<WatchChangesResponse, Status>> + Send>>;

fn id<T: std::str::FromStr<Err = qm_ids::ParseIdError>>(field: &str, text: &str) -> Result<T, Refusal> {
    text.parse()
        .map_err(|error: qm_ids::ParseIdError| Refusal::invalid(field, "malformed_id", error.to_string()))
}

#[tonic::async_trait]
impl NotificationService for Api {
    type WatchChangesStream = Watch;

    async fn create_endpoint(
        &self,
        request: Request<CreateEndpointRequest>,
    ) -> Result<Response<CreateEndpointResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let once = OnceKey::new(tenant, "endpoints.create", request.idempotency.as_ref())?;
        let new = NewEndpoint { url: request.url, event_types: request.event_types };
        commands::endpoints::check(&new, self.allow_private_addresses)?;
        let (now, minting) = (self.clock.now(), (&self.ids, &self.entropy));
        let row = self
            .database
            .write(&TenantSet::one(tenant), |tx| {
                let (new, once) = (&new, once.as_ref());
                Box::pin(commands::endpoints::create(tx.tx(), tenant, new, once, minting, now))
            })
            .await?;
        let secret = row.secret.clone();
        Ok(Response::new(CreateEndpointResponse { endpoint: Some(convert::endpoint(&row)), secret }))
    }

    async fn list_endpoints(
        &self,
        request: Request<ListEndpointsRequest>,
    ) -> Result<Response<ListEndpointsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let tx = self.database.read(&TenantSet::one(tenant)).await.map_err(query_failed)?;
        let rows = store::endpoints::list(&tx).await.map_err(query_failed)?;
        Ok(Response::new(ListEndpointsResponse { endpoints: rows.iter().map(convert::endpoint).collect() }))
    }

    async fn set_endpoint_enabled(
        &self,
        request: Request<SetEndpointEnabledRequest>,
    ) -> Result<Response<SetEndpointEnabledResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let endpoint: EndpointId = id("endpoint_id", &request.endpoint_id)?;
        let enabled = request.enabled;
        let row = self
            .database
            .write(&TenantSet::one(tenant), |tx| {
                Box::pin(commands::endpoints::set_enabled(tx.tx(), tenant, endpoint, enabled, "by request"))
            })
            .await?;
        Ok(Response::new(SetEndpointEnabledResponse { endpoint: Some(convert::endpoint(&row)) }))
    }

    async fn delete_endpoint(
        &self,
        request: Request<DeleteEndpointRequest>,
    ) -> Result<Response<DeleteEndpointResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let endpoint: EndpointId = id("endpoint_id", &request.into_inner().endpoint_id)?;
        self.database
            .write(&TenantSet::one(tenant), |tx| {
                Box::pin(commands::endpoints::delete(tx.tx(), tenant, endpoint))
            })
            .await?;
        Ok(Response::new(DeleteEndpointResponse {}))
    }

    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let endpoint: EndpointId = id("endpoint_id", &request.endpoint_id)?;
        let (limit, before) = cursor::read::<DeliveryId>(request.page.as_ref())?;
        let rows = store::endpoints::list_deliveries(&self.database, tenant, endpoint, before, limit + 1)
            .await
            .map_err(query_failed)?;
        let rows = rows.ok_or_else(|| Refusal::not_found("endpoint"))?;
        let (rows, next_cursor) = cursor::page(rows, limit, |row| row.delivery_id);
        Ok(Response::new(ListDeliveriesResponse {
            deliveries: rows.iter().map(convert::delivery).collect(),
            next_cursor,
        }))
    }

    async fn resend_delivery(
        &self,
        request: Request<ResendDeliveryRequest>,
    ) -> Result<Response<ResendDeliveryResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let delivery: DeliveryId = id("delivery_id", &request.into_inner().delivery_id)?;
        let now = self.clock.now();
        let row = self
            .database
            .write(&TenantSet::one(tenant), |tx| {
                Box::pin(commands::resend::resend(tx.tx(), tenant, delivery, now))
            })
            .await?;
        self.wake.webhooks.notify_one();
        Ok(Response::new(ResendDeliveryResponse { delivery: Some(convert::delivery(&row)) }))
    }

    async fn put_template(
        &self,
        request: Request<PutTemplateRequest>,
    ) -> Result<Response<PutTemplateResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let now = self.clock.now();
        self.database
            .write(&TenantSet::one(tenant), |tx| {
                let names = (request.name.as_str(), request.locale.as_str());
                let template = Template { subject: request.subject.clone(), body: request.body.clone() };
                Box::pin(commands::put_template::put_template(tx.tx(), tenant, names, template, now))
            })
            .await?;
        Ok(Response::new(PutTemplateResponse {}))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let order = match request.order_id.as_str() {
            "" => None,
            text => Some(id::<OrderId>("order_id", text)?),
        };
        let (limit, before) = cursor::read::<MessageId>(request.page.as_ref())?;
        let rows = store::messages::list(&self.database, tenant, order, before, limit + 1)
            .await
            .map_err(query_failed)?;
        let (rows, next_cursor) = cursor::page(rows, limit, |row| row.message_id);
        Ok(Response::new(ListMessagesResponse {
            messages: rows.iter().map(convert::message).collect(),
            next_cursor,
        }))
    }

    async fn watch_changes(
        &self,
        request: Request<WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let order = match request.order_id.as_str() {
            "" => None,
            text => Some(id::<OrderId>("order_id", text)?),
        };
        if request.after_position < 0 {
            return Err(Refusal::invalid("after_position", "out_of_range", "must not be negative").into());
        }
        let changes = watch::watch(self.clone(), tenant, order, request.after_position);
        Ok(Response::new(Box::pin(changes)))
    }

    async fn get_delivery_summary(
        &self,
        request: Request<GetDeliverySummaryRequest>,
    ) -> Result<Response<GetDeliverySummaryResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let summary = convert::summary(&self.database, tenant).await.map_err(query_failed)?;
        Ok(Response::new(summary))
    }
}
