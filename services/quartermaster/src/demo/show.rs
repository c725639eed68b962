//! The demo itself, from an empty system to the summary.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use qm_clock::{AcceleratedClock, Clock as _};
use qm_runtime::BuildError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    changes,
    measure::Measurements,
    pack::Scales,
    progress, replay,
    rest::{self, Counts},
    settings::Pace,
    summary::{Summary, thousands},
    warehouse::Warehouses,
};
use crate::{
    dataset::{Dataset, DatasetOrder},
    shop::{Api, Loaded, load},
    verify::Verifier,
};

/// How long what was loaded may take to reach every service, in real time.
const SPREADING: Duration = Duration::from_secs(120);
/// How long the stream of changes may take to open, in real time.
const OPENING: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

/// What the demo plays on.
pub(super) struct Stage {
    pub(super) api: Api,
    pub(super) clock: Arc<AcceleratedClock>,
    pub(super) verifier: Verifier,
    pub(super) pace: Pace,
}

impl Stage {
    /// Loads, replays, waits for rest, and checks the books.
    pub(super) async fn show(
        self,
        dataset: &Dataset,
        orders: Vec<DatasetOrder>,
    ) -> Result<Summary, BuildError> {
        let loaded = self.load(dataset).await?;
        say_loaded(&loaded);

        let measurements = Arc::new(Measurements::default());
        let stop = CancellationToken::new();
        // Whoever ends this early ends those too.
        let _stopping = stop.clone().drop_guard();
        let (open, mut opened) = watch::channel(false);
        tokio::spawn(changes::follow(self.api.clone(), measurements.clone(), open, stop.clone()));
        let warehouses = Warehouses::new(self.api.clone(), measurements.clone(), Scales::of(dataset));
        tokio::spawn(warehouses.run(stop.clone()));
        tokio::time::timeout(OPENING, opened.wait_for(|open| *open)).await??;

        let start = self.start(&orders)?;
        let title =
            format!("[2/4] Replaying {} real orders, at their own times", thousands(orders.len() as u64));
        let bar = progress::bar(&title, orders.len() as u64);
        replay::replay(&self.api, orders, &self.pace, &*self.clock, &measurements, &bar).await?;
        bar.finish();

        let spinner = progress::spinner("[3/4] Waiting until every order has come to rest");
        let counts =
            rest::settle(&self.api, &self.clock, &self.verifier, |it| spinner.set_message(on_the_way(it)))
                .await?;
        spinner.finish_and_clear();
        let end = self.clock.now();
        // From here on time is as slow as the reader's.
        self.clock.set_speed(1.0)?;
        println!("[4/4] Checking the books");
        let restless = rest::restless(&self.api).await?;
        let report = self.verifier.verify().await?;
        Ok(Summary {
            measured: measurements.measured(),
            counts,
            span: (start, end),
            retries: self.api.retries(),
            report,
            restless,
        })
    }

    async fn load(&self, dataset: &Dataset) -> Result<Loaded, BuildError> {
        let bar = progress::bar("[1/4] Loading locations, catalogue, tariff and stock", 0);
        let loaded = load(&self.api, dataset, self.pace.squeeze.into(), &bar).await?;
        // Other services keep copies of items and locations, which events bring them.
        let began = Instant::now();
        while self.verifier.in_flight().await? > 0 {
            if began.elapsed() > SPREADING {
                return Err("what was loaded has not reached every service within two minutes".into());
            }
            tokio::time::sleep(LOOK).await;
        }
        bar.finish();
        Ok(loaded)
    }

    /// The clock begins to run with the stream.
    fn start(&self, orders: &[DatasetOrder]) -> Result<chrono::DateTime<chrono::Utc>, BuildError> {
        let first = orders.first().map_or_else(|| self.clock.now(), |order| order.placed_at);
        self.clock.advance_to(first);
        self.clock.set_speed(self.pace.clock_speed)?;
        Ok(first)
    }
}

fn say_loaded(loaded: &Loaded) {
    println!(
        "      {} locations, {} items, {} units in {} places",
        loaded.locations,
        thousands(loaded.items as u64),
        thousands(loaded.units.unsigned_abs()),
        thousands(loaded.stock_rows as u64),
    );
}

fn on_the_way(counts: &Counts) -> String {
    let units: Vec<String> =
        counts.units.iter().map(|(bucket, count)| format!("{count} {}", bucket.replace('_', " "))).collect();
    format!("units: {}", units.join(", "))
}
