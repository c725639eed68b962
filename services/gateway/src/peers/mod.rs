//! The services that the gateway asks. It decides nothing itself.

mod names;
mod orders;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use qm_clock::SharedClock;
use qm_ids::TenantId;
use qm_proto::{
    inventory::v1::inventory_service_client::InventoryServiceClient,
    notification::v1::notification_service_client::NotificationServiceClient,
    order::v1::{Order, order_service_client::OrderServiceClient},
    routing::v1::routing_service_client::RoutingServiceClient,
    shipping::v1::shipping_service_client::ShippingServiceClient,
};
use qm_runtime::{
    config::ConfigError,
    grpc::{GrpcChannel, MAX_MESSAGE_BYTES},
};
use tonic::Status;

use self::{names::Names, orders::Orders};

/// Ways to all services.
#[derive(Debug, Clone)]
pub struct Services {
    order: GrpcChannel,
    inventory: GrpcChannel,
    routing: GrpcChannel,
    shipping: GrpcChannel,
    notification: GrpcChannel,
    orders: Orders,
    names: Arc<Names>,
}

macro_rules! clients {
    ($($name:ident $field:ident $client:ident $about:literal;)+) => {$(
        #[doc = $about]
        pub fn $name(&self) -> $client<GrpcChannel> {
            $client::new(self.$field.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
        }
    )+};
}

impl Services {
    /// Finds all of them. Must be called inside a tokio runtime.
    pub fn new(peers: &qm_runtime::Peers, clock: SharedClock) -> Result<Self, ConfigError> {
        let (order, inventory) = (peers.get("order")?, peers.get("inventory")?);
        let orders = OrderServiceClient::new(order.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let names =
            InventoryServiceClient::new(inventory.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self {
            orders: Orders::new(orders),
            names: Arc::new(Names::new(names, clock)),
            order,
            inventory,
            routing: peers.get("routing")?,
            shipping: peers.get("shipping")?,
            notification: peers.get("notification")?,
        })
    }

    /// Reads an order; refuses what is no id, and the id of no order of the tenant.
    pub async fn order_by_id(&self, tenant: TenantId, id: &str) -> Result<Order, Status> {
        self.orders.get(tenant, id).await
    }

    /// Ids of the tenant's items by sku; unknown ones are left out.
    pub async fn item_ids(
        &self,
        tenant: TenantId,
        skus: &[String],
    ) -> Result<BTreeMap<String, String>, Status> {
        self.names.item_ids(tenant, skus).await
    }

    /// Codes of the tenant's locations by id: of these at least; unknown ones are left out.
    pub async fn location_codes(
        &self,
        tenant: TenantId,
        ids: &BTreeSet<String>,
    ) -> Result<HashMap<String, String>, Status> {
        self.names.location_codes(tenant, ids).await
    }

    clients! {
        order order OrderServiceClient "Orders.";
        inventory inventory InventoryServiceClient "Items, locations, stock.";
        routing routing RoutingServiceClient "Plans and the tariff.";
        shipping shipping ShippingServiceClient "Fulfilments and shipments.";
        notification notification NotificationServiceClient "Webhooks, messages, changes.";
    }
}
