//! What is done when it is due, again and again.

pub mod labels;
pub mod scans;

use std::time::Duration;

/// Longest pause between two looks at what waits, in real time: another process may have added to it.
const POLL: Duration = Duration::from_secs(1);
