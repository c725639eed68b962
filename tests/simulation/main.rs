//! Whole lives of orders through all services in this process, on a bus that repeats and reorders what it delivers, as a
//! seed decides. The seams are the services' own: bus, store, clock, randomness. At the end of each life the books of all
//! services must agree.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod chaos;
mod people;
mod system;

use std::{collections::BTreeMap, time::Duration};

use chaos::Seen;
use people::People;
use qm_proto::order::v1::Order;
use system::System;

/// Nothing that is meant to happen takes longer in real time.
const DEADLINE: Duration = Duration::from_secs(90);
/// Between two things that people do, in real time.
const MOMENT: Duration = Duration::from_millis(30);
/// Moments of a busy time after the last order.
const MORE_MOMENTS: usize = 12;

fn units(order: &Order) -> BTreeMap<&str, i64> {
    let mut units = BTreeMap::new();
    for piece in order.lines.iter().flat_map(|line| &line.pieces) {
        *units.entry(piece.bucket.as_str()).or_default() += piece.quantity;
    }
    units
}

/// One life: a busy time in which everything may happen, and then everything is brought to its end.
async fn live(seed: u64) -> Seen {
    let system = System::start(seed).await;
    let mut people = People::new(&system, seed);
    while !people.have_all() {
        people.be_busy().await;
        tokio::time::sleep(MOMENT).await;
    }
    for _ in 0..MORE_MOMENTS {
        people.be_busy().await;
        tokio::time::sleep(MOMENT).await;
    }
    let started = std::time::Instant::now();
    for moment in 0.. {
        // Not once for all: whom goods find waiting, chance decides.
        if moment % 20 == 0 {
            people.let_go().await;
        }
        people.work().await;
        let mut waiting = Vec::new();
        for (id, quantity) in &people.orders {
            let order = system.read(id).await;
            let units = units(&order);
            assert_eq!(units.values().sum::<i64>(), *quantity, "seed {seed}: {id} has {units:?}");
            let is_over = units.keys().all(|bucket| ["delivered", "cancelled"].contains(bucket));
            if !is_over || !["completed", "cancelled"].contains(&order.status.as_str()) {
                waiting.push(format!("{id} is {} with {units:?}", order.status));
            }
        }
        if waiting.is_empty() && system.verifier.in_flight().await.unwrap() == 0 {
            break;
        }
        if started.elapsed() > DEADLINE {
            for (id, _) in people.orders.iter().filter(|(id, _)| waiting.iter().any(|it| it.starts_with(id)))
            {
                eprintln!("{id}: {:#?}", system.story(id).await);
            }
            panic!("seed {seed}: {waiting:#?}\n{}", system.verifier.verify().await.unwrap());
        }
        tokio::time::sleep(MOMENT * 2).await;
    }
    let report = system.verifier.verify().await.unwrap();
    assert!(report.is_clean(), "seed {seed}:\n{report}");
    system.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_come_to_rest_with_clean_books_whatever_the_bus_repeats_and_reorders() {
    // Whoever wants to see other lives names their first seed.
    let first = std::env::var("QM_TEST_FIRST_SEED").map_or(1, |seed| seed.parse().unwrap());
    let lives: Vec<Seen> = futures::future::join_all((first..first + 3).map(live)).await;
    let all = |count: fn(&Seen) -> u64| lives.iter().map(count).sum::<u64>();
    let (repeated, as_news, held_back) =
        (all(|it| it.repeated), all(|it| it.as_news), all(|it| it.held_back));
    assert!(
        repeated > 500 && as_news > 50 && held_back > 500,
        "the bus was too kind: {repeated} repeated, {as_news} of them as news, {held_back} held back"
    );
}
