//! All that chance decides. Each step has a seed of its own, so that what happens in a step depends on that step and on the
//! state before it, and not on how much chance the steps before used up.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use qm_clock::Entropy;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// What may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A publish is refused.
    PublishRefused,
    /// A publish is stored, and its acknowledgement lost.
    PublishUnheard,
    /// A delivery is lost on its way, and comes again later.
    DeliveryLost,
    /// A delivery comes twice.
    DeliveryRepeated,
    /// A delivery that comes twice comes the second time as if it were news, where that is allowed.
    RepeatedAsNews,
    /// A delivery is overtaken by others.
    DeliveryDelayed,
    /// The settling of a delivery is lost.
    SettlingLost,
    /// A commit meets another transaction.
    CommitConflict,
    /// The connection is lost before a commit.
    CommitLost,
    /// The connection is lost after a commit.
    CommitUnheard,
    /// The process dies before a commit.
    DeathBeforeCommit,
    /// The process dies after a commit.
    DeathAfterCommit,
    /// A call to another service does not reach it.
    CallLost,
    /// A call to another service has its effect, and the answer is lost.
    AnswerLost,
    /// A carrier does not answer, and does nothing.
    CarrierHangs,
    /// A carrier does not answer, and does it all the same.
    CarrierUnheard,
    /// A carrier answers nonsense.
    CarrierRaves,
    /// The mail server does not take a mail.
    MailRefused,
    /// The mail server takes a mail and does not say so.
    MailUnheard,
}

/// Each fault with how often it happens at most, of a thousand times that it may.
pub const FAULTS: [(Fault, u32); 19] = [
    (Fault::PublishRefused, 100),
    (Fault::PublishUnheard, 150),
    (Fault::DeliveryLost, 200),
    (Fault::DeliveryRepeated, 400),
    (Fault::RepeatedAsNews, 600),
    (Fault::DeliveryDelayed, 400),
    (Fault::SettlingLost, 150),
    (Fault::CommitConflict, 40),
    (Fault::CommitLost, 40),
    (Fault::CommitUnheard, 40),
    (Fault::DeathBeforeCommit, 10),
    (Fault::DeathAfterCommit, 10),
    (Fault::CallLost, 100),
    (Fault::AnswerLost, 100),
    (Fault::CarrierHangs, 60),
    (Fault::CarrierUnheard, 100),
    (Fault::CarrierRaves, 100),
    (Fault::MailRefused, 200),
    (Fault::MailUnheard, 200),
];

/// How often each fault happens, of a thousand times that it may. None is named that never does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rates(BTreeMap<Fault, u32>);

impl Rates {
    /// Rates as chance has it: each fault is off in some lives, rare in some and frequent in others, since a fault that is
    /// always there hides others.
    pub fn some(dice: &mut ChaCha8Rng) -> Self {
        let some = FAULTS.map(|(fault, most)| match dice.random_range(0..4) {
            0 => (fault, 0),
            1 | 2 => (fault, most / 4),
            _ => (fault, most),
        });
        Self(some.into_iter().collect())
    }
}

/// Chance within a step, and a record of what it did.
pub struct Chance {
    state: Mutex<State>,
}

struct State {
    rates: Rates,
    dice: ChaCha8Rng,
    /// Where ids and secrets come from.
    entropy: ChaCha8Rng,
    notes: Vec<String>,
    happened: BTreeMap<Fault, u64>,
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chance").finish_non_exhaustive()
    }
}

impl Default for Chance {
    fn default() -> Self {
        let (dice, entropy) = rngs(0);
        let state =
            State { rates: Rates::default(), dice, entropy, notes: Vec::new(), happened: BTreeMap::new() };
        Self { state: Mutex::new(state) }
    }
}

fn rngs(seed: u64) -> (ChaCha8Rng, ChaCha8Rng) {
    let dice = ChaCha8Rng::seed_from_u64(seed);
    let mut entropy = dice.clone();
    entropy.set_stream(1);
    (dice, entropy)
}

impl Chance {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step begins.
    pub fn begin(&self, seed: u64, rates: &Rates) {
        let mut state = self.state();
        (state.dice, state.entropy) = rngs(seed);
        state.rates.clone_from(rates);
        state.notes.clear();
    }

    /// What is to be told of the step so far.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notes)
    }

    /// Writes something down about the step.
    pub fn note(&self, note: impl Into<String>) {
        self.state().notes.push(note.into());
    }

    /// Whether this goes wrong now.
    pub fn happens(&self, fault: Fault) -> bool {
        let mut state = self.state();
        let rate = state.rates.0.get(&fault).copied().unwrap_or(0);
        // No draw while it cannot happen, so that a fault that is off does not shift the others.
        let happens = rate > 0 && state.dice.random_range(0..1_000) < rate;
        if happens {
            *state.happened.entry(fault).or_default() += 1;
        }
        happens
    }

    /// How often each fault happened.
    pub fn happened(&self) -> BTreeMap<Fault, u64> {
        self.state().happened.clone()
    }

    /// A number from 0 to below `end`.
    pub fn roll(&self, end: usize) -> usize {
        self.state().dice.random_range(0..end.max(1))
    }
}

impl Entropy for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        self.state().entropy.fill_bytes(bytes);
    }
}
