//! A steady load of orders through the public API, by clients that do not give up easily.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use qm_runtime::BuildError;
use quartermaster::{dataset::Dataset, shop::new_order};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use reqwest::{Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{ledger::Ledger, system::System};

/// Different orders; after the last, the first comes again under another reference.
const BODIES: usize = 200;
/// Lines of an order at most: here it is what breaks that counts, not how much is in it.
const LINES: usize = 2;
/// One order of so many wants the scarce item.
const SCARCE_ONE_IN: usize = 4;
/// How long a client waits for an answer: longer than the gateway lets anybody wait.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The pause before a client asks again; it doubles up to the longest. The server's own Retry-After comes first.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long after an order was due its client gives up.
const PATIENCE: Duration = Duration::from_secs(90);

/// Orders as clients send them, without their references.
pub struct Bodies(Vec<Value>);

impl Bodies {
    /// The first orders of a dataset.
    pub fn read(dataset: &Dataset) -> Result<Self, BuildError> {
        let today = chrono::Utc::now().date_naive();
        let body = |order: Result<quartermaster::dataset::DatasetOrder, _>| {
            let mut order = order?;
            order.lines.truncate(LINES);
            let days = (order.promise_by - order.placed_at.date_naive()).max(chrono::TimeDelta::days(1));
            Ok(new_order(&order, None, today + days))
        };
        Ok(Self(dataset.orders(BODIES)?.map(body).collect::<Result<_, BuildError>>()?))
    }

    /// What they want.
    pub fn skus(&self) -> HashSet<&str> {
        let lines = self.0.iter().flat_map(|body| body["lines"].as_array().into_iter().flatten());
        lines.filter_map(|line| line["sku"].as_str()).collect()
    }

    /// The body of the `n`-th order. Now and then it wants one unit of `scarce` and nothing else.
    fn body(&self, n: usize, reference: &str, scarce: &str) -> Value {
        let mut body = self.0.get(n % self.0.len().max(1)).cloned().unwrap_or_default();
        body["external_id"] = json!(reference);
        if n.is_multiple_of(SCARCE_ONE_IN) && body["fulfilment"] == "ship" {
            body["lines"] = json!([{ "sku": scarce, "title": scarce, "quantity": 1, "unit_price": "1.00" }]);
            body["total_minor"] = json!(100);
        }
        body
    }
}

/// Clients that place orders.
pub struct Load {
    client: reqwest::Client,
    url: String,
    key: String,
    bodies: Arc<Bodies>,
    /// Begins every reference.
    prefix: String,
    scarce: String,
    ledger: Arc<Ledger>,
}

impl Load {
    /// Clients of a system; what they ask and hear is entered in `ledger`.
    pub fn new(
        system: &System,
        bodies: Arc<Bodies>,
        prefix: String,
        scarce: String,
        ledger: Arc<Ledger>,
    ) -> Result<Arc<Self>, BuildError> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        let (url, key) = (format!("{}/v1/orders", system.base), system.key.clone());
        Ok(Arc::new(Self { client, url, key, bodies, prefix, scarce, ledger }))
    }

    /// Lets orders fall due at `rate` a second until told to stop, whether or not earlier ones were answered; then waits
    /// until each was answered or given up. The pauses between them are exponentially distributed, as those of callers who
    /// do not know of each other.
    pub async fn run(
        self: Arc<Self>,
        rate: f64,
        seed: u64,
        stop: CancellationToken,
    ) -> Result<(), BuildError> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (started, mut next) = (Instant::now(), Duration::ZERO);
        let mut clients = JoinSet::new();
        for n in 0.. {
            next += Duration::from_secs_f64(-(1.0 - random.random::<f64>()).ln() / rate);
            tokio::select! {
                () = tokio::time::sleep_until((started + next).into()) => {}
                () = stop.cancelled() => break,
            }
            clients.spawn(Arc::clone(&self).place(n, started + next));
            while clients.try_join_next().transpose()?.is_some() {}
        }
        while clients.join_next().await.transpose()?.is_some() {}
        Ok(())
    }

    /// Asks until there is an answer that holds, or patience ends.
    async fn place(self: Arc<Self>, n: usize, due: Instant) {
        let reference = format!("{}-{n}", self.prefix);
        let number = self.ledger.enter(reference.clone(), due);
        let mut pause = FIRST_PAUSE;
        while due.elapsed() < PATIENCE {
            let wait = self.ask(n, number, &reference).await;
            let Some(wait) = wait else { return };
            tokio::time::sleep(wait.unwrap_or(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Asks once more for whoever was given up. Whether there is an answer now stands in the ledger.
    pub async fn ask_again(&self) {
        for (number, entry) in self.ledger.all().into_iter().enumerate() {
            if entry.placed.is_none() && entry.refused.is_none() {
                let n = entry.reference.rsplit_once('-').and_then(|(_, n)| n.parse().ok()).unwrap_or(0);
                self.ask(n, number, &entry.reference).await;
            }
        }
    }

    /// Asks once. `None` means that the answer holds; else it says how long the server wants to be left alone, if it does.
    async fn ask(&self, n: usize, number: usize, reference: &str) -> Option<Option<Duration>> {
        let body = self.bodies.body(n, reference, &self.scarce);
        let request = self.client.post(&self.url).bearer_auth(&self.key).header("idempotency-key", reference);
        let response = match request.json(&body).send().await {
            Ok(response) => response,
            Err(error) => {
                let why = if error.is_timeout() { "no answer in time" } else { "connection lost" };
                self.ledger.failed(number, why.to_owned());
                return Some(None);
            }
        };
        let (status, wait) = (response.status(), retry_after(&response));
        let Ok(answer) = response.json::<Value>().await else {
            self.ledger.failed(number, "half an answer".to_owned());
            return Some(None);
        };
        if status == StatusCode::CREATED {
            self.ledger.placed(number, answer["id"].as_str().unwrap_or_default().to_owned());
            return None;
        }
        let why = format!("{} {}", status.as_u16(), answer["detail"].as_str().unwrap_or_default());
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            self.ledger.failed(number, why);
            return Some(wait);
        }
        self.ledger.refused(number, why);
        None
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
