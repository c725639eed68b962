//! What every bus must do.

use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;
use futures::future::join_all;
use qm_clock::{Clock as _, SystemClock};
use qm_messaging::bus::{BusError, Delivery, Held, Message, Start, Subscription};

use crate::side::{Side, WAIT, consumer, message, sides};

pub(crate) async fn publish(side: &Side, subject: &str, ids: &[&str]) {
    let messages: Vec<_> = ids.iter().map(|id| message(subject, id)).collect();
    for result in side.bus.publish(&messages).await {
        result.unwrap();
    }
}

pub(crate) fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.message.id.as_str()).collect()
}

pub(crate) async fn ack(subscription: &mut Box<dyn Subscription>, deliveries: &[Delivery]) {
    let tokens: Vec<_> = deliveries.iter().map(|delivery| delivery.token.clone()).collect();
    subscription.ack(&tokens).await.unwrap();
}

/// Takes until `count` have come or the time is up.
pub(crate) async fn take(subscription: &mut Box<dyn Subscription>, count: usize) -> Vec<Delivery> {
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
        publish(&side, "qm.order.line.held", &["d"]).await;
        for (name, filter, wanted) in [
            ("exact", "qm.order.cancelled", vec!["b"]),
            ("star", "qm.order.*", vec!["a", "b"]),
            ("middle", "qm.*.placed", vec!["a"]),
            ("rest", "qm.order.>", vec!["a", "b", "d"]),
        ] {
            let mut subscription = side.bus.subscribe(&consumer(name, filter)).await.unwrap();
            let deliveries = take(&mut subscription, wanted.len()).await;
            assert_eq!(ids(&deliveries), wanted, "{filter}");
            let more = subscription.fetch(10, Duration::from_millis(100)).await.unwrap();
            assert!(more.is_empty(), "{filter}: {more:?}");
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
        // Progress is written with the next commit, at the latest.
        publish(&side, "qm.order.placed", &["c"]).await;
        side.settled("c1", 2).await;
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
        for _ in 0..10 {
            for subscription in [&mut first, &mut second] {
                let deliveries = subscription.fetch(2, WAIT).await.unwrap();
                assert!(!deliveries.is_empty(), "{} of 40 came", seen.len());
                ack(subscription, &deliveries).await;
                seen.extend(ids(&deliveries).into_iter().map(str::to_owned));
            }
        }
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (40, 40), "each once");
        assert!(second.fetch(2, Duration::from_millis(200)).await.unwrap().is_empty());
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
async fn no_more_is_handed_out_than_may_be_in_flight() {
    for side in sides().await {
        publish(&side, "qm.order.placed", &["a", "b", "c", "d", "e"]).await;
        let mut spec = consumer("c1", "qm.order.placed");
        (spec.max_in_flight, spec.ack_wait) = (2, Duration::from_secs(30));
        let mut subscription = side.bus.subscribe(&spec).await.unwrap();
        let first = take(&mut subscription, 2).await;
        assert!(subscription.fetch(10, Duration::from_millis(200)).await.unwrap().is_empty());
        // What waits to be tried again takes its room, or a handler that fails would load the whole stream.
        subscription.retry_after(&[first[0].token.clone()], Duration::from_secs(30)).await.unwrap();
        assert!(subscription.fetch(10, Duration::from_millis(200)).await.unwrap().is_empty());
        ack(&mut subscription, &first[1..]).await;
        let next = subscription.fetch(10, WAIT).await.unwrap();
        assert_eq!(ids(&next), ["c"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_settled_late_does_not_come_again() {
    for side in sides().await {
        publish(&side, "qm.order.placed", &["a"]).await;
        let mut spec = consumer("c1", "qm.order.placed");
        spec.ack_wait = Duration::from_millis(300);
        let mut subscription = side.bus.subscribe(&spec).await.unwrap();
        let late = take(&mut subscription, 1).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        ack(&mut subscription, &late).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(subscription.fetch(10, Duration::from_millis(500)).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_of_concurrent_publishers_all_come_once() {
    for side in sides().await {
        let spec = consumer("c1", "qm.order.placed");
        let (bus, spec) = (&side.bus, &spec);
        let publishing = (0..20).map(|publisher| async move {
            for batch in 0..5 {
                let messages: Vec<_> = (0..100)
                    .map(|n| message("qm.order.placed", &format!("p{publisher}-{batch}-{n}")))
                    .collect();
                let results = bus.publish(&messages).await;
                assert!(results.iter().all(Result::is_ok), "{results:?}");
            }
        });
        // Two replicas take while it is published.
        let taking = (0..2).map(|_| async move {
            let mut subscription = bus.subscribe(spec).await.unwrap();
            let mut seen = Vec::new();
            loop {
                let deliveries = subscription.fetch(250, Duration::from_secs(1)).await.unwrap();
                if deliveries.is_empty() {
                    return seen;
                }
                ack(&mut subscription, &deliveries).await;
                seen.extend(deliveries.into_iter().map(|delivery| delivery.message.id));
            }
        });
        let (_, seen) = tokio::join!(join_all(publishing), join_all(taking));
        let seen = seen.concat();
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (10_000, 10_000), "each once: {}", side.url);
        let state = side.settled("c1", 10_000).await;
        assert_eq!((state.first_sequence, state.last_sequence), (1, 10_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_refuses_until_what_is_settled_is_purged() {
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
        let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let two = take(&mut subscription, 2).await;
        ack(&mut subscription, &two).await;
        side.settled("c1", 2).await;
        side.bus.purge("QM_ORDER", 2).await.unwrap();
        side.bus.publish(std::slice::from_ref(&big)).await.remove(0).unwrap();
        let state = side.bus.stream_state("QM_ORDER").await.unwrap();
        assert_eq!((state.first_sequence, state.last_sequence), (3, 4));
        let rest = take(&mut subscription, 2).await;
        assert_eq!(ids(&rest), ["big-2", "big-3"]);
        side.bus.purge("QM_ORDER", 4).await.unwrap();
        let state = side.bus.stream_state("QM_ORDER").await.unwrap();
        assert_eq!((state.first_sequence, state.last_sequence, state.last_stored_at), (5, 4, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_settled_never_counts_as_settled() {
    for side in sides().await {
        let _subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let publishing = async {
            for n in 0..300 {
                publish(&side, "qm.order.placed", &[&format!("m{n}")]).await;
            }
        };
        let watching = async {
            loop {
                // A purge up to here would drop what nobody has seen.
                let state = side.bus.stream_state("QM_ORDER").await.unwrap();
                let left = &state.consumers[0];
                assert_eq!(left.ack_floor, 0, "{state:?}");
                if left.pending == 300 {
                    return;
                }
            }
        };
        tokio::time::timeout(WAIT * 4, async { tokio::join!(publishing, watching) }).await.unwrap();
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
        assert!(matches!(side.bus.stream_state("QM_NOTHING").await, Err(BusError::Unknown(_))));
        assert!(matches!(side.bus.purge("QM_NOTHING", 1).await, Err(BusError::Unknown(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_where_it_and_each_consumer_stand() {
    for side in sides().await {
        let empty = side.bus.stream_state("QM_ORDER").await.unwrap();
        assert_eq!((empty.first_sequence, empty.last_sequence, empty.last_stored_at), (0, 0, None));
        publish(&side, "qm.order.placed", &["a", "b", "c"]).await;
        publish(&side, "qm.item.changed", &["d"]).await;
        let mut subscription = side.bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let three = take(&mut subscription, 3).await;
        // Out of order: "c" does not move the floor past "b".
        ack(&mut subscription, &[three[2].clone(), three[0].clone()]).await;
        let state = side.settled("c1", 1).await;
        assert_eq!((state.first_sequence, state.last_sequence), (1, 4));
        assert!(state.last_stored_at.is_some() && state.identity == empty.identity);
        assert_eq!((state.consumers[0].ack_floor, state.consumers[0].pending), (1, 1), "{state:?}");
        // Nothing of the rest of the stream is for this consumer.
        ack(&mut subscription, &three[1..2]).await;
        let state = side.settled("c1", 4).await;
        assert_eq!((state.consumers[0].ack_floor, state.consumers[0].pending), (4, 0), "{state:?}");
        assert_eq!(side.reopened().await.stream_state("QM_ORDER").await.unwrap().identity, state.identity);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_holds_is_read_again_and_stays_for_its_consumers() {
    for side in sides().await {
        let before = SystemClock.now() - TimeDelta::minutes(1);
        let messages: Vec<Message> =
            (0..10).map(|n| message("qm.order.placed", &format!("again-{n}"))).collect();
        for result in side.bus.publish(&messages).await {
            result.unwrap();
        }
        let ids = |held: &[Held]| held.iter().map(|held| held.message.id.clone()).collect::<Vec<_>>();
        let all: Vec<String> = messages.iter().map(|message| message.id.clone()).collect();
        let page = side.bus.read("QM_ORDER", Start::Time(before), 4).await.unwrap();
        assert_eq!(ids(&page), all[..4]);
        let last = page[3].sequence;
        let rest = side.bus.read("QM_ORDER", Start::After(last), 100).await.unwrap();
        assert_eq!((ids(&rest), &rest[0].message), (all[4..].to_vec(), &messages[4]));
        let end = Start::After(rest[5].sequence);
        assert!(side.bus.read("QM_ORDER", end, 100).await.unwrap().is_empty());
        let later = Start::Time(SystemClock.now() + TimeDelta::minutes(1));
        assert!(side.bus.read("QM_ORDER", later, 100).await.unwrap().is_empty());
        let unknown = side.bus.read("QM_NOBODY", end, 100).await;
        assert!(matches!(unknown, Err(BusError::Unknown(_))), "{unknown:?}");

        let mut subscription = side.bus.subscribe(&consumer("reader", "qm.order.placed")).await.unwrap();
        let mut taken = Vec::new();
        while taken.len() < 10 {
            let deliveries = subscription.fetch(10, WAIT).await.unwrap();
            assert!(!deliveries.is_empty(), "{taken:?}");
            taken.extend(deliveries.into_iter().map(|delivery| delivery.message.id));
        }
        assert_eq!(taken, all);
    }
}
