//! The side in memory: bounded maps that forget what was not used for long.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{Decision, TokenBucket};

/// Bytes that one generation of a map may hold, counted roughly. A map has two.
const GENERATION_BYTES: usize = 4 * 1024 * 1024;
/// What an entry takes besides its key and value, roughly.
const ENTRY_BYTES: usize = 96;

/// Buckets and values of this process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    buckets: Mutex<Generations<Bucket>>,
    values: Mutex<Generations<Value>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

#[derive(Debug, Clone)]
struct Value {
    bytes: Vec<u8>,
    until: Instant,
}

impl Memory {
    pub(crate) fn take(&self, key: &str, bucket: &TokenBucket, cost: u32) -> Decision {
        let mut buckets = lock(&self.buckets);
        let now = Instant::now();
        let known = buckets.touch(key);
        let elapsed = known.map(|known| now.saturating_duration_since(known.at)).unwrap_or_default();
        let (tokens, paid) = bucket.take(known.map(|known| known.tokens), elapsed, cost);
        buckets.insert(key, Bucket { tokens, at: now });
        bucket.decision(tokens, paid, cost)
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut values = lock(&self.values);
        let now = Instant::now();
        let live = values.touch(key).filter(|value| now < value.until).map(|value| value.bytes.clone());
        if live.is_none() {
            values.remove(key);
        }
        live
    }

    pub(crate) fn set(&self, key: &str, value: &[u8], ttl: Duration) {
        // A time too long to represent is as good as a very long one.
        let Some(until) = Instant::now().checked_add(ttl.min(Duration::from_secs(365 * 86_400))) else {
            return;
        };
        lock(&self.values).insert(key, Value { bytes: value.to_vec(), until });
    }

    pub(crate) fn delete(&self, key: &str) {
        lock(&self.values).remove(key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every entry is whole at any time, and losing some would not matter.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an entry weighs besides its key.
trait Weight {
    fn bytes(&self) -> usize;
}

impl Weight for Bucket {
    fn bytes(&self) -> usize {
        ENTRY_BYTES
    }
}

impl Weight for Value {
    fn bytes(&self) -> usize {
        ENTRY_BYTES + self.bytes.len()
    }
}

/// A map of bounded size. When the young half is full, the old half is dropped and the young one takes its place; what is
/// used moves to the young half. So an entry outlives at least one generation's worth of others after its last use, at a
/// constant cost, and no sweep is needed.
#[derive(Debug)]
struct Generations<T> {
    young: HashMap<Box<str>, T>,
    old: HashMap<Box<str>, T>,
    young_bytes: usize,
}

impl<T> Default for Generations<T> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), young_bytes: 0 }
    }
}

impl<T: Weight> Generations<T> {
    /// The value, which counts as used now.
    fn touch(&mut self, key: &str) -> Option<&T> {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.put(key, value);
        }
        self.young.get(key)
    }

    fn insert(&mut self, key: &str, value: T) {
        self.remove(key);
        self.put(key.into(), value);
    }

    fn remove(&mut self, key: &str) {
        if let Some(value) = self.young.remove(key) {
            self.young_bytes -= key.len() + value.bytes();
        }
        self.old.remove(key);
    }

    /// `key` must be in neither half.
    fn put(&mut self, key: Box<str>, value: T) {
        let bytes = key.len() + value.bytes();
        if self.young_bytes + bytes > GENERATION_BYTES {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_bounded_and_keeps_what_is_used() {
        let memory = Memory::default();
        let bucket = TokenBucket::new(10, 0.001).unwrap();
        for sender in 0..300_000 {
            memory.take(&format!("sender-{sender}"), &bucket, 1);
            if sender % 1000 == 0 {
                memory.take("regular", &bucket, 0);
            }
            if sender == 0 {
                memory.take("regular", &bucket, 7);
                memory.take("once", &bucket, 7);
            }
        }
        let buckets = lock(&memory.buckets);
        let bytes: usize =
            buckets.young.iter().chain(&buckets.old).map(|(key, value)| key.len() + value.bytes()).sum();
        assert!(bytes <= 2 * GENERATION_BYTES, "{bytes}");
        let (young, old) = (buckets.young.len(), buckets.old.len());
        drop(buckets);
        assert!(young + old < 100_000);
        assert_eq!(memory.take("regular", &bucket, 0).remaining, 3, "remembered, because it is used");
        assert_eq!(memory.take("once", &bucket, 0).remaining, 10, "forgotten, so full again");
    }

    #[tokio::test]
    async fn large_values_push_others_out() {
        let memory = Memory::default();
        for n in 0..1000 {
            memory.set(&n.to_string(), &[0; 60_000], Duration::from_secs(60));
        }
        let values = lock(&memory.values);
        let bytes: usize = values.young.values().chain(values.old.values()).map(Weight::bytes).sum();
        assert!(bytes <= 2 * GENERATION_BYTES, "{bytes}");
        assert_eq!(
            values.young_bytes,
            values.young.iter().map(|(key, value)| key.len() + value.bytes()).sum::<usize>()
        );
    }
}
