//! Waiting for a condition, with a deadline, instead of sleeping.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// Nothing that is meant to happen takes longer, also on a machine that compiles beside it.
const DEADLINE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until there is an answer; panics with what is awaited and what was seen last.
pub(crate) async fn until<T, S: Display>(awaited: &str, mut ask: impl AsyncFnMut() -> Result<T, S>) -> T {
    let started = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(seen) if started.elapsed() > DEADLINE => panic!("{awaited}: not within {DEADLINE:?}; {seen}"),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Says what was being tried when a test fails meanwhile: tables of cases wait for the same things again and again.
pub(crate) struct Trying(pub(crate) String);

impl Drop for Trying {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while trying {}", self.0);
        }
    }
}
