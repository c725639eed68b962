//! Fresh ids, in order.

use std::sync::{Arc, Mutex, PoisonError};

use qm_clock::{SharedClock, SharedEntropy};
use uuid::{Builder, Uuid};

use crate::Id;

/// The greatest time that a UUIDv7 can hold, in milliseconds since 1970: the year 10889.
const LAST_MS: u64 = (1 << 48) - 1;
/// The greatest value of the 12-bit counter.
const LAST_COUNT: u16 = 0x0fff;
/// A fresh counter starts in its lower half, which leaves at least 2048 ids before it rolls over.
const FRESH_COUNT_MASK: u16 = 0x07ff;

/// Mints ids, each greater than all that this generator and its clones minted before.
///
/// UUIDv7 with a fixed-length counter in rand_a (RFC 9562, section 6.2, method 1). The counter starts at random in each
/// new millisecond and grows by one within it; when it is used up, the time in the ids runs one millisecond ahead of
/// the clock. If the clock goes backwards, ids keep the last time until the clock has caught up.
///
/// The order holds within one generator. Between processes ids are ordered only as well as their clocks agree.
#[derive(Debug, Clone)]
pub struct IdGenerator {
    clock: SharedClock,
    entropy: SharedEntropy,
    last: Arc<Mutex<Tick>>,
}

/// The time and counter of the last id.
#[derive(Debug, Clone, Copy)]
struct Tick {
    ms: u64,
    count: u16,
}

impl IdGenerator {
    /// A generator that tells the time by `clock` and draws from `entropy`.
    pub fn new(clock: SharedClock, entropy: SharedEntropy) -> Self {
        // A counter that is already used up, so that even the first id starts a fresh one.
        Self { clock, entropy, last: Arc::new(Mutex::new(Tick { ms: 0, count: LAST_COUNT })) }
    }

    /// The next id, of whatever kind is asked for.
    pub fn next<T: Id>(&self) -> T {
        T::from_uuid(self.next_uuid())
    }

    fn next_uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        // Times outside 1970 to 10889 become the nearest that the format can hold.
        let now_ms = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0).min(LAST_MS);
        let fresh_count = u16::from_be_bytes([random[0], random[1]]) & FRESH_COUNT_MASK;

        let tick = {
            // Every value that a panicking thread could leave behind is a valid last tick.
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = last.next(now_ms, fresh_count);
            *last
        };
        // Builder keeps the low 12 bits of the first two bytes for rand_a and sets version and variant.
        let [high, low] = tick.count.to_be_bytes();
        random[0] = high;
        random[1] = low;
        Builder::from_unix_timestamp_millis(tick.ms, &random).into_uuid()
    }
}

impl Tick {
    fn next(self, now_ms: u64, fresh_count: u16) -> Self {
        if now_ms > self.ms {
            Self { ms: now_ms, count: fresh_count }
        } else if self.count < LAST_COUNT {
            Self { ms: self.ms, count: self.count + 1 }
        } else {
            Self { ms: (self.ms + 1).min(LAST_MS), count: fresh_count }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use chrono::DateTime;
    use proptest::prelude::*;
    use qm_clock::{Clock, ManualClock, SeededEntropy, SystemEntropy};

    use super::*;
    use crate::{EventId, OrderId};

    fn at_ms(ms: i64) -> Arc<ManualClock> {
        Arc::new(ManualClock::new(DateTime::from_timestamp_millis(ms).unwrap()))
    }

    fn ms_of(id: impl Id) -> u128 {
        id.as_uuid().as_u128() >> 80
    }

    #[test]
    fn an_id_is_a_uuidv7_of_the_clocks_millisecond() {
        let ids = IdGenerator::new(at_ms(1_700_000_000_123), Arc::new(SystemEntropy));
        let id: OrderId = ids.next();
        assert_eq!(ms_of(id), 1_700_000_000_123);
        assert_eq!(id.as_uuid().get_version(), Some(uuid::Version::SortRand));
        assert_eq!(id.as_uuid().get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn a_used_up_counter_runs_ahead_of_the_clock_and_is_caught_up() {
        let clock = at_ms(5);
        let ids = IdGenerator::new(clock.clone(), Arc::new(SeededEntropy::new(1)));
        let burst: Vec<EventId> = (0..20_000).map(|_| ids.next()).collect();
        assert!(burst.is_sorted_by(|one, next| one < next));
        let ahead = ms_of(burst[burst.len() - 1]);
        assert!((9..=15).contains(&ahead), "2048 to 4096 ids a millisecond, not {ahead}");
        clock.advance(Duration::from_millis(100));
        assert_eq!(ms_of(ids.next::<EventId>()), 105);
    }

    #[test]
    fn clones_on_many_threads_mint_no_id_twice_and_each_in_order() {
        let ids = IdGenerator::new(at_ms(1), Arc::new(SystemEntropy));
        let minting: Vec<_> = (0..4)
            .map(|_| {
                let ids = ids.clone();
                thread::spawn(move || (0..5_000).map(|_| ids.next()).collect::<Vec<OrderId>>())
            })
            .collect();
        let mut all = Vec::new();
        for minted in minting {
            let minted = minted.join().unwrap();
            assert!(minted.is_sorted_by(|one, next| one < next));
            all.extend(minted);
        }
        // Ids of one time and count would differ only in their random part: look at what orders them.
        let mut ticks: Vec<_> = all.iter().map(|id| id.as_uuid().as_u128() >> 64).collect();
        ticks.sort_unstable();
        ticks.dedup();
        assert_eq!(ticks.len(), all.len());
    }

    #[test]
    fn times_that_the_format_cannot_hold_do_not_panic() {
        for time in [DateTime::<chrono::Utc>::MIN_UTC, DateTime::<chrono::Utc>::MAX_UTC] {
            let clock = Arc::new(ManualClock::new(time));
            assert_eq!(clock.now().timestamp(), time.timestamp());
            let ids = IdGenerator::new(clock, Arc::new(SystemEntropy));
            for _ in 0..10_000 {
                assert_eq!(ids.next::<OrderId>().as_uuid().get_version(), Some(uuid::Version::SortRand));
            }
        }
    }

    proptest! {
        #[test]
        fn ids_grow_whatever_the_clock_does(steps in prop::collection::vec(-50_i64..50, 1..300), seed: u64) {
            let clock = at_ms(1_000_000);
            let ids = IdGenerator::new(clock.clone(), Arc::new(SeededEntropy::new(seed)));
            let mut last: OrderId = ids.next();
            for step in steps {
                let ms = clock.now().timestamp_millis() + step;
                clock.set(DateTime::from_timestamp_millis(ms).unwrap());
                let next = ids.next();
                prop_assert!(next > last);
                last = next;
            }
        }

        #[test]
        fn a_seed_and_a_clock_repeat_their_ids(seed: u64) {
            let run = || {
                let ids = IdGenerator::new(at_ms(77), Arc::new(SeededEntropy::new(seed)));
                (0..50).map(|_| ids.next()).collect::<Vec<OrderId>>()
            };
            prop_assert_eq!(run(), run());
        }
    }
}
