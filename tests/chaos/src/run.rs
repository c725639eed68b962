//! One fault under load, from the first order to the proof.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::ValueEnum as _;
use qm_runtime::{BuildError, with_causes};
use quartermaster::dataset::Dataset;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    fault::{Fault, Inflicted},
    ledger::{Entry, Ledger, PROMPTLY},
    load::{Bodies, Load},
    proof::{self, Proof},
    system::System,
};

/// Load before the fault.
const BEFORE: Duration = Duration::from_secs(4);
/// Load after all are ready again goes on until for so long every order that fell due was served promptly.
const AFTER: Duration = Duration::from_secs(4);
/// How long services may take to be ready, and to serve, before they are given up.
const GIVE_UP: Duration = Duration::from_secs(90);
/// Between two looks at whether they do.
const LOOK: Duration = Duration::from_millis(100);
/// Units of the scarce item: fewer than are asked for.
const SUPPLY: i64 = 10;

/// How faults are inflicted.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Orders a second.
    pub rate: f64,
    /// How long causes last that do.
    pub lasting: Duration,
    /// Decides when orders come, and what chance decides.
    pub seed: u64,
}

/// What came of a fault.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Which one.
    pub fault: String,
    /// Why it was not inflicted.
    pub skipped: Option<String>,
    /// Why it came to no end, if it did not.
    pub broken_off: Option<String>,
    /// Orders that were not served promptly and at the first try.
    pub disturbed: usize,
    /// From the end of the cause until orders were served promptly again and all processes were ready; none if that did not
    /// come.
    pub back_after_seconds: Option<f64>,
    /// From the end of the cause until everything was at rest, the orders placed meanwhile included; none if that did not
    /// come.
    pub drained_after_seconds: Option<f64>,
    /// Whether nobody may have been refused.
    pub is_seamless: bool,
    /// Answers other than 201, and requests without one.
    pub failures: BTreeMap<String, usize>,
    /// What was found afterwards.
    pub proof: Proof,
}

/// What the design promises.
const BACK: f64 = 10.0;
const DRAINED: f64 = 60.0;

impl Outcome {
    /// True when every promise was kept, and in time.
    pub fn is_good(&self) -> bool {
        let in_time = |seconds: Option<f64>, most| seconds.is_some_and(|seconds| seconds <= most);
        self.skipped.is_some()
            || (self.proof.is_clean()
                && (self.failures.is_empty() || !self.is_seamless)
                && in_time(self.back_after_seconds, BACK)
                && in_time(self.drained_after_seconds, DRAINED))
    }

    /// It was not inflicted, for this reason.
    pub fn skipped(fault: &str, why: String) -> Self {
        Self { skipped: Some(why), ..Self::nothing(fault) }
    }

    /// It came to no end, because the harness could not go on.
    pub fn broken_off(fault: &str, why: &BuildError) -> Self {
        Self { broken_off: Some(with_causes(why.as_ref())), ..Self::nothing(fault) }
    }

    fn nothing(fault: &str) -> Self {
        Self {
            fault: fault.to_owned(),
            skipped: None,
            broken_off: None,
            disturbed: 0,
            back_after_seconds: None,
            drained_after_seconds: None,
            is_seamless: false,
            failures: BTreeMap::new(),
            proof: Proof::default(),
        }
    }
}

/// Inflicts many faults one after another under one load, which ones and when decided by chance, and examines all at the end.
pub async fn run_mixed(
    system: &System,
    dataset: &Dataset,
    bodies: &Arc<Bodies>,
    lasting: Duration,
    plan: &Plan,
) -> Result<Outcome, BuildError> {
    let inflict = async || {
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
        let mixed: Vec<Fault> =
            Fault::value_variants().iter().copied().filter(|it| it.may_be_mixed()).collect();
        let (began, mut dead_letters) = (Instant::now(), 0);
        while began.elapsed() < lasting {
            let fault = mixed[random.random_range(0..mixed.len())];
            let short = Plan { lasting: Duration::from_secs(random.random_range(2..10)), ..*plan };
            println!("  {:>5.0} s  {}", began.elapsed().as_secs_f64(), fault.name());
            if let Inflicted::Done { dead_letters: more } = Box::pin(fault.inflict(system, &short)).await? {
                dead_letters += more;
            }
            // Sometimes before the last one is mended.
            tokio::time::sleep(Duration::from_secs(random.random_range(0..8))).await;
        }
        Ok(Inflicted::Done { dead_letters })
    };
    run(system, dataset, bodies, "mixed", inflict, plan).await
}

/// Inflicts a few faults one after another under one load, each when all are ready again, and examines all at the end.
pub async fn run_short(
    system: &System,
    dataset: &Dataset,
    bodies: &Arc<Bodies>,
    plan: &Plan,
) -> Result<Outcome, BuildError> {
    let inflict = async || {
        for fault in Fault::SHORT {
            println!("  {}", fault.name());
            Box::pin(fault.inflict(system, plan)).await?;
            until_ready(system, Instant::now()).await.ok_or("not all are ready again")?;
        }
        Ok(Inflicted::DONE)
    };
    run(system, dataset, bodies, "short", inflict, plan).await
}

/// Inflicts faults under one load, and says what came of it.
async fn run(
    system: &System,
    dataset: &Dataset,
    bodies: &Arc<Bodies>,
    name: &str,
    faults: impl AsyncFnOnce() -> Result<Inflicted, BuildError>,
    plan: &Plan,
) -> Result<Outcome, BuildError> {
    let prefix = format!("{name}-{:x}", chrono::Utc::now().timestamp_millis());
    let scarce = format!("scarce-{prefix}");
    stock(system, dataset, &scarce).await?;
    let dead_before = system.verifier.dead_letters().await?;
    let ledger = Arc::new(Ledger::default());
    let load = Load::new(system, Arc::clone(bodies), prefix, scarce.clone(), Arc::clone(&ledger))?;
    let stop = CancellationToken::new();
    let loading = tokio::spawn(Arc::clone(&load).run(plan.rate, plan.seed, stop.clone()));
    tokio::time::sleep(BEFORE).await;
    let inflicted = faults().await;
    let ended = Instant::now();
    let back_after = until_back(system, &ledger, ended).await;
    stop.cancel();
    loading.await??;
    let dead_letters = match inflicted? {
        Inflicted::Done { dead_letters } => dead_letters,
        Inflicted::Skipped(why) => return Ok(Outcome::skipped(name, why)),
    };
    load.ask_again().await;
    let drained_after = proof::settle(system).await.map(|_| ended.elapsed());
    let entries = ledger.all();
    let proof = proof::examine(system, &entries, (&scarce, SUPPLY), dead_before + dead_letters).await?;
    let disturbed = entries.iter().filter(|entry| entry.is_disturbed()).count();
    Ok(Outcome {
        disturbed,
        back_after_seconds: back_after.map(|it| it.as_secs_f64()),
        drained_after_seconds: drained_after.map(|it| it.as_secs_f64()),
        failures: ledger.failures(),
        proof,
        ..Outcome::nothing(name)
    })
}

/// Inflicts one fault.
pub async fn run_one(
    system: &System,
    dataset: &Dataset,
    bodies: &Arc<Bodies>,
    fault: Fault,
    plan: &Plan,
) -> Result<Outcome, BuildError> {
    let inflict = async || Box::pin(fault.inflict(system, plan)).await;
    let outcome = run(system, dataset, bodies, &fault.name(), inflict, plan).await?;
    Ok(Outcome { is_seamless: fault.is_seamless(), ..outcome })
}

/// Puts a scarce item of its own on sale, so that what was sold of it can be counted.
async fn stock(system: &System, dataset: &Dataset, sku: &str) -> Result<(), BuildError> {
    let location = dataset.locations().iter().find(|it| it.can_ship).ok_or("no location ships")?;
    let item = json!({ "sku": sku, "name": sku, "weight_grams": 300, "storage_class": "ambient" });
    system.api.put("/v1/items", &json!({ "items": [item] })).await?;
    let movement = json!({ "sku": sku, "location": location.code, "kind": "receive", "quantity": SUPPLY });
    system.api.post("/v1/stock/movements", &json!({ "movements": [movement] }), sku).await?;
    Ok(())
}

/// Waits until all processes are ready; says how long after `ended` that was.
async fn until_ready(system: &System, ended: Instant) -> Option<Duration> {
    loop {
        let missing = system.supervisor.not_ready().await;
        if missing.is_empty() {
            return Some(ended.elapsed());
        }
        if ended.elapsed() > GIVE_UP {
            eprintln!("not ready after {} s: {}", GIVE_UP.as_secs(), missing.join(", "));
            return None;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until all processes are ready and orders are served promptly again; says how long after `ended` that was.
async fn until_back(system: &System, ledger: &Ledger, ended: Instant) -> Option<Duration> {
    let ready_after = until_ready(system, ended).await?;
    let ready = ended + ready_after;
    loop {
        let entries = ledger.all();
        // Whether those who came just now are served promptly is not known yet.
        let known = Instant::now() - PROMPTLY;
        let calm_since = ready.max(ended + last_disturbed(&entries, ended));
        if known >= calm_since + AFTER {
            return Some(calm_since - ended);
        }
        if ended.elapsed() > GIVE_UP {
            eprintln!("orders are not served promptly after {} s", GIVE_UP.as_secs());
            return None;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How long after the end of the cause the last order was due that was not served as if nothing were wrong.
fn last_disturbed(entries: &[Entry], ended: Instant) -> Duration {
    let after = entries.iter().filter(|entry| entry.due > ended && entry.is_disturbed());
    after.map(|entry| entry.due - ended).max().unwrap_or_default()
}
