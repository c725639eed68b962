//! Waking the jobs that wait for new rows, so that nothing waits for a poll.

use std::sync::Arc;

use tokio::sync::Notify;

/// Woken after the commit that gives them work.
#[derive(Debug, Default)]
pub struct Wake {
    /// The job that buys and voids labels.
    pub labels: Arc<Notify>,
    /// The job that reports what a simulated carrier scans.
    pub scans: Arc<Notify>,
}
