//! What an order costs with ever more orders stored.

use std::time::{Duration, Instant};

use qm_runtime::BuildError;
use serde::Serialize;

use super::EndToEnd;
use crate::report::{Measured, Report};

/// Orders that are placed before the backlog may drain again, while filling.
const CHUNK: Duration = Duration::from_secs(20);
/// Filling goes at this part of the rate that is measured, so that it never falls far behind.
const FILLING: f64 = 1.2;

/// One stage of growth.
#[derive(Debug, Serialize)]
pub struct Stage {
    /// Orders that were stored when it began.
    pub stored: i64,
    /// At the rate that was asked.
    pub measured: Measured,
}

/// Fills the system to each number of orders and measures the same rate there.
pub async fn growth(
    system: &mut EndToEnd,
    stages: &[i64],
    rate: f64,
    seconds: u64,
    report: &mut Report,
) -> Result<(), BuildError> {
    for stage in stages {
        while system.orders_stored().await? < *stage {
            let missing = (*stage - system.orders_stored().await?) as f64;
            let chunk = CHUNK.min(Duration::from_secs_f64((missing / (rate * FILLING)).max(1.0)));
            let outcome = system.offer(rate * FILLING, chunk, system.connections()).await?;
            if !outcome.failures.is_empty() {
                return Err(format!("while filling: {:?}", outcome.failures).into());
            }
            system.drain(Instant::now()).await?;
        }
        let stored = system.orders_stored().await?;
        eprintln!("{stored} orders stored");
        let measured = system.step(rate, seconds).await?;
        report.growth.push(Stage { stored, measured });
    }
    Ok(())
}
