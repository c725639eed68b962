//! After a fault: each order answered with 201 exists exactly once and rests, nothing was sold or sent twice, the books are
//! clean.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _};
use qm_runtime::BuildError;
use quartermaster::shop::Api;
use serde::Serialize;
use serde_json::Value;

use crate::{ledger::Entry, system::System};

/// Buckets in which a unit is still on its way to another one.
const MOVING: [&str; 5] = ["open", "allocated", "in_fulfilment", "shipped", "returning"];
/// Buckets of units that were sold, and not given back.
const SOLD: [&str; 4] = ["allocated", "in_fulfilment", "shipped", "delivered"];
/// How long orders may take to come to rest.
const REST: Duration = Duration::from_secs(180);
/// Between two looks at whether they have.
const LOOK: Duration = Duration::from_millis(500);
/// Orders looked at together.
const AT_A_TIME: usize = 8;
/// Violations of a law that are named.
const EXAMPLES: usize = 3;

/// What was found. Each text names an order.
#[derive(Debug, Default, Serialize)]
pub struct Proof {
    /// Orders answered with 201.
    pub accepted: usize,
    /// Of those, the ones that do not exist.
    pub lost: Vec<String>,
    /// Keys under which more than one order exists.
    pub doubled: Vec<String>,
    /// Orders that have not come to rest.
    pub restless: Vec<String>,
    /// Keys that were refused for good, or never answered, also when asked again afterwards.
    pub unanswered: Vec<String>,
    /// Orders of which more units were sent than were ordered.
    pub sent_twice: Vec<String>,
    /// Units of the scarce item that were sold and did not exist.
    pub oversold: i64,
    /// Broken laws, as `quartermaster verify` tells them.
    pub violations: Vec<String>,
    /// Events that were set aside and should not have been, or the reverse.
    pub dead_letters: i64,
}

impl Proof {
    /// True when every promise was kept.
    pub fn is_clean(&self) -> bool {
        let lists = [&self.lost, &self.doubled, &self.restless, &self.unanswered, &self.sent_twice];
        lists.iter().all(|list| list.is_empty()) && self.oversold == 0 && self.is_verified()
    }

    /// True when the audit found nothing.
    pub fn is_verified(&self) -> bool {
        self.violations.is_empty() && self.dead_letters == 0
    }
}

/// Waits until nothing moves any more; says how long that took, or nothing if it did not come to that.
pub async fn settle(system: &System) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < REST {
        // While something is still down, nobody knows.
        if matches!(is_at_rest(system).await, Ok(true)) {
            return Some(began.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
    None
}

async fn is_at_rest(system: &System) -> Result<bool, BuildError> {
    let summary = system.api.get("/v1/summary").await?;
    let moving: i64 = MOVING.iter().filter_map(|bucket| summary["units"][bucket].as_i64()).sum();
    let mails = summary["notifications"]["mails_pending"].as_i64().unwrap_or(0);
    Ok(moving == 0 && mails == 0 && system.verifier.in_flight().await? == 0)
}

/// Looks at every order of the ledger, counts what was sold of the scarce item of which `supply` units existed, and checks
/// the books. `dead_letters` are those that there should be.
pub async fn examine(
    system: &System,
    entries: &[Entry],
    (scarce, supply): (&str, i64),
    dead_letters: u64,
) -> Result<Proof, BuildError> {
    let looked_at = futures::stream::iter(entries).map(|entry| examine_order(&system.api, entry, scarce));
    let found: Vec<Proof> = looked_at.buffer_unordered(AT_A_TIME).try_collect().await?;
    let mut proof = Proof::default();
    for one in found {
        proof.accepted += one.accepted;
        proof.lost.extend(one.lost);
        proof.doubled.extend(one.doubled);
        proof.restless.extend(one.restless);
        proof.unanswered.extend(one.unanswered);
        proof.sent_twice.extend(one.sent_twice);
        proof.oversold += one.oversold;
    }
    proof.oversold = (proof.oversold - supply).max(0);
    let report = system.verifier.verify().await?;
    for (service, law) in report.within.iter().filter(|(_, law)| law.violations > 0) {
        proof.violations.push(format!("{service}: {}: {}", law.law, law.examples.join("; ")));
    }
    for law in report.across.iter().filter(|law| !law.violations.is_empty()) {
        let some = law.violations.iter().take(EXAMPLES).cloned().collect::<Vec<_>>().join("; ");
        proof.violations.push(format!("{}: {} violations, such as {some}", law.law, law.violations.len()));
    }
    proof.dead_letters = i64::try_from(report.dead_letters)? - i64::try_from(dead_letters)?;
    Ok(proof)
}

/// One order. `oversold` is what it got of the scarce item.
async fn examine_order(api: &Api, entry: &Entry, scarce: &str) -> Result<Proof, BuildError> {
    let mut proof = Proof::default();
    let name = &entry.reference;
    let found = api.list(&format!("/v1/orders?external_id={name}"), 10).await?;
    if found.len() > 1 {
        proof.doubled.push(name.clone());
    }
    let Some(id) = &entry.placed else {
        let why = entry.refused.as_ref().or(entry.failures.last()).map_or("", String::as_str);
        proof.unanswered.push(format!("{name}: {why}"));
        return Ok(proof);
    };
    proof.accepted = 1;
    let order = match api.get(&format!("/v1/orders/{id}")).await {
        Ok(order) if found.iter().any(|it| it["id"] == order["id"]) => order,
        Ok(_) => {
            proof.lost.push(format!("{name} ({id}) is not in the list"));
            return Ok(proof);
        }
        Err(error) => {
            proof.lost.push(format!("{name} ({id}): {error}"));
            return Ok(proof);
        }
    };
    let units = units(&order, |_| true);
    if order["status"] != "on_hold" && MOVING.iter().any(|bucket| units.contains_key(*bucket)) {
        proof.restless.push(format!("{name} ({id}) is {}: {units:?}", order["status"]));
    }
    proof.oversold = units_in(&order, scarce, &SOLD);
    let shipments = api.list(&format!("/v1/shipments?order_id={id}"), 1_000).await?;
    if is_sent_twice(&order, &shipments) {
        proof.sent_twice.push(format!("{name} ({id})"));
    }
    Ok(proof)
}

/// Units of an order's lines by bucket.
fn units(order: &Value, of: impl Fn(&Value) -> bool) -> BTreeMap<String, i64> {
    let mut units = BTreeMap::new();
    let lines = order["lines"].as_array().into_iter().flatten().filter(|line| of(line));
    for piece in lines.flat_map(|line| line["pieces"].as_array().into_iter().flatten()) {
        if let (Some(bucket), Some(quantity)) = (piece["bucket"].as_str(), piece["quantity"].as_i64()) {
            *units.entry(bucket.to_owned()).or_default() += quantity;
        }
    }
    units
}

fn units_in(order: &Value, sku: &str, buckets: &[&str]) -> i64 {
    let units = units(order, |line| line["sku"] == sku);
    buckets.iter().filter_map(|bucket| units.get(*bucket)).sum()
}

/// Whether carriers got more of a line than was ordered, or a parcel got two labels.
fn is_sent_twice(order: &Value, shipments: &[Value]) -> bool {
    let (mut sent, mut parcels) = (BTreeMap::<&str, i64>::new(), HashSet::new());
    for shipment in shipments.iter().filter(|it| it["status"] != "voided") {
        if !parcels.insert(&shipment["parcel_id"]) {
            return true;
        }
        for units in shipment["units"].as_array().into_iter().flatten() {
            let line = units["line_id"].as_str().unwrap_or_default();
            *sent.entry(line).or_default() += units["quantity"].as_i64().unwrap_or(0);
        }
    }
    let ordered = |line: &Value| line["quantity"].as_i64().unwrap_or(0);
    let lines = order["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines
        .iter()
        .any(|line| line["id"].as_str().and_then(|id| sent.get(id)).is_some_and(|sent| *sent > ordered(line)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shipment(parcel: &str, quantity: i64, status: &str) -> Value {
        let units = json!([{ "line_id": "line_1", "quantity": quantity }]);
        json!({ "parcel_id": parcel, "status": status, "units": units })
    }

    #[test]
    fn what_is_sent_twice_is_seen() {
        let order = json!({ "lines": [{ "id": "line_1", "quantity": 2 }] });
        let once =
            [shipment("a", 1, "delivered"), shipment("b", 1, "in_transit"), shipment("c", 2, "voided")];
        assert!(!is_sent_twice(&order, &once));
        assert!(is_sent_twice(&order, &[shipment("a", 1, "delivered"), shipment("a", 1, "delivered")]));
        assert!(is_sent_twice(&order, &[shipment("a", 2, "delivered"), shipment("b", 1, "delivered")]));
    }

    #[test]
    fn what_an_order_got_of_an_item_is_counted() {
        let piece = |bucket, quantity| json!({ "bucket": bucket, "quantity": quantity });
        let line = |sku, pieces: &[Value]| json!({ "sku": sku, "pieces": pieces });
        let lines = [
            line("rare", &[piece("delivered", 1), piece("backordered", 2)]),
            line("common", &[piece("delivered", 5)]),
        ];
        assert_eq!(units_in(&json!({ "lines": lines }), "rare", &SOLD), 1);
    }
}
