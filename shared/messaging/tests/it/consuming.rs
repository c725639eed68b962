//! From the outbox of one service into the tables of another: once in effect, and a poisonous event alone is set aside.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use qm_clock::{Clock as _, SharedEntropy, SystemClock, SystemEntropy};
use qm_database::{Database, DatabaseOptions, TenantSet, Tx};
use qm_ids::{OrderId, TenantId};
use qm_messaging::{
    HandleError, Handler, Messaging, MessagingBuilder, MessagingOptions, NewEvent, Outbox, Received, Remember,
};
use qm_proto::order::v1::Placed;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use tokio_util::sync::CancellationToken;

use crate::side::{Side, ids, sides};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        qm_messaging::migrations::migrations()
    }
}

#[derive(Default)]
pub(crate) struct Seen {
    numbers: Mutex<Vec<i64>>,
    batches: Mutex<Vec<usize>>,
    /// Says that a dependency is down.
    is_down: AtomicBool,
    /// How long each event takes, milliseconds.
    slowness: AtomicU64,
    /// Takes 13, too.
    is_mended: AtomicBool,
}

struct Note(Arc<Seen>);

#[async_trait]
impl Handler<Placed> for Note {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<Placed>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(&self, _: &Tx, events: &[Received<Placed>], (): ()) -> Result<(), HandleError> {
        if self.0.is_down.load(Ordering::SeqCst) {
            return Err(HandleError::Unavailable("down".to_owned()));
        }
        let numbers: Vec<i64> = events.iter().map(|event| event.payload.number).collect();
        let slowness = self.0.slowness.load(Ordering::SeqCst) * numbers.len() as u64;
        tokio::time::sleep(Duration::from_millis(slowness)).await;
        if numbers.contains(&13) && !self.0.is_mended.load(Ordering::SeqCst) {
            return Err(HandleError::poison("unlucky"));
        }
        self.0.batches.lock().unwrap().push(numbers.len());
        self.0.numbers.lock().unwrap().extend(numbers);
        Ok(())
    }
}

pub(crate) struct Service {
    database: Database,
    outbox: Outbox,
    pub(crate) messaging: Messaging,
    tenant: TenantId,
}

pub(crate) async fn service(side: &Side, name: &'static str, seen: &Arc<Seen>) -> Service {
    service_with(side, name, seen, MessagingOptions::default()).await
}

async fn service_with(
    side: &Side,
    name: &'static str,
    seen: &Arc<Seen>,
    options: MessagingOptions,
) -> Service {
    put_together(side, name, seen, options, |builder| builder).await
}

/// A service that makes something of its own events when its database was restored.
pub(crate) async fn remembering(
    side: &Side,
    name: &'static str,
    seen: &Arc<Seen>,
    remember: impl Remember,
) -> Service {
    let options = MessagingOptions::default();
    put_together(side, name, seen, options, |it| it.remember(&[], remember)).await
}

async fn put_together(
    side: &Side,
    name: &'static str,
    seen: &Arc<Seen>,
    options: MessagingOptions,
    more: impl FnOnce(MessagingBuilder) -> MessagingBuilder,
) -> Service {
    let url = format!("sqlite://{}", side.database(name).display());
    let database = Database::open(&url, &DatabaseOptions::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    let entropy: SharedEntropy = Arc::new(SystemEntropy);
    let options = MessagingOptions { stream_max_bytes: 4 << 20, ..options };
    let clock = Arc::new(SystemClock);
    let mut builder =
        MessagingBuilder::new(name, database.clone(), side.bus.clone(), clock, ids(), &entropy, options);
    if name != "order" {
        builder = builder.consume("note", Note(seen.clone()));
    }
    builder = more(builder);
    Service { database, outbox: builder.outbox(), messaging: builder.build(), tenant: ids().next() }
}

impl Service {
    pub(crate) fn run(&self, shutdown: &CancellationToken) {
        for worker in self.messaging.workers() {
            tokio::spawn(worker.run(shutdown.clone()));
        }
    }

    pub(crate) async fn place(&self, numbers: std::ops::Range<i64>) {
        let tx = self.database.begin(&TenantSet::one(self.tenant)).await.unwrap();
        let order: OrderId = ids().next();
        let events = numbers
            .map(|number| {
                let payload = Placed { number, ..Placed::default() };
                NewEvent::new(self.tenant, order, &payload, SystemClock.now())
            })
            .collect();
        self.outbox.append(&tx, events).await.unwrap();
        tx.commit().await.unwrap();
    }
}

pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn numbers(seen: &Seen) -> Vec<i64> {
    let mut numbers = seen.numbers.lock().unwrap().clone();
    numbers.sort_unstable();
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_once_and_only_the_poisonous_one_is_set_aside_and_replayed() {
    for side in sides().await {
        let seen = Arc::new(Seen::default());
        let (order, notification) =
            (service(&side, "order", &seen).await, service(&side, "notification", &seen).await);
        let shutdown = CancellationToken::new();
        // Written before anybody runs: the relay finds it, and the consumer gets it as one batch.
        order.place(0..100).await;
        order.run(&shutdown);
        until("the outbox is emptied", async || order.messaging.backlog().await.unwrap().outbox == 0).await;
        notification.run(&shutdown);
        until("all but one arrive", async || numbers(&seen).len() == 99).await;
        assert_eq!(numbers(&seen), (0..100).filter(|number| *number != 13).collect::<Vec<_>>());
        until("one is set aside", async || notification.messaging.backlog().await.unwrap().dead_letters == 1)
            .await;
        let letters = notification.messaging.dead_letters(10).await.unwrap();
        assert_eq!((letters[0].event_type.as_str(), letters[0].tenant), ("order.placed", Some(order.tenant)));
        assert!(letters[0].error.contains("unlucky"), "{letters:?}");

        assert_eq!(notification.messaging.replay_dead_letters(&[]).await.unwrap(), (0, 1));
        seen.is_mended.store(true, Ordering::SeqCst);
        assert_eq!(notification.messaging.replay_dead_letters(&[]).await.unwrap(), (1, 0));
        assert_eq!(numbers(&seen), (0..100).collect::<Vec<_>>());
        until("nothing is left", async || {
            let backlog = notification.messaging.backlog().await.unwrap();
            backlog.unconsumed == 0 && backlog.dead_letters == 0
        })
        .await;
        assert!(seen.batches.lock().unwrap().iter().any(|size| *size > 10), "events are applied in batches");
        shutdown.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_dependency_is_down_events_wait_and_none_is_set_aside() {
    for side in sides().await {
        let seen = Arc::new(Seen::default());
        seen.is_down.store(true, Ordering::SeqCst);
        let (order, notification) =
            (service(&side, "order", &seen).await, service(&side, "notification", &seen).await);
        let shutdown = CancellationToken::new();
        order.run(&shutdown);
        notification.run(&shutdown);
        order.place(20..30).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(notification.messaging.backlog().await.unwrap().dead_letters, 0);
        seen.is_down.store(false, Ordering::SeqCst);
        until("all arrive once it is back", async || numbers(&seen) == (20..30).collect::<Vec<_>>()).await;
        shutdown.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_takes_too_long_is_cut_off_and_smaller_ones_go_on() {
    for side in sides().await {
        let seen = Arc::new(Seen::default());
        // A batch has a third of the time that a delivery has: 500 ms, in which 25 events can be applied.
        seen.slowness.store(20, Ordering::SeqCst);
        let options =
            MessagingOptions { ack_wait: Duration::from_millis(1_500), ..MessagingOptions::default() };
        let order = service(&side, "order", &seen).await;
        let notification = service_with(&side, "notification", &seen, options).await;
        let shutdown = CancellationToken::new();
        order.place(100..200).await;
        order.run(&shutdown);
        until("the outbox is emptied", async || order.messaging.backlog().await.unwrap().outbox == 0).await;
        notification.run(&shutdown);
        until("all arrive", async || numbers(&seen).len() >= 100).await;
        until("all are settled", async || notification.messaging.backlog().await.unwrap().unconsumed == 0)
            .await;
        assert_eq!(numbers(&seen), (100..200).collect::<Vec<_>>(), "each once in effect");
        assert_eq!(notification.messaging.backlog().await.unwrap().dead_letters, 0);
        let batches = seen.batches.lock().unwrap().clone();
        assert!(
            batches.iter().all(|size| *size <= 25),
            "nothing held on to its events for longer: {batches:?}"
        );
        assert!(batches.iter().any(|size| *size > 5), "what fits goes on together: {batches:?}");
        shutdown.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_change_tells_nothing() {
    for side in sides().await {
        let seen = Arc::new(Seen::default());
        let order = service(&side, "order", &seen).await;
        let tx = order.database.begin(&TenantSet::one(order.tenant)).await.unwrap();
        let id: OrderId = ids().next();
        let event = NewEvent::new(order.tenant, id, &Placed::default(), SystemClock.now());
        order.outbox.append(&tx, vec![event]).await.unwrap();
        drop(tx);
        assert_eq!(order.messaging.backlog().await.unwrap().outbox, 0);
    }
}
