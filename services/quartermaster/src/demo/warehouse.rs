//! Simulated warehouses and counters: they look for work through the API and do it step by step, as a warehouse
//! management system would.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{measure::Measurements, pack::Scales};
use crate::shop::{Api, ApiError};

/// Between two looks for new work, in real time.
const LOOK: Duration = Duration::from_millis(100);
/// Fulfilments worked on at a time, by all warehouses together.
const HANDS: usize = 8;
/// Work taken up from one look.
const MAX_FOUND: usize = 1_000;
/// Steps from a request to the handover, and some to spare.
const MAX_STEPS: usize = 8;
/// One order of so many meets an empty shelf, once.
const SHORT_PICK_EVERY: i64 = 33;

/// States in which a location has something to do.
const NEW: &[&str] = &["requested"];
const ANY: &[&str] = &["requested", "accepted", "picking", "packed", "ready_for_pickup"];

/// All warehouses, stores and suppliers.
#[derive(Debug, Clone)]
pub(super) struct Warehouses {
    api: Api,
    measurements: Arc<Measurements>,
    scales: Arc<Scales>,
    short_picked: Arc<Mutex<HashSet<String>>>,
}

/// What to do next with a fulfilment.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// An action of the API and its body.
    Do(&'static str, Value),
    /// The parcels get labels and then go.
    Dispatch,
    /// The shelf holds one unit less than the books say.
    ShortPick(Value),
    /// Nothing.
    Done,
}

impl Warehouses {
    pub(super) fn new(api: Api, measurements: Arc<Measurements>, scales: Scales) -> Self {
        Self { api, measurements, scales: Arc::new(scales), short_picked: Arc::default() }
    }

    /// Works until told to stop.
    pub(super) async fn run(self, stop: CancellationToken) {
        let hands = Arc::new(Semaphore::new(HANDS));
        let mut at_work: JoinSet<String> = JoinSet::new();
        let mut taken: HashSet<String> = HashSet::new();
        loop {
            while let Some(ended) = at_work.try_join_next() {
                if let Ok(id) = ended {
                    taken.remove(&id);
                }
            }
            // What was left half-done, by a conflict or an outage, is looked for when there is nothing else to do.
            let states = if at_work.is_empty() { ANY } else { NEW };
            for found in self.find(states).await {
                let Some(id) = found["id"].as_str().map(str::to_owned) else { continue };
                if !taken.insert(id.clone()) {
                    continue;
                }
                let (warehouses, hands) = (self.clone(), Arc::clone(&hands));
                at_work.spawn(async move {
                    if let Ok(_hand) = hands.acquire().await {
                        warehouses.work(found).await;
                    }
                    id
                });
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn find(&self, states: &[&str]) -> Vec<Value> {
        let mut found = Vec::new();
        for state in states {
            match self.api.list(&format!("/v1/fulfilments?status={state}"), MAX_FOUND).await {
                Ok(fulfilments) => found.extend(fulfilments),
                Err(error) => tracing::warn!("warehouses cannot look for work: {error}"),
            }
        }
        found
    }

    /// Takes a fulfilment as far as it goes.
    async fn work(&self, mut fulfilment: Value) {
        let id = fulfilment["id"].as_str().unwrap_or_default().to_owned();
        for _ in 0..MAX_STEPS {
            let taken = match self.next(&fulfilment) {
                Step::Do(action, body) => self.act(&id, action, &body).await,
                Step::ShortPick(body) => {
                    self.measurements.short_pick();
                    self.act(&id, "reject", &body).await
                }
                Step::Dispatch => match self.act(&id, "label", &json!({})).await {
                    Ok(_) => self.act(&id, "hand-over", &json!({})).await,
                    refused => refused,
                },
                Step::Done => return,
            };
            match taken {
                Ok(now) => fulfilment = now,
                // Somebody else decided meanwhile, for example that the order is cancelled.
                Err(error) if error.is_conflict() => return tracing::debug!("{error}"),
                Err(error) => return tracing::warn!("a warehouse gets nowhere: {error}"),
            }
            if matches!(fulfilment["status"].as_str(), Some("dispatched" | "completed")) {
                self.measurements.handed_over();
                return;
            }
        }
    }

    async fn act(&self, id: &str, action: &str, body: &Value) -> Result<Value, ApiError> {
        self.api.post(&format!("/v1/fulfilments/{id}/{action}"), body, &format!("{id}-{action}")).await
    }

    fn next(&self, fulfilment: &Value) -> Step {
        match fulfilment["status"].as_str().unwrap_or_default() {
            "requested" => Step::Do("accept", json!({})),
            "accepted" => Step::Do("pick", json!({})),
            "picking" => match short_pick(fulfilment).filter(|_| self.is_first(fulfilment)) {
                Some(units) => Step::ShortPick(units),
                None => Step::Do("pack", self.scales.pack(fulfilment)),
            },
            "packed" => Step::Dispatch,
            "ready_for_pickup" => Step::Do("hand-over", json!({})),
            _ => Step::Done,
        }
    }

    /// Whether this order's shelf has not been empty before.
    fn is_first(&self, fulfilment: &Value) -> bool {
        let order = fulfilment["order_id"].as_str().unwrap_or_default().to_owned();
        self.short_picked.lock().unwrap_or_else(PoisonError::into_inner).insert(order)
    }
}

/// The rejection of one unit, if this order is one that meets an empty shelf. Its number decides, so that a run can be
/// repeated.
fn short_pick(fulfilment: &Value) -> Option<Value> {
    let number = fulfilment["order_number"].as_i64()?;
    if number % SHORT_PICK_EVERY != 0 {
        return None;
    }
    let line = fulfilment["lines"].as_array()?.first()?;
    let unit = json!({ "line_id": line["line_id"], "item_id": line["item_id"], "quantity": 1 });
    Some(json!({ "reason": "short_pick", "units": [unit], "note": "the shelf is empty" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fulfilment(number: i64, status: &str) -> Value {
        let line =
            json!({ "line_id": "line_1", "item_id": "item_1", "sku": "A", "quantity": 2, "rejected": 0 });
        json!({ "id": "fulfilment_1", "order_id": format!("order_{number}"), "order_number": number,
                "status": status, "lines": [line] })
    }

    fn warehouses() -> Warehouses {
        Warehouses::new(Api::new("http://127.0.0.1:1", "qm_key").unwrap(), Arc::default(), Scales::default())
    }

    #[test]
    fn work_goes_step_by_step_and_ends() {
        let warehouses = warehouses();
        let step = |status| warehouses.next(&fulfilment(1, status));
        assert_eq!(step("requested"), Step::Do("accept", json!({})));
        assert_eq!(step("accepted"), Step::Do("pick", json!({})));
        assert_eq!(step("picking"), Step::Do("pack", json!({})));
        assert_eq!(step("packed"), Step::Dispatch);
        assert_eq!(step("ready_for_pickup"), Step::Do("hand-over", json!({})));
        for status in ["dispatched", "completed", "cancelled", "rejected", "incomplete"] {
            assert_eq!(step(status), Step::Done, "{status}");
        }
    }

    #[test]
    fn an_order_meets_an_empty_shelf_once_and_the_same_one_in_every_run() {
        for _ in 0..2 {
            let warehouses = warehouses();
            let picking = fulfilment(SHORT_PICK_EVERY, "picking");
            let Step::ShortPick(body) = warehouses.next(&picking) else { panic!("no empty shelf") };
            assert_eq!(body["units"][0]["quantity"], 1);
            assert_eq!(warehouses.next(&picking), Step::Do("pack", json!({})));
        }
    }
}
