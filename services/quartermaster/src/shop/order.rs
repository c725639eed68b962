//! Orders of a dataset as the API takes them.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::load::address;
use crate::dataset::{DatasetOrder, Fulfilment};

/// An order of a dataset, placed and promised at other times than it was.
pub fn new_order(order: &DatasetOrder, placed_at: Option<DateTime<Utc>>, promise_by: NaiveDate) -> Value {
    let (fulfilment, ship_to) = match order.fulfilment {
        Fulfilment::Ship => ("ship", Some(address(&order.ship_to))),
        Fulfilment::Pickup => ("pickup", None),
    };
    let lines: Vec<Value> = order
        .lines
        .iter()
        .map(|line| {
            json!({
                "sku": line.sku,
                "title": line.title,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "discount_minor": line.discount_minor,
            })
        })
        .collect();
    json!({
        "channel": order.channel,
        "external_id": order.reference,
        "currency": "USD",
        "customer": {
            "reference": order.customer,
            "name": order.name,
            "email": order.email,
            "locale": "en",
        },
        "ship_to": ship_to,
        "fulfilment": fulfilment,
        "pickup_location": order.pickup_node,
        "service_level": order.service,
        "promise_by": promise_by,
        "lines": lines,
        "total_minor": order.lines.iter().map(|line| line.line_total_minor).sum::<i64>(),
        "placed_at": placed_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    #[test]
    fn an_order_says_all_that_the_stream_says() {
        let dataset = Dataset::sample().unwrap();
        let orders: Vec<DatasetOrder> = dataset.orders(20).unwrap().collect::<Result<_, _>>().unwrap();
        let pickup = orders.iter().find(|order| order.fulfilment == Fulfilment::Pickup).unwrap();
        let body = new_order(pickup, Some(pickup.placed_at), pickup.promise_by);
        assert_eq!((body["fulfilment"].as_str(), body["ship_to"].is_null()), (Some("pickup"), true));
        assert_eq!(body["pickup_location"].as_str(), pickup.pickup_node.as_deref());

        let shipped = orders.iter().find(|order| order.fulfilment == Fulfilment::Ship).unwrap();
        let body = new_order(shipped, Some(shipped.placed_at), shipped.promise_by);
        assert_eq!(body["ship_to"]["postal_code"], shipped.ship_to.postal_code);
        assert_eq!(body["placed_at"], json!(shipped.placed_at));
        let total: i64 = shipped.lines.iter().map(|line| line.line_total_minor).sum();
        assert_eq!(body["total_minor"], total);
        assert_eq!(body["lines"].as_array().unwrap().len(), shipped.lines.len());
    }
}
