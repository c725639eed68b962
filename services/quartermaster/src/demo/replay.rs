//! Replays the stream through the API: each order when the demo's clock shows its time.

use std::{sync::Arc, time::Instant};

use indicatif::ProgressBar;
use qm_clock::Clock;
use qm_runtime::BuildError;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{api::Api, load::address, measure::Measurements, settings::Pace};
use crate::dataset::{DatasetOrder, Fulfilment};

/// Orders that may be without an answer at a time; the stream waits when it is used up.
const IN_FLIGHT: usize = 64;

/// Sends every order at its time and waits for all answers. Refusals are measured, not failures.
pub(super) async fn replay(
    api: &Api,
    orders: Vec<DatasetOrder>,
    pace: &Pace,
    clock: &dyn Clock,
    measurements: &Arc<Measurements>,
    bar: &ProgressBar,
) -> Result<(), BuildError> {
    let permits = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut sending = JoinSet::new();
    for order in orders {
        clock.sleep_until(pace.at(order.placed_at)).await;
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let (api, body) = (api.clone(), new_order(&order, pace));
        let (measurements, bar) = (Arc::clone(measurements), bar.clone());
        sending.spawn(async move {
            let sent = Instant::now();
            match api.post("/v1/orders", &body, &order.reference).await {
                Ok(answer) => measurements.placed(answer["id"].as_str().unwrap_or_default(), sent),
                Err(error) => measurements.refused(format!("{}: {error}", order.reference)),
            }
            bar.inc(1);
            drop(permit);
        });
        // Those that have ended need not be kept until all have.
        while sending.try_join_next().transpose()?.is_some() {}
    }
    while sending.join_next().await.transpose()?.is_some() {}
    Ok(())
}

fn new_order(order: &DatasetOrder, pace: &Pace) -> Value {
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
        "promise_by": pace.promise(order.placed_at, order.promise_by),
        "lines": lines,
        "total_minor": order.lines.iter().map(|line| line.line_total_minor).sum::<i64>(),
        "placed_at": pace.at(order.placed_at),
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
        let pace = Pace::new(1_000.0, orders[0].placed_at);
        let pickup = orders.iter().find(|order| order.fulfilment == Fulfilment::Pickup).unwrap();
        let body = new_order(pickup, &pace);
        assert_eq!((body["fulfilment"].as_str(), body["ship_to"].is_null()), (Some("pickup"), true));
        assert_eq!(body["pickup_location"].as_str(), pickup.pickup_node.as_deref());

        let shipped = orders.iter().find(|order| order.fulfilment == Fulfilment::Ship).unwrap();
        let body = new_order(shipped, &pace);
        assert_eq!(body["ship_to"]["postal_code"], shipped.ship_to.postal_code);
        assert_eq!(body["placed_at"], json!(shipped.placed_at));
        let total: i64 = shipped.lines.iter().map(|line| line.line_total_minor).sum();
        assert_eq!(body["total_minor"], total);
        assert_eq!(body["lines"].as_array().unwrap().len(), shipped.lines.len());
    }
}
