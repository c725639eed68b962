//! What only the bus in this process can get wrong: its file.

use std::{sync::Arc, time::Duration};

use qm_clock::SystemClock;
use qm_messaging::bus::{self, Bus as _, BusError, InProcessBus, StreamSpec};

use crate::{
    bus::{ack, ids, take},
    side::{consumer, message},
};

fn stream(name: &str, subject: &str) -> StreamSpec {
    StreamSpec { name: name.to_owned(), subjects: vec![subject.to_owned()], max_bytes: 2_000, replicas: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_settled_comes_again_after_a_restart_and_what_was_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.sqlite");
    let open = || InProcessBus::open(&path, Arc::new(SystemClock));
    let bus = open().await.unwrap();
    bus.declare_stream(&stream("QM_ORDER", "qm.order.>")).await.unwrap();
    let messages = ["a", "b", "c"].map(|id| message("qm.order.placed", id));
    bus.publish(&messages).await;
    let mut subscription = bus.subscribe(&consumer("c1", "qm.order.>")).await.unwrap();
    let three = take(&mut subscription, 3).await;
    ack(&mut subscription, &three[..1]).await;
    // Published after the progress, so written after it.
    bus.publish(&[message("qm.order.placed", "d")]).await;
    drop((subscription, bus));

    let bus = open().await.unwrap();
    let mut subscription = bus.subscribe(&consumer("c1", "qm.order.>")).await.unwrap();
    assert_eq!(ids(&take(&mut subscription, 3).await), ["b", "c", "d"]);
    assert_eq!(bus.publish(&messages).await, [Ok(1), Ok(2), Ok(3)], "ids are remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_stays_as_full_as_it_is_across_restarts_and_purges() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.sqlite");
    let mut big = message("qm.order.placed", "big");
    big.payload = vec![7; 800];
    let mut stored = 0;
    for round in 0..4 {
        let bus = InProcessBus::open(&path, Arc::new(SystemClock)).await.unwrap();
        bus.declare_stream(&stream("QM_ORDER", "qm.order.>")).await.unwrap();
        // Two fit; what the round before left is purged first.
        bus.purge("QM_ORDER", stored).await.unwrap();
        for n in 0..2 {
            big.id = format!("big-{round}-{n}");
            stored = bus.publish(std::slice::from_ref(&big)).await.remove(0).unwrap();
        }
        drop(bus);
        let bus = InProcessBus::open(&path, Arc::new(SystemClock)).await.unwrap();
        big.id = format!("big-{round}-3");
        assert_eq!(bus.publish(std::slice::from_ref(&big)).await, [Err(BusError::Full)]);
        assert_eq!(stored, 2 * (round + 1), "sequences are never given out again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_on_two_streams_is_two_messages() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("bus.sqlite").display());
    let bus = bus::open(&url, Arc::new(SystemClock)).await.unwrap();
    bus.declare_stream(&stream("QM_ORDER", "qm.order.>")).await.unwrap();
    bus.declare_stream(&stream("QM_ITEM", "qm.item.>")).await.unwrap();
    let both = [message("qm.order.placed", "a"), message("qm.item.changed", "a")];
    assert_eq!(bus.publish(&both).await, [Ok(1), Ok(1)]);
    let mut spec = consumer("c1", "qm.item.changed");
    spec.stream = "QM_ITEM".to_owned();
    let mut subscription = bus.subscribe(&spec).await.unwrap();
    let deliveries = subscription.fetch(10, Duration::from_secs(5)).await.unwrap();
    assert_eq!(deliveries[0].message, both[1]);
}
