//! Units that wait for stock. What order says of them arrives in any order and more than once, so a wait keeps what it
//! was told, by the order's revision, and counts it up in that order.

use serde::{Deserialize, Serialize};

/// Most units that one line is taken to wait for: far above anything real, and sums over all lines never overflow.
const MOST_WAITING: i64 = 1_000_000_000;

/// What was told of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// Units wait.
    Waits,
    /// An attempt was minted for units that waited. It may be announced again.
    Woken {
        /// The attempt.
        attempt: i32,
    },
    /// Units were cancelled, whether they waited or not.
    Cancelled,
    /// Nothing of the order is left.
    Ended,
}

/// One thing that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitEntry {
    /// The order's revision when it happened.
    pub revision: i64,
    /// What.
    pub kind: WaitKind,
    /// Units, >= 0.
    pub quantity: i64,
}

/// What waits of one item of one line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wait {
    /// All that was told, by revision.
    pub entries: Vec<WaitEntry>,
}

impl Wait {
    /// Takes note of something. An attempt that is announced again counts once, from its first revision on.
    pub fn note(&mut self, entry: WaitEntry) {
        if let WaitKind::Woken { .. } = entry.kind
            && let Some(known) = self.entries.iter_mut().find(|known| known.kind == entry.kind)
        {
            known.revision = known.revision.min(entry.revision);
        } else {
            self.entries.push(entry);
        }
        // What ends a wait of the same revision comes before what begins one.
        self.entries.sort_by_key(|entry| (entry.revision, entry.kind == WaitKind::Waits, entry.quantity));
    }

    /// Units that wait now, at most [`MOST_WAITING`].
    pub fn quantity(&self) -> i64 {
        if self.entries.iter().any(|entry| entry.kind == WaitKind::Ended) {
            return 0;
        }
        let waiting = self.entries.iter().fold(0, |waiting: i64, entry| match entry.kind {
            WaitKind::Waits => waiting.saturating_add(entry.quantity),
            // Cancelled units may have been elsewhere, so a wait never falls below nothing.
            _ => waiting.saturating_sub(entry.quantity).max(0),
        });
        waiting.min(MOST_WAITING)
    }
}
