//! The list of everything that has an id. A prefix is part of the public contract: it never changes once released.

use crate::id::id_kinds;

id_kinds! {
    TenantId "tenant" "A merchant: the owner of everything else here.";
    OrderId "order" "An order.";
    LineId "line" "A line of an order.";
    PieceId "piece" "A piece of a line: units that share one bucket and one history.";
    HoldId "hold" "A hold on an order or a line.";
    PlanId "plan" "A plan that routing made for an order's units.";
    ReservationId "reservation" "A claim on stock for the units of a plan.";
    FulfilmentId "fulfilment" "The work of one location for one order.";
    ShipmentId "shipment" "What travels with one carrier.";
    ParcelId "parcel" "One box of a shipment.";
    ItemId "item" "An item of the item master.";
    LocationId "location" "A place that holds stock or fulfils.";
    MovementId "movement" "An entry of the stock ledger.";
    EventId "event" "An event: something that happened, told once.";
    MessageId "message" "A notification to one recipient.";
    EndpointId "endpoint" "A tenant's webhook endpoint.";
    DeliveryId "delivery" "One message's way to one webhook endpoint.";
    ApiKeyId "key" "An API key (its public half, never the secret).";
    ClaimId "claim" "A claim on a location's capacity.";
    TimerId "timer" "A timer that is due at some time.";
}
