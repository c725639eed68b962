//! Whole lives of orders through all services in this process, on a bus that repeats and reorders what it delivers, as a
//! seed decides. The seams are the services' own: bus, store, clock, randomness. At the end of each life the books of all
//! services must agree.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod chaos;
mod system;

use std::{collections::BTreeMap, time::Duration};

use chaos::Seen;
use qm_proto::order::v1::Order;
use system::System;

/// Nothing that is meant to happen takes longer in real time.
const DEADLINE: Duration = Duration::from_secs(90);

fn units(order: &Order) -> BTreeMap<&str, i64> {
    let mut units = BTreeMap::new();
    for piece in order.lines.iter().flat_map(|line| &line.pieces) {
        *units.entry(piece.bucket.as_str()).or_default() += piece.quantity;
    }
    units
}

/// One life: two orders for more than there is, one that is cancelled, a warehouse at work, and the rest that arrives late.
async fn live(seed: u64) -> Seen {
    let system = System::start(seed).await;
    system.stock("mug", 3).await;
    let first = system.place("mug", 2, "first").await;
    let second = system.place("mug", 2, "second").await;
    let unwanted = system.place("mug", 1, "unwanted").await;
    system.cancel(&unwanted).await;
    let mut has_more = false;
    let started = std::time::Instant::now();
    loop {
        system.work().await;
        let orders = [system.read(&first).await, system.read(&second).await, system.read(&unwanted).await];
        let all: Vec<_> = orders.iter().map(units).collect();
        let waits = all.iter().any(|units| units.contains_key("backordered"));
        if waits && !has_more {
            system.stock("mug", 2).await;
            has_more = true;
        }
        let statuses: Vec<&str> = orders.iter().map(|order| order.status.as_str()).collect();
        if statuses == ["completed", "completed", "cancelled"]
            && system.verifier.in_flight().await.unwrap() == 0
        {
            break;
        }
        assert!(started.elapsed() < DEADLINE, "seed {seed}: {statuses:?}, {all:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let report = system.verifier.verify().await.unwrap();
    assert!(report.is_clean(), "seed {seed}:\n{report}");
    for order in [&first, &second] {
        assert_eq!(units(&system.read(order).await), BTreeMap::from([("delivered", 2)]), "seed {seed}");
    }
    system.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_come_to_rest_with_clean_books_whatever_the_bus_repeats_and_reorders() {
    let (mut repeated, mut held_back) = (0, 0);
    for seed in 1..=4 {
        let seen = live(seed).await;
        repeated += seen.repeated;
        held_back += seen.held_back;
    }
    assert!(
        repeated > 20 && held_back > 20,
        "the bus was too kind: {repeated} repeated, {held_back} held back"
    );
}
