//! Inventory as routing sees it: it answers what is available, and how often it was asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use qm_ids::{ItemId, LocationId, TenantId};
use qm_proto::inventory::v1::{
    AvailableUnits, BatchGetItemsRequest, BatchGetItemsResponse, ListItemsRequest, ListItemsResponse,
    ListLocationsRequest, ListLocationsResponse, ListMovementsRequest, ListMovementsResponse,
    ListStockRequest, ListStockResponse, PutItemsRequest, PutItemsResponse, PutLocationsRequest,
    PutLocationsResponse, QueryAvailabilityRequest, QueryAvailabilityResponse, RecordMovementsRequest,
    RecordMovementsResponse,
    inventory_service_server::{InventoryService, InventoryServiceServer},
};
use qm_runtime::grpc::{GrpcChannel, ServedRoutes};
use qm_telemetry::metrics::Metrics;
use tonic::{Request, Response, Status, service::Routes};

/// Units that anyone may have, and units held for backorders, by tenant, item and location.
type Shelves = BTreeMap<(TenantId, ItemId, LocationId), (i64, i64)>;

#[derive(Debug, Default)]
struct State {
    shelves: Shelves,
    calls: usize,
    down: bool,
    /// Most items that an answer has room for.
    room: Option<usize>,
}

/// An inventory that the test stocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeInventory(Arc<Mutex<State>>);

impl FakeInventory {
    pub(crate) fn stock(&self, tenant: TenantId, item: ItemId, location: LocationId, open: i64, held: i64) {
        self.0.lock().unwrap().shelves.insert((tenant, item, location), (open, held));
    }

    /// How often it was asked.
    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// From now on it cannot be reached, or can again.
    pub(crate) fn set_down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    /// An answer about more items than this is too large to be read.
    pub(crate) fn set_room(&self, items: usize) {
        self.0.lock().unwrap().room = Some(items);
    }

    pub(crate) fn channel(&self) -> GrpcChannel {
        let routes = Routes::default().add_service(InventoryServiceServer::new(self.clone()));
        GrpcChannel::in_process("inventory", ServedRoutes::new(routes, Metrics::new("inventory"), 64))
    }
}

macro_rules! not_asked {
    ($($name:ident: $request:ty => $response:ty),+ $(,)?) => {
        #[tonic::async_trait]
        impl InventoryService for FakeInventory {
            async fn query_availability(
                &self,
                request: Request<QueryAvailabilityRequest>,
            ) -> Result<Response<QueryAvailabilityResponse>, Status> {
                self.answer(request.into_inner()).map(Response::new)
            }

            $(async fn $name(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                Err(Status::unimplemented("routing does not ask this"))
            })+
        }
    };
}

not_asked! {
    put_items: PutItemsRequest => PutItemsResponse,
    batch_get_items: BatchGetItemsRequest => BatchGetItemsResponse,
    list_items: ListItemsRequest => ListItemsResponse,
    put_locations: PutLocationsRequest => PutLocationsResponse,
    list_locations: ListLocationsRequest => ListLocationsResponse,
    list_stock: ListStockRequest => ListStockResponse,
    record_movements: RecordMovementsRequest => RecordMovementsResponse,
    list_movements: ListMovementsRequest => ListMovementsResponse,
}

impl FakeInventory {
    fn answer(&self, request: QueryAvailabilityRequest) -> Result<QueryAvailabilityResponse, Status> {
        let mut state = self.0.lock().unwrap();
        if state.down {
            return Err(Status::unavailable("down"));
        }
        state.calls += 1;
        let asked: usize = request.tenants.iter().map(|tenant| tenant.item_ids.len()).sum();
        if state.room.is_some_and(|room| asked > room) {
            return Err(Status::out_of_range("decoded message length too large"));
        }
        let mut rows = Vec::new();
        for question in request.tenants {
            let tenant: TenantId = question.tenant_id.parse().unwrap();
            for item in question.item_ids {
                let item: ItemId = item.parse().unwrap();
                let shelves = state.shelves.iter();
                for ((_, _, location), (open, held)) in
                    shelves.filter(|((t, i, _), _)| (*t, *i) == (tenant, item))
                {
                    rows.push(AvailableUnits {
                        tenant_id: tenant.to_string(),
                        item_id: item.to_string(),
                        location_id: location.to_string(),
                        available: *open,
                        held_for_backorders: *held,
                    });
                }
            }
        }
        Ok(QueryAvailabilityResponse { rows })
    }
}
