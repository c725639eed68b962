//! The services that the gateway asks. It decides nothing itself.

use qm_proto::{
    inventory::v1::inventory_service_client::InventoryServiceClient,
    notification::v1::notification_service_client::NotificationServiceClient,
    order::v1::order_service_client::OrderServiceClient,
    routing::v1::routing_service_client::RoutingServiceClient,
    shipping::v1::shipping_service_client::ShippingServiceClient,
};
use qm_runtime::{
    config::ConfigError,
    grpc::{GrpcChannel, MAX_MESSAGE_BYTES},
};

/// Ways to all services.
#[derive(Debug, Clone)]
pub struct Services {
    order: GrpcChannel,
    inventory: GrpcChannel,
    routing: GrpcChannel,
    shipping: GrpcChannel,
    notification: GrpcChannel,
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
    /// Finds all of them.
    pub fn new(peers: &qm_runtime::Peers) -> Result<Self, ConfigError> {
        Ok(Self {
            order: peers.get("order")?,
            inventory: peers.get("inventory")?,
            routing: peers.get("routing")?,
            shipping: peers.get("shipping")?,
            notification: peers.get("notification")?,
        })
    }

    clients! {
        order order OrderServiceClient "Orders.";
        inventory inventory InventoryServiceClient "Items, locations, stock.";
        routing routing RoutingServiceClient "Plans and the tariff.";
        shipping shipping ShippingServiceClient "Fulfilments and shipments.";
        notification notification NotificationServiceClient "Webhooks, messages, changes.";
    }
}
