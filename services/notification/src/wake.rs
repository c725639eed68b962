//! Waking those who wait for new rows, so that nothing waits for a poll.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::commands::record_changes::Made;

/// Woken when changes were recorded.
#[derive(Debug)]
pub struct Wake {
    /// The mail job.
    pub mails: Arc<Notify>,
    /// The webhook job.
    pub webhooks: Arc<Notify>,
    changes: watch::Sender<u64>,
}

impl Default for Wake {
    fn default() -> Self {
        Self { mails: Arc::default(), webhooks: Arc::default(), changes: watch::Sender::new(0) }
    }
}

impl Wake {
    /// Wakes those who have something to do now.
    pub fn after(&self, made: Made) {
        if made.mails {
            self.mails.notify_one();
        }
        if made.deliveries {
            self.webhooks.notify_one();
        }
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Follows the recording of changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
