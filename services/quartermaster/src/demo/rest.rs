//! Waits until every order has come to rest, and says which have not.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use qm_clock::{AcceleratedClock, Clock as _};
use qm_runtime::BuildError;
use serde::Deserialize;
use serde_json::Value;

use crate::{shop::Api, verify::Verifier};

/// Between two looks, in real time.
const LOOK: Duration = Duration::from_millis(200);
/// When nothing has changed for so long in real time, nothing will.
const PATIENCE: Duration = Duration::from_secs(30);
/// How far time is moved forward at once when all wait for carriers.
const LEAP: TimeDelta = TimeDelta::hours(6);
/// No parcel takes longer than all of them.
const MAX_LEAPS: usize = 60;
/// Orders looked at, and named, when some are not at rest.
const MAX_ORDERS: usize = 20_000;

/// Buckets in which a unit is still on its way to another one.
const MOVING: [&str; 5] = ["open", "allocated", "in_fulfilment", "shipped", "returning"];
/// States in which an order may have such units.
const UNFINISHED: [&str; 2] = ["placed", "in_fulfilment"];

/// What the API says about a tenant as a whole.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Counts {
    /// Orders by status.
    pub(super) orders: BTreeMap<String, i64>,
    /// Units by bucket.
    pub(super) units: BTreeMap<String, i64>,
    pub(super) split_orders: i64,
    pub(super) sourced_orders: i64,
    pub(super) plans: Plans,
    pub(super) notifications: Notifications,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Plans {
    pub(super) cost_minor: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Notifications {
    pub(super) mails_sent: i64,
    pub(super) mails_pending: i64,
    pub(super) mails_failed: i64,
    pub(super) webhooks_delivered: i64,
}

impl Counts {
    pub(super) async fn of(api: &Api) -> Result<Self, BuildError> {
        Ok(serde_json::from_value(api.get("/v1/summary").await?)?)
    }

    fn units_in(&self, buckets: &[&str]) -> i64 {
        buckets.iter().filter_map(|bucket| self.units.get(*bucket)).sum()
    }

    fn is_at_rest(&self) -> bool {
        self.units_in(&MOVING) == 0 && self.notifications.mails_pending == 0
    }

    /// True when only parcels are on their way.
    fn waits_for_carriers(&self) -> bool {
        self.units_in(&MOVING) > 0 && self.units_in(&MOVING) == self.units_in(&["shipped"])
    }
}

/// Waits until nothing moves any more, or nothing has moved for too long. Gives the last count.
pub(super) async fn settle(
    api: &Api,
    clock: &AcceleratedClock,
    verifier: &Verifier,
    mut say: impl FnMut(&Counts),
) -> Result<Counts, BuildError> {
    let mut last = Counts::default();
    let (mut changed, mut leaps) = (Instant::now(), 0);
    loop {
        let counts = Counts::of(api).await?;
        let in_flight = verifier.in_flight().await?;
        say(&counts);
        if in_flight == 0 && counts.is_at_rest() {
            return Ok(counts);
        }
        if counts != last {
            (last, changed) = (counts, Instant::now());
        } else if changed.elapsed() > PATIENCE {
            return Ok(last);
        }
        if in_flight == 0 && last.waits_for_carriers() && leaps < MAX_LEAPS {
            leaps += 1;
            clock.advance_to(clock.now() + LEAP);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Orders that are not at rest, each in a line.
pub(super) async fn restless(api: &Api) -> Result<Vec<String>, BuildError> {
    let mut lines = Vec::new();
    for status in UNFINISHED {
        for order in api.list(&format!("/v1/orders?status={status}"), MAX_ORDERS).await? {
            let units = units(&order);
            if MOVING.iter().any(|bucket| units.contains_key(*bucket)) {
                lines.push(describe(&order, &units));
            }
        }
    }
    Ok(lines)
}

fn describe(order: &Value, units: &BTreeMap<String, i64>) -> String {
    let units: Vec<String> = units.iter().map(|(bucket, quantity)| format!("{quantity} {bucket}")).collect();
    let text = |name: &str| order[name].as_str().unwrap_or_default().to_owned();
    format!("order {} ({}) is {}: {}", order["number"], text("id"), text("status"), units.join(", "))
}

/// Units of an order by bucket.
fn units(order: &Value) -> BTreeMap<String, i64> {
    let mut units = BTreeMap::new();
    for line in order["lines"].as_array().into_iter().flatten() {
        for piece in line["pieces"].as_array().into_iter().flatten() {
            if let (Some(bucket), Some(quantity)) = (piece["bucket"].as_str(), piece["quantity"].as_i64()) {
                *units.entry(bucket.to_owned()).or_default() += quantity;
            }
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn counts(units: Value) -> Counts {
        serde_json::from_value(json!({
            "orders": { "placed": 1 }, "units": units, "split_orders": 0, "sourced_orders": 0,
            "plans": { "planned": 1, "partially_planned": 0, "unfillable": 0, "cost_minor": 5 },
            "notifications": { "mails_sent": 1, "mails_pending": 0, "mails_failed": 0,
                               "webhooks_delivered": 0, "webhooks_pending": 0, "webhooks_failed": 0 },
        }))
        .unwrap()
    }

    #[test]
    fn rest_is_where_no_unit_is_on_its_way() {
        let resting = counts(json!({ "delivered": 5, "backordered": 2, "cancelled": 1, "open": 0 }));
        assert!(resting.is_at_rest() && !resting.waits_for_carriers());
        let shipped = counts(json!({ "delivered": 5, "shipped": 2 }));
        assert!(!shipped.is_at_rest() && shipped.waits_for_carriers());
        let picked = counts(json!({ "in_fulfilment": 1, "shipped": 2 }));
        assert!(!picked.is_at_rest() && !picked.waits_for_carriers());
    }

    #[test]
    fn an_order_that_is_not_at_rest_is_named_with_its_units() {
        let piece = |bucket, quantity| json!({ "bucket": bucket, "quantity": quantity });
        let order = json!({ "id": "order_1", "number": 7, "status": "in_fulfilment", "lines": [
            { "pieces": [piece("delivered", 2), piece("allocated", 1)] }, { "pieces": [piece("delivered", 3)] },
        ]});
        let line = describe(&order, &units(&order));
        assert_eq!(line, "order 7 (order_1) is in_fulfilment: 1 allocated, 5 delivered");
    }
}
