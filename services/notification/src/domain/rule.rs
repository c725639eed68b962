//! Which events are public, and which of them become a mail to the shopper.

/// Event types that partners and the live stream see. What one service asks another is nobody else's business.
pub const PUBLIC: &[&str] = &[
    "order.placed",
    "order.allocated",
    "order.backordered",
    "order.units_cancelled",
    "order.cancelled",
    "order.completed",
    "order.hold_changed",
    "fulfilment.ready_for_pickup",
    "shipment.*",
    "inventory.low_stock",
];

/// Every message to shoppers, by the name of its template.
pub const TEMPLATES: &[&str] = &[
    "order_placed",
    "order_backordered",
    "units_cancelled",
    "order_cancelled",
    "ready_for_pickup",
    "shipment_dispatched",
    "shipment_delivered",
    "shipment_delayed",
    "shipment_lost",
];

/// Event types that become a mail; see [`mail_for`].
pub const MAILABLE: &[&str] = &[
    "order.placed",
    "order.backordered",
    "order.units_cancelled",
    "order.cancelled",
    "fulfilment.ready_for_pickup",
    "shipment.handed_over",
    "shipment.delivered",
    "shipment.delayed",
    "shipment.lost",
];

/// The mail that an event of this type becomes, if it becomes one.
pub fn mail_for(event_type: &str) -> Option<&'static str> {
    match event_type {
        "order.placed" => Some("order_placed"),
        "order.backordered" => Some("order_backordered"),
        "order.units_cancelled" => Some("units_cancelled"),
        "order.cancelled" => Some("order_cancelled"),
        "fulfilment.ready_for_pickup" => Some("ready_for_pickup"),
        "shipment.handed_over" => Some("shipment_dispatched"),
        "shipment.delivered" => Some("shipment_delivered"),
        "shipment.delayed" => Some("shipment_delayed"),
        "shipment.lost" => Some("shipment_lost"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mailable_type_has_a_template_of_its_own() {
        let mut names: Vec<_> = MAILABLE.iter().filter_map(|event_type| mail_for(event_type)).collect();
        let mut expected = TEMPLATES.to_vec();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
}
