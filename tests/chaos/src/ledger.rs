//! What was asked, and what was answered: the client's side of the proof.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// An order is served when it is answered with 201 at the first try, and no later than this.
pub const PROMPTLY: Duration = Duration::from_secs(2);

/// Everything asked in one run.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Mutex<Vec<Entry>>,
}

/// One order: its key, and what became of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The idempotency key, and the channel's own number.
    pub reference: String,
    /// When it was due.
    pub due: Instant,
    /// The order's id, once it was answered with 201.
    pub placed: Option<String>,
    /// When that was.
    pub placed_at: Option<Instant>,
    /// The answer that will not change by asking again.
    pub refused: Option<String>,
    /// Other answers, and requests without one.
    pub failures: Vec<String>,
}

impl Entry {
    /// Whether it was not served as if nothing were wrong. Of one that is not answered yet nobody knows for a while.
    pub fn is_disturbed(&self) -> bool {
        match self.placed_at {
            Some(at) => !self.failures.is_empty() || at - self.due > PROMPTLY,
            None => !self.failures.is_empty() || self.refused.is_some() || self.due.elapsed() > PROMPTLY,
        }
    }
}

impl Ledger {
    /// Enters an order that is due; gives its number.
    pub fn enter(&self, reference: String, due: Instant) -> usize {
        let mut entries = self.entries();
        entries.push(Entry {
            reference,
            due,
            placed: None,
            placed_at: None,
            refused: None,
            failures: Vec::new(),
        });
        entries.len() - 1
    }

    /// It was answered with 201.
    pub fn placed(&self, number: usize, id: String) {
        self.change(number, |entry| (entry.placed, entry.placed_at) = (Some(id), Some(Instant::now())));
    }

    /// It was refused for good.
    pub fn refused(&self, number: usize, why: String) {
        self.change(number, |entry| entry.refused = Some(why));
    }

    /// It was not answered, or told to come again.
    pub fn failed(&self, number: usize, why: String) {
        self.change(number, |entry| entry.failures.push(why));
    }

    /// All entries as they are now.
    pub fn all(&self) -> Vec<Entry> {
        self.entries().clone()
    }

    /// Answers other than 201 by what they said.
    pub fn failures(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.entries().iter() {
            for failure in entry.failures.iter().chain(&entry.refused) {
                *counts.entry(failure.clone()).or_default() += 1;
            }
        }
        counts
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries().get_mut(number) {
            change(entry);
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
