//! Waits come out the same in whatever order they are told.

use proptest::prelude::*;

use crate::domain::{Wait, WaitEntry, WaitKind};

fn entry(revision: i64, kind: WaitKind, quantity: i64) -> WaitEntry {
    WaitEntry { revision, kind, quantity }
}

fn told(entries: &[WaitEntry]) -> i64 {
    let mut wait = Wait::default();
    entries.iter().for_each(|entry| wait.note(*entry));
    wait.quantity()
}

/// What happens to a line, in the order in which order decides it: each step with a revision of its own.
fn history() -> impl Strategy<Value = Vec<WaitEntry>> {
    proptest::collection::vec((0..3_u8, 1..5_i64), 0..12).prop_map(|steps| {
        (1..)
            .zip(steps)
            .map(|(revision, (kind, quantity))| {
                let kind = match kind {
                    0 => WaitKind::Waits,
                    1 => WaitKind::Woken { attempt: i32::try_from(revision).unwrap() },
                    _ => WaitKind::Cancelled,
                };
                entry(revision, kind, quantity)
            })
            .collect()
    })
}

#[test]
fn an_attempt_that_is_announced_again_counts_once() {
    let woken = |revision| entry(revision, WaitKind::Woken { attempt: 2 }, 3);
    assert_eq!(told(&[entry(1, WaitKind::Waits, 5), woken(2), woken(7)]), 2);
    assert_eq!(told(&[woken(7), entry(5, WaitKind::Waits, 3), woken(4), entry(1, WaitKind::Waits, 3)]), 3);
}

#[test]
fn the_end_of_an_order_ends_its_waits_whenever_it_is_told() {
    let ended = entry(9, WaitKind::Ended, 0);
    assert_eq!(told(&[entry(1, WaitKind::Waits, 5), ended]), 0);
    assert_eq!(told(&[ended, entry(1, WaitKind::Waits, 5)]), 0);
}

#[test]
fn cancelling_units_that_were_elsewhere_leaves_no_debt() {
    assert_eq!(told(&[entry(1, WaitKind::Cancelled, 5), entry(2, WaitKind::Waits, 2)]), 2);
}

proptest! {
    #[test]
    fn order_of_arrival_does_not_matter(
        (history, shuffled) in history().prop_flat_map(|history| {
            (Just(history.clone()), Just(history).prop_shuffle())
        })
    ) {
        prop_assert_eq!(told(&history), told(&shuffled));
        prop_assert!(told(&history) >= 0);
    }
}
