//! Events in bundles, on every bus.

use std::{collections::BTreeSet, time::Duration};

use qm_messaging::bus::{Bundling, Bus as _, Message, Subscription};

use crate::{
    bus::{ack, ids, take},
    side::{WAIT, consumer, message, sides},
};

/// What is published together and travels in two messages.
fn events() -> Vec<Message> {
    (0..100).map(|n| message("qm.order.placed", &format!("e{n:02}"))).collect()
}

async fn nothing_comes(subscription: &mut Box<dyn Subscription>) {
    let more = subscription.fetch(10, Duration::from_millis(300)).await.unwrap();
    assert!(more.is_empty(), "{more:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_one_by_one_though_they_travel_together() {
    for side in sides().await {
        let bus = Bundling::new(side.bus.clone());
        let sent = events();
        assert!(bus.publish(&sent).await.iter().all(Result::is_ok));
        // Known from before, as a whole.
        assert!(bus.publish(&sent).await.iter().all(Result::is_ok));
        assert_eq!(bus.stream_state("QM_ORDER").await.unwrap().last_sequence, 2, "messages");
        let mut subscription = bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let mut come = Vec::new();
        while come.len() < sent.len() {
            // Never more than was asked for.
            let some = subscription.fetch(7, WAIT).await.unwrap();
            assert!((1..=7).contains(&some.len()), "{} after {}", some.len(), come.len());
            ack(&mut subscription, &some).await;
            come.extend(some);
        }
        assert_eq!(ids(&come), sent.iter().map(|message| message.id.as_str()).collect::<Vec<_>>());
        assert_eq!(come[3].message.payload, sent[3].payload);
        nothing_comes(&mut subscription).await;
        assert_eq!(side.settled("c1", 2).await.consumers[0].pending, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_settled_when_all_its_events_are() {
    for side in sides().await {
        let bus = Bundling::new(side.bus.clone());
        let sent = &events()[..3];
        assert!(bus.publish(sent).await.iter().all(Result::is_ok));
        let mut subscription = bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let first = take(&mut subscription, 3).await;
        ack(&mut subscription, &first[..1]).await;
        subscription.retry_after(&[first[1].token.clone()], Duration::from_millis(50)).await.unwrap();
        assert!(subscription.fetch(10, Duration::from_millis(300)).await.unwrap().is_empty(), "one is open");
        ack(&mut subscription, &first[2..]).await;
        // One was given back, so all come again.
        let again = take(&mut subscription, 3).await;
        assert_eq!((ids(&again), again[0].attempt), (ids(&first), 2));
        // What is said once more of the first delivery settles nothing of the second.
        ack(&mut subscription, &first).await;
        ack(&mut subscription, &again[1..]).await;
        let late = take(&mut subscription, 3).await;
        assert_eq!((ids(&late), late[0].attempt), (ids(&first), 3), "\"e00\" was never settled");
        ack(&mut subscription, &late).await;
        nothing_comes(&mut subscription).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn single_events_and_bundles_come_to_replicas_alike() {
    for side in sides().await {
        let bus = Bundling::new(side.bus.clone());
        let mut first = bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let mut second = bus.subscribe(&consumer("c1", "qm.order.placed")).await.unwrap();
        let sent = events();
        for together in sent.chunks(4) {
            assert!(bus.publish(&together[..1]).await.iter().all(Result::is_ok));
            assert!(bus.publish(&together[1..]).await.iter().all(Result::is_ok));
        }
        let mut seen = Vec::new();
        let deadline = tokio::time::Instant::now() + WAIT;
        while seen.len() < sent.len() && tokio::time::Instant::now() < deadline {
            for subscription in [&mut first, &mut second] {
                let some = subscription.fetch(5, Duration::from_millis(200)).await.unwrap();
                ack(subscription, &some).await;
                seen.extend(ids(&some).into_iter().map(str::to_owned));
            }
        }
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (100, 100), "each once");
    }
}
