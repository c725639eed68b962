//! The public fields of each event.

use prost::Message;
use qm_ids::OrderId;
use qm_proto::{
    inventory::v1 as inventory, order::v1 as order, shipping::v1 as shipping, types::v1::LineUnits,
};
use serde_json::{Value, json};

/// What an event says to the public.
pub(super) struct Public {
    pub(super) order: Option<OrderId>,
    pub(super) data: Value,
}

/// Reads an event's public fields; an error is a sentence on what is wrong with it.
pub(super) fn read(event_type: &str, payload: &[u8]) -> Result<Public, String> {
    match event_type {
        "order.placed" => {
            let event = decode::<order::Placed>(payload)?;
            of_order(&event.order_id, json!({ "number": event.number, "channel": event.channel }))
        }
        "order.allocated" => of_order(&decode::<order::Allocated>(payload)?.order_id, json!({})),
        "order.backordered" => {
            let event = decode::<order::Backordered>(payload)?;
            of_order(&event.order_id, json!({ "units": units(&event.units) }))
        }
        "order.units_cancelled" => {
            let event = decode::<order::UnitsCancelled>(payload)?;
            of_order(&event.order_id, json!({ "units": units(&event.units), "reason": event.reason }))
        }
        "order.cancelled" => {
            let event = decode::<order::Cancelled>(payload)?;
            of_order(&event.order_id, json!({ "reason": event.reason }))
        }
        "order.completed" => of_order(&decode::<order::Completed>(payload)?.order_id, json!({})),
        "order.hold_changed" => {
            let event = decode::<order::HoldChanged>(payload)?;
            of_order(
                &event.order_id,
                json!({ "hold_id": event.hold_id, "kind": event.kind, "placed": event.placed }),
            )
        }
        "fulfilment.ready_for_pickup" => {
            let event = decode::<shipping::FulfilmentReadyForPickup>(payload)?;
            let fulfilment = event.fulfilment.ok_or("fulfilment is missing")?;
            of_order(
                &fulfilment.order_id,
                json!({ "fulfilment_id": fulfilment.fulfilment_id, "location_id": fulfilment.location_id }),
            )
        }
        "inventory.low_stock" => {
            let event = decode::<inventory::LowStock>(payload)?;
            let data = json!({
                "item_id": event.item_id, "sku": event.sku, "location_id": event.location_id,
                "available": event.available, "threshold": event.threshold,
            });
            Ok(Public { order: None, data })
        }
        _ if event_type.starts_with("shipment.") => {
            let event = decode::<shipping::ShipmentChanged>(payload)?;
            let data = json!({
                "shipment_id": event.shipment_id, "fulfilment_id": event.fulfilment_id, "status": event.status,
                "carrier": event.carrier, "tracking_number": event.tracking_number, "units": units(&event.units),
            });
            of_order(&event.order_id, data)
        }
        _ => Err(format!("{event_type} is not a public event")),
    }
}

fn decode<M: Message + Default>(payload: &[u8]) -> Result<M, String> {
    M::decode(payload).map_err(|error| error.to_string())
}

fn of_order(order: &str, mut data: Value) -> Result<Public, String> {
    let order: OrderId = order.parse().map_err(|error| format!("order_id: {error}"))?;
    data["order_id"] = json!(order);
    Ok(Public { order: Some(order), data })
}

fn units(units: &[LineUnits]) -> Value {
    units
        .iter()
        .map(
            |units| json!({ "line_id": units.line_id, "item_id": units.item_id, "quantity": units.quantity }),
        )
        .collect()
}
