//! Randomness behind a seam, so that a simulation can repeat a run from its seed.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// A source of random bytes that the parts of a process share.
pub type SharedEntropy = Arc<dyn Entropy>;

/// Fills bytes at random.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Overwrites all of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Cryptographically secure randomness, fit for keys and tokens.
///
/// A generator per thread, seeded and regularly reseeded by the operating system, so that thousands of ids do not
/// cost thousands of system calls. A machine that has no randomness to give cannot run this system: the thread panics
/// rather than hand out guessable bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine is asked for randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// The same bytes in the same order for the same seed. For tests and simulations, never for secrets.
pub struct SeededEntropy(Mutex<ChaCha20Rng>);

impl SeededEntropy {
    /// A source that repeats itself for each `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // A panic elsewhere cannot leave the generator half-changed in a way that matters: any state is a valid one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededEntropy").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(source: &dyn Entropy) -> [u8; 32] {
        let mut bytes = [0; 32];
        source.fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_seed_repeats_its_bytes_and_another_seed_does_not() {
        let (one, again, other) = (SeededEntropy::new(7), SeededEntropy::new(7), SeededEntropy::new(8));
        let first = draw(&one);
        assert_eq!(first, draw(&again));
        assert_eq!(draw(&one), draw(&again));
        assert_ne!(first, draw(&other));
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        assert_ne!(draw(&SystemEntropy), draw(&SystemEntropy));
    }
}
