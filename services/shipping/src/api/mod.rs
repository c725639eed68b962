//! The gRPC server: parse, call, convert.

mod act;
mod convert;
mod cursor;
mod parse;

use std::{sync::Arc, time::Duration};

use qm_database::TenantSet;
use qm_ids::{FulfilmentId, ShipmentId, TenantId};
use qm_proto::shipping::v1::{
    self as proto, AcceptFulfilmentRequest, AcceptFulfilmentResponse, GetFulfilmentRequest,
    GetFulfilmentResponse, GetShipmentRequest, GetShipmentResponse, HandOverFulfilmentRequest,
    HandOverFulfilmentResponse, LabelFulfilmentRequest, LabelFulfilmentResponse, ListFulfilmentsRequest,
    ListFulfilmentsResponse, ListShipmentsRequest, ListShipmentsResponse, PackFulfilmentRequest,
    PackFulfilmentResponse, ReceiveTrackingRequest, ReceiveTrackingResponse, RejectFulfilmentRequest,
    RejectFulfilmentResponse, StartPickingRequest, StartPickingResponse,
    shipping_service_server::ShippingService,
};
use qm_refusal::Refusal;
use qm_runtime::{CommandError, grpc::tenant_of};
use tonic::{Request, Response, Status};

use crate::{
    carriers::SignedMessage,
    commands::{self, Context},
    domain::{self, Fulfilment},
    store::{self, FulfilmentFilter, ShipmentFilter},
};

/// Serves shipping's own rpcs.
#[derive(Debug, Clone)]
pub struct Api {
    /// What verbs need.
    pub context: Context,
    /// How long a person waits for labels, in real time.
    pub label_deadline: Duration,
}

impl Api {
    async fn list(
        &self,
        tenant: TenantId,
        filter: &FulfilmentFilter,
        limit: u64,
    ) -> Result<Vec<(Fulfilment, proto::Fulfilment)>, CommandError> {
        let tx = self.context.database.read(&TenantSet::one(tenant)).await?;
        let list = store::list_fulfilments(&tx, filter, limit).await?;
        let wanted: Vec<_> = list.iter().flat_map(act::items_of).collect();
        let items = store::items(&tx, &wanted).await?;
        let pair = |it| {
            let converted = convert::fulfilment(&it, &items);
            (it, converted)
        };
        Ok(list.into_iter().map(pair).collect())
    }

    async fn get(&self, tenant: TenantId, id: FulfilmentId) -> Result<proto::Fulfilment, CommandError> {
        let tx = self.context.database.read(&TenantSet::one(tenant)).await?;
        let found = store::load_many(&tx, &[(tenant, id)]).await?.remove(&(tenant, id));
        let found = found.ok_or_else(|| Refusal::not_found("fulfilment"))?;
        let items = store::items(&tx, &act::items_of(&found)).await?;
        Ok(convert::fulfilment(&found, &items))
    }

    async fn shipments(
        &self,
        tenant: TenantId,
        filter: &ShipmentFilter,
        limit: u64,
    ) -> Result<Vec<(Fulfilment, domain::Shipment)>, CommandError> {
        let tx = self.context.database.read(&TenantSet::one(tenant)).await?;
        Ok(store::list_shipments(&tx, filter, limit).await?)
    }
}

#[tonic::async_trait]
impl ShippingService for Api {
    async fn get_fulfilment(
        &self,
        request: Request<GetFulfilmentRequest>,
    ) -> Result<Response<GetFulfilmentResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let id = parse::id("fulfilment_id", &request.into_inner().fulfilment_id)?;
        let fulfilment = Some(self.get(tenant, id).await?);
        Ok(Response::new(GetFulfilmentResponse { fulfilment }))
    }

    async fn list_fulfilments(
        &self,
        request: Request<ListFulfilmentsRequest>,
    ) -> Result<Response<ListFulfilmentsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let (limit, after) = cursor::read(request.page.as_ref())?;
        let filter = FulfilmentFilter {
            status: parse::fulfilment_status(&request.status)?,
            location: parse::optional_id("location_id", &request.location_id)?,
            order: parse::optional_id("order_id", &request.order_id)?,
            after,
        };
        let mut list = self.list(tenant, &filter, limit + 1).await?;
        let next_cursor = cursor::cut(&mut list, limit, |(it, _)| (it.requested_at, it.id));
        let fulfilments = list.into_iter().map(|(_, converted)| converted).collect();
        Ok(Response::new(ListFulfilmentsResponse { fulfilments, next_cursor }))
    }

    async fn accept_fulfilment(
        &self,
        request: Request<AcceptFulfilmentRequest>,
    ) -> Result<Response<AcceptFulfilmentResponse>, Status> {
        let (tenant, request) = (tenant_of(&request)?, request.into_inner());
        let asked = parse::action(tenant, request.action.as_ref(), "fulfilments.accept", "accept")?;
        let fulfilment = Some(self.act(&asked, || Box::new(domain::accept)).await?);
        Ok(Response::new(AcceptFulfilmentResponse { fulfilment }))
    }

    async fn reject_fulfilment(
        &self,
        request: Request<RejectFulfilmentRequest>,
    ) -> Result<Response<RejectFulfilmentResponse>, Status> {
        let (tenant, request) = (tenant_of(&request)?, request.into_inner());
        let mut asked = parse::action(tenant, request.action.as_ref(), "fulfilments.reject", "reject")?;
        asked.note = parse::note(&request.note)?;
        let (reason, units) = (parse::reason(request.reason())?, parse::units(&request.units)?);
        let verb = || -> commands::Verb<()> {
            let units = units.clone();
            Box::new(move |step| domain::reject(step, &units, reason))
        };
        let fulfilment = Some(self.act(&asked, verb).await?);
        Ok(Response::new(RejectFulfilmentResponse { fulfilment }))
    }

    async fn start_picking(
        &self,
        request: Request<StartPickingRequest>,
    ) -> Result<Response<StartPickingResponse>, Status> {
        let (tenant, request) = (tenant_of(&request)?, request.into_inner());
        let asked = parse::action(tenant, request.action.as_ref(), "fulfilments.pick", "start_picking")?;
        let fulfilment = Some(self.act(&asked, || Box::new(domain::start_picking)).await?);
        Ok(Response::new(StartPickingResponse { fulfilment }))
    }

    async fn pack_fulfilment(
        &self,
        request: Request<PackFulfilmentRequest>,
    ) -> Result<Response<PackFulfilmentResponse>, Status> {
        let (tenant, request) = (tenant_of(&request)?, request.into_inner());
        let asked = parse::action(tenant, request.action.as_ref(), "fulfilments.pack", "pack")?;
        let parcels = Arc::new(parse::parcels(&request.parcels)?);
        let weights = Arc::new(self.weights(&asked).await?);
        let verb = || -> commands::Verb<()> {
            let (parcels, weights) = (Arc::clone(&parcels), Arc::clone(&weights));
            Box::new(move |step| domain::pack(step, &parcels, &weights))
        };
        let fulfilment = Some(self.act(&asked, verb).await?);
        Ok(Response::new(PackFulfilmentResponse { fulfilment }))
    }

    async fn label_fulfilment(
        &self,
        request: Request<LabelFulfilmentRequest>,
    ) -> Result<Response<LabelFulfilmentResponse>, Status> {
        let (tenant, request) = (tenant_of(&request)?, request.into_inner());
        let asked = parse::action(tenant, request.action.as_ref(), "fulfilments.label", "label")?;
        let fulfilment = Some(self.label(&asked).await?);
        Ok(Response::new(LabelFulfilmentResponse { fulfilment }))
    }

    async fn hand_over_fulfilment(
        &self,
        request: Request<HandOverFulfilmentRequest>,
    ) -> Result<Response<HandOverFulfilmentResponse>, Status> {
        let (tenant, request) = (tenant_of(&request)?, request.into_inner());
        let asked = parse::action(tenant, request.action.as_ref(), "fulfilments.hand_over", "hand_over")?;
        let fulfilment = Some(self.act(&asked, || Box::new(domain::hand_over)).await?);
        Ok(Response::new(HandOverFulfilmentResponse { fulfilment }))
    }

    async fn list_shipments(
        &self,
        request: Request<ListShipmentsRequest>,
    ) -> Result<Response<ListShipmentsResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let request = request.into_inner();
        let (limit, after) = cursor::read(request.page.as_ref())?;
        let filter = ShipmentFilter {
            id: None,
            status: parse::shipment_status(&request.status)?,
            order: parse::optional_id("order_id", &request.order_id)?,
            tracking_number: parse::tracking_number(&request.tracking_number)?,
            after,
        };
        let mut list = self.shipments(tenant, &filter, limit + 1).await?;
        let next_cursor = cursor::cut(&mut list, limit, |(_, shipment)| (shipment.created_at, shipment.id));
        let shipments = list.iter().map(|(of, shipment)| convert::shipment(of, shipment)).collect();
        Ok(Response::new(ListShipmentsResponse { shipments, next_cursor }))
    }

    async fn get_shipment(
        &self,
        request: Request<GetShipmentRequest>,
    ) -> Result<Response<GetShipmentResponse>, Status> {
        let tenant = tenant_of(&request)?;
        let id: ShipmentId = parse::id("shipment_id", &request.into_inner().shipment_id)?;
        let filter = ShipmentFilter { id: Some(id), ..ShipmentFilter::default() };
        let found = self.shipments(tenant, &filter, 1).await?.pop();
        let (of, shipment) = found.ok_or_else(|| Refusal::not_found("shipment"))?;
        Ok(Response::new(GetShipmentResponse { shipment: Some(convert::shipment(&of, &shipment)) }))
    }

    async fn receive_tracking(
        &self,
        request: Request<ReceiveTrackingRequest>,
    ) -> Result<Response<ReceiveTrackingResponse>, Status> {
        let it = request.into_inner();
        let message = SignedMessage {
            id: &it.message_id,
            timestamp: &it.timestamp,
            signature: &it.signature,
            body: &it.body,
        };
        let tracked = commands::receive_tracking(&self.context, &it.carrier, &message).await?;
        Ok(Response::new(ReceiveTrackingResponse {
            applied: i32::try_from(tracked.applied).unwrap_or(i32::MAX),
            duplicates: i32::try_from(tracked.duplicates).unwrap_or(i32::MAX),
        }))
    }
}
