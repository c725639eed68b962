//! Which message carries which event, and on which stream it travels.

use crate::{
    inventory::v1 as inventory, order::v1 as order, routing::v1 as routing, shipping::v1 as shipping,
};

/// The payload of an event.
pub trait Event: prost::Message + Default + 'static {
    /// The event's type, for example `order.placed`. For payloads of several types, the pattern that they share.
    const TYPE: &'static str;
}

macro_rules! events {
    ($($payload:path => $type:literal),+ $(,)?) => {
        $(impl Event for $payload {
            const TYPE: &'static str = $type;
        })+

        /// Every event type, and the patterns of payloads that several types share.
        pub const TYPES: &[&str] = &[$($type),+];
    };
}

events! {
    order::Placed => "order.placed",
    order::SourcingRequested => "order.sourcing_requested",
    order::FulfilmentRequested => "order.fulfilment_requested",
    order::ReleaseRequested => "order.release_requested",
    order::RecallRequested => "order.recall_requested",
    order::Backordered => "order.backordered",
    order::Allocated => "order.allocated",
    order::Cancelled => "order.cancelled",
    order::UnitsCancelled => "order.units_cancelled",
    order::Completed => "order.completed",
    order::HoldChanged => "order.hold_changed",
    inventory::ItemChanged => "item.changed",
    inventory::LocationChanged => "location.changed",
    inventory::Reserved => "inventory.reserved",
    inventory::Rejected => "inventory.rejected",
    inventory::Released => "inventory.released",
    inventory::ReservationBroken => "inventory.reservation_broken",
    inventory::AvailabilityIncreased => "inventory.availability_increased",
    inventory::LowStock => "inventory.low_stock",
    routing::Planned => "routing.planned",
    routing::Unfillable => "routing.unfillable",
    shipping::FulfilmentOpened => "fulfilment.requested",
    shipping::FulfilmentAccepted => "fulfilment.accepted",
    shipping::FulfilmentPicking => "fulfilment.picking",
    shipping::FulfilmentRejected => "fulfilment.rejected",
    shipping::FulfilmentPacked => "fulfilment.packed",
    shipping::FulfilmentReadyForPickup => "fulfilment.ready_for_pickup",
    shipping::FulfilmentIssued => "fulfilment.issued",
    shipping::FulfilmentCancelled => "fulfilment.cancelled",
    shipping::FulfilmentRecallRefused => "fulfilment.recall_refused",
    shipping::FulfilmentCompleted => "fulfilment.completed",
    shipping::ShipmentChanged => "shipment.*",
}

/// A service's stream: its name on the bus and the first words of the event types that it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Name on the bus.
    pub name: &'static str,
    /// The service that publishes to it.
    pub source: &'static str,
    /// First words of its event types.
    pub subjects: &'static [&'static str],
}

/// Every stream. Each service publishes to its own and to no other.
pub const STREAMS: &[Stream] = &[
    Stream { name: "QM_ORDER", source: "order", subjects: &["order"] },
    Stream { name: "QM_INVENTORY", source: "inventory", subjects: &["inventory", "item", "location"] },
    Stream { name: "QM_ROUTING", source: "routing", subjects: &["routing"] },
    Stream { name: "QM_SHIPPING", source: "shipping", subjects: &["fulfilment", "shipment"] },
];

/// The stream that carries events of this type or pattern.
pub fn stream_of(event_type: &str) -> Option<&'static Stream> {
    let subject = event_type.split('.').next()?;
    STREAMS.iter().find(|stream| stream.subjects.contains(&subject))
}

/// The stream that this service publishes to, if it publishes at all.
pub fn stream_from(source: &str) -> Option<&'static Stream> {
    STREAMS.iter().find(|stream| stream.source == source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_has_exactly_one_stream() {
        for event_type in TYPES {
            let subject = event_type.split('.').next().unwrap();
            let streams = STREAMS.iter().filter(|stream| stream.subjects.contains(&subject)).count();
            assert_eq!(streams, 1, "{event_type}");
        }
    }
}
