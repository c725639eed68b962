//! What every bus must do.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use qm_messaging::bus::{BusError, Delivery, Subscription};

use crate::side::{Side, WAIT, consumer, message, sides};

async fn publish(side: &Side, subject: &str, ids: &[&str]) {
    let messages: Vec<_> = ids.iter().map(|id| message(subject, id)).collect();
    for result in side.bus.publish(&messages).await {
        result.unwrap();
    }
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.message.id.as_str()).collect()
}

async fn ack(subscription: &mut Box<dyn Subscription>, deliveries: &[Delivery]) {
    let tokens: Vec<_> = deliveries.iter().map(|delivery| delivery.token.clone()).collect();
    subscription.ack(&tokens).await.unwrap();
}

/// Takes until `count` have come or the time is up.
async fn take(subscription: &mut Box<dyn Subscription>, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    let deadline = tokio::time::Instant::now() + WAIT;
    while taken.len() < count && tokio::time::Instant::now() < deadline {
        taken.extend(subscription.fetch(count - taken.len(), Duration::from_millis(500)).await.unwrap());
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_comes_whole_and_once() {
    for side in sides().await {
        publish(&side, "qm.order.placed", &["a", "b", "c"]).await;
        let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let deliveries = take(&mut subscription, 3).await;
        assert_eq!(ids(&deliveries), ["a", "b", "c"]);
        assert_eq!(deliveries[0].message, message("qm.order.placed", "a"));
        ack(&mut subscription, &deliveries).await;
        let more = subscription.fetch(10, Duration::from_millis(300)).await.unwrap();
        assert!(more.is_empty(), "{more:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_gets_what_its_filter_says() {
    for side in sides().await {
        publish(&side, "qm.order.placed", &["a"]).await;
        publish(&side, "qm.order.cancelled", &["b"]).await;
        publish(&side, "qm.item.changed", &["c"]).await;
        for (name, filter, wanted) in [
            ("exact", "qm.order.cancelled", vec!["b"]),
            ("star", "qm.order.*", vec!["a", "b"]),
            ("rest", "qm.order.>", vec!["a", "b"]),
        ] {
            let mut subscription = side.bus.subscribe(&consumer(name, filter)).await.unwrap();
            let deliveries = take(&mut subscription, wanted.len()).await;
            assert_eq!(ids(&deliveries), wanted, "{filter}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_settled_or_given_back_comes_again() {
    for side in sides().await {
        publish(&side, "qm.order.placed", &["a", "b"]).await;
        let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let first = take(&mut subscription, 2).await;
        subscription.retry_after(&[first[1].token.clone()], Duration::from_millis(100)).await.unwrap();
        let again = take(&mut subscription, 1).await;
        assert_eq!((ids(&again), again[0].attempt), (vec!["b"], 2));
        ack(&mut subscription, &again).await;
        // "a" was neither settled nor given back.
        let late = take(&mut subscription, 1).await;
        assert_eq!((ids(&late), late[0].attempt), (vec!["a"], 2));
        ack(&mut subscription, &late).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_outlives_the_process() {
    for side in sides().await {
        publish(&side, "qm.order.placed", &["a", "b"]).await;
        let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let both = take(&mut subscription, 2).await;
        ack(&mut subscription, &both).await;
        // Progress is written with the next commit.
        publish(&side, "qm.order.placed", &["c"]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(subscription);
        let bus = side.reopened().await;
        let mut subscription = bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let rest = take(&mut subscription, 1).await;
        assert_eq!(ids(&rest), ["c"]);
        ack(&mut subscription, &rest).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_id_is_acknowledged_and_delivered_once() {
    for side in sides().await {
        publish(&side, "qm.order.placed", &["a"]).await;
        publish(&side, "qm.order.placed", &["a", "b"]).await;
        let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let deliveries = take(&mut subscription, 2).await;
        assert_eq!(ids(&deliveries), ["a", "b"]);
        assert!(subscription.fetch(10, Duration::from_millis(200)).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_of_a_consumer_share_the_work() {
    for side in sides().await {
        let mut first = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let mut second = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let names: Vec<String> = (0..40).map(|n| format!("m{n}")).collect();
        publish(&side, "qm.order.placed", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let mut seen = Vec::new();
        for _ in 0..20 {
            for subscription in [&mut first, &mut second] {
                let deliveries = subscription.fetch(2, Duration::from_millis(500)).await.unwrap();
                ack(subscription, &deliveries).await;
                seen.extend(ids(&deliveries).into_iter().map(str::to_owned));
            }
        }
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (40, 40), "each once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_consumer_is_woken_and_loses_nothing_when_it_stops_waiting() {
    for side in sides().await {
        let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        for _ in 0..3 {
            let waited = tokio::time::timeout(Duration::from_millis(50), subscription.fetch(10, WAIT)).await;
            assert!(waited.is_err(), "nothing was published");
        }
        let start = tokio::time::Instant::now();
        publish(&side, "qm.order.placed", &["a"]).await;
        let deliveries = take(&mut subscription, 1).await;
        assert_eq!(ids(&deliveries), ["a"]);
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_publishers_lose_nothing() {
    for side in sides().await {
        let side = &side;
        let publishing = (0..20).map(|publisher| async move {
            let messages: Vec<_> =
                (0..100).map(|n| message("qm.order.placed", &format!("p{publisher}-{n}"))).collect();
            let results = side.bus.publish(&messages).await;
            assert!(results.iter().all(Result::is_ok), "{results:?}");
        });
        join_all(publishing).await;
        let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let mut seen = BTreeSet::new();
        while seen.len() < 2_000 {
            let deliveries = take(&mut subscription, 250).await;
            assert!(!deliveries.is_empty(), "{} of 2000 came", seen.len());
            ack(&mut subscription, &deliveries).await;
            for id in ids(&deliveries) {
                assert!(seen.insert(id.to_owned()), "{id} came twice");
            }
        }
        let state = side.bus.stream_state("QM_ORDER").await.unwrap();
        assert_eq!(state.last_sequence, 2_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_refuses_until_it_is_purged() {
    for side in sides().await {
        side.declare(1 << 20).await;
        let mut big = message("qm.order.placed", "big");
        big.payload = vec![7; 300 << 10];
        let mut stored = 0;
        let refusal = loop {
            big.id = format!("big-{stored}");
            match side.bus.publish(std::slice::from_ref(&big)).await.remove(0) {
                Ok(sequence) => stored = sequence,
                Err(error) => break error,
            }
        };
        assert_eq!((refusal, stored), (BusError::Full, 3));
        side.bus.purge("QM_ORDER", 2).await.unwrap();
        side.bus.publish(std::slice::from_ref(&big)).await.remove(0).unwrap();
        assert_eq!(side.bus.stream_state("QM_ORDER").await.unwrap().first_sequence, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_named() {
    for side in sides().await {
        let lost = side.bus.publish(&[message("qm.nobody.cares", "a")]).await.remove(0);
        assert!(matches!(lost, Err(BusError::Unknown(_))), "{lost:?}");
        let mut spec = consumer("c1", "qm.order.placed");
        spec.stream = "QM_NOTHING".to_owned();
        assert!(matches!(side.bus.subscribe(&spec).await.err(), Some(BusError::Unknown(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_what_each_consumer_has_left() {
    for side in sides().await {
        publish(&side, "qm.order.placed", &["a", "b", "c"]).await;
        let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let two = take(&mut subscription, 2).await;
        ack(&mut subscription, &two[..1]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let state = side.bus.stream_state("QM_ORDER").await.unwrap();
        let left = state.consumers.iter().find(|consumer| consumer.name == "c1").unwrap();
        assert_eq!((left.ack_floor, left.pending), (1, 2), "{state:?}");
    }
}
