//! What was found, for people and for machines.

use std::fmt;

use serde::Serialize;

use crate::run::Outcome;

/// Examples of each kind that are shown.
const EXAMPLES: usize = 3;
/// Answers other than 201 that are shown.
const ANSWERS: usize = 6;

/// Everything that one run found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Decides when orders come, and what chance decides.
    pub seed: u64,
    /// Orders a second.
    pub rate: f64,
    /// In the order in which they were inflicted.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// True when every promise was kept.
    pub fn is_good(&self) -> bool {
        self.outcomes.iter().all(Outcome::is_good)
    }
}

/// The names of the columns.
pub const HEADER: &str = "fault                       orders  lost  doubled  oversold  sent twice  disturbed  back s  drained s  verify";

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.skipped {
            return write!(f, "{:<26}  skipped: {why}", self.fault);
        }
        if let Some(why) = &self.broken_off {
            return write!(f, "{:<26}  FAILED: {why}", self.fault);
        }
        let seconds = |it: Option<f64>| it.map_or("never".to_owned(), |it| format!("{it:.1}"));
        let proof = &self.proof;
        write!(
            f,
            "{:<26}  {:>6}  {:>4}  {:>7}  {:>8}  {:>10}  {:>9}  {:>6}  {:>9}  {}{}",
            self.fault,
            proof.accepted,
            proof.lost.len(),
            proof.doubled.len(),
            proof.oversold,
            proof.sent_twice.len(),
            self.disturbed,
            seconds(self.back_after_seconds),
            seconds(self.drained_after_seconds),
            if proof.is_verified() { "clean" } else { "NOT CLEAN" },
            if self.is_good() { "" } else { "  FAILED" },
        )?;
        for (what, found) in [
            ("lost", &proof.lost),
            ("doubled", &proof.doubled),
            ("not at rest", &proof.restless),
            ("without an answer that holds", &proof.unanswered),
            ("sent twice", &proof.sent_twice),
            ("broken", &proof.violations),
        ] {
            for one in found.iter().take(EXAMPLES) {
                write!(f, "\n    {what}: {one}")?;
            }
            if found.len() > EXAMPLES {
                write!(f, "\n    {what}: {} in all", found.len())?;
            }
        }
        if proof.dead_letters != 0 {
            write!(f, "\n    {:+} dead letters", proof.dead_letters)?;
        }
        for (answer, count) in self.failures.iter().take(ANSWERS) {
            write!(f, "\n      {count} × {answer}")?;
        }
        if self.failures.len() > ANSWERS {
            write!(f, "\n      and {} other kinds of answers", self.failures.len() - ANSWERS)?;
        }
        Ok(())
    }
}
