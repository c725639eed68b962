//! A database that is restored to an earlier point learns again what the streams still hold.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use qm_clock::{Clock as _, SystemClock};
use qm_database::Tx;
use qm_ids::Uuid;
use qm_messaging::{Envelope, HandleError, Remember};
use qm_proto::order::v1::Placed;
use sea_orm::ConnectionTrait as _;
use tokio_util::sync::CancellationToken;

use crate::{
    consuming::{Seen, Service, numbers, remembering, service, until},
    side::{Side, ids, sides},
};

/// What a service that was restored had told itself.
#[derive(Default, Clone)]
struct Told(Arc<Mutex<Vec<i64>>>);

#[async_trait]
impl Remember for Told {
    async fn remember(&self, _: &Tx, told: &[Envelope]) -> Result<(), HandleError> {
        let number = |event: &Envelope| -> Result<i64, HandleError> {
            let placed: Placed =
                prost::Message::decode(event.payload.as_slice()).map_err(HandleError::poison)?;
            match placed.number {
                13 => Err(HandleError::poison("unlucky")),
                number => Ok(number),
            }
        };
        let told = told.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        self.0.lock().unwrap().extend(told);
        Ok(())
    }
}

/// Copies a service's database as it is.
async fn back_up(side: &Side, name: &str) -> PathBuf {
    let (from, to) = (side.database(name), side.folder.join(format!("{name}.copy")));
    let connection = sea_orm::Database::connect(format!("sqlite://{}", from.display())).await.unwrap();
    connection.execute_unprepared(&format!("VACUUM INTO '{}'", to.display())).await.unwrap();
    connection.close().await.unwrap();
    to
}

async fn published(service: &Service) {
    until("the outbox is emptied", async || service.messaging.backlog().await.unwrap().outbox == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_service_learns_again_what_it_told_itself() {
    for side in sides().await {
        let seen = Arc::new(Seen::default());
        let order = service(&side, "order", &seen).await;
        let shutdown = CancellationToken::new();
        order.run(&shutdown);
        order.place(0..5).await;
        published(&order).await;
        let copy = back_up(&side, "order").await;
        order.place(5..20).await;
        published(&order).await;
        shutdown.cancel();
        drop(order);

        let told = Told::default();
        let same = remembering(&side, "order", &seen, told.clone()).await;
        let stranger = Envelope {
            event_id: ids().next(),
            tenant: ids().next(),
            event_type: "order.placed".to_owned(),
            source: "stranger".to_owned(),
            aggregate: Uuid::nil(),
            occurred_at: SystemClock.now(),
            trace: None,
            payload: vec![0xff; 9],
        };
        for result in side.bus.publish(&[stranger.into_message()]).await {
            result.unwrap();
        }
        same.messaging.catch_up().await.unwrap();
        assert!(told.0.lock().unwrap().is_empty(), "nothing was restored, whoever writes to the stream");
        drop(same);

        side.restore("order", copy);
        let restored = remembering(&side, "order", &seen, told.clone()).await;
        restored.messaging.catch_up().await.unwrap();
        let all: Vec<i64> = (5..20).filter(|number| *number != 13).collect();
        assert_eq!(*told.0.lock().unwrap(), all);
        let letters = restored.messaging.dead_letters(10).await.unwrap();
        assert_eq!(letters.len(), 1, "what cannot be taken in is set aside");
        assert!(
            letters[0].consumer == "order-remember" && letters[0].error.contains("unlucky"),
            "{letters:?}"
        );

        // It goes on as if nothing had been, and has nothing more to learn.
        let shutdown = CancellationToken::new();
        restored.run(&shutdown);
        restored.place(20..22).await;
        published(&restored).await;
        restored.messaging.catch_up().await.unwrap();
        assert_eq!(*told.0.lock().unwrap(), all);
        shutdown.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_service_learns_again_what_it_was_told() {
    for side in sides().await {
        let seen = Arc::new(Seen::default());
        let order = service(&side, "order", &seen).await;
        let notification = service(&side, "notification", &seen).await;
        let shutdown = CancellationToken::new();
        order.run(&shutdown);
        notification.run(&shutdown);
        order.place(0..5).await;
        let is_settled = async |count| {
            let backlog = notification.messaging.backlog().await.unwrap();
            numbers(&seen).len() == count && backlog.unconsumed == 0
        };
        until("five have arrived", async || is_settled(5).await).await;
        let copy = back_up(&side, "notification").await;
        order.place(5..10).await;
        until("ten have arrived", async || is_settled(10).await).await;
        shutdown.cancel();
        drop(notification);

        let again = Arc::new(Seen::default());
        service(&side, "notification", &again).await.messaging.catch_up().await.unwrap();
        assert!(numbers(&again).is_empty(), "nothing was restored");

        side.restore("notification", copy);
        let restored = service(&side, "notification", &again).await;
        restored.messaging.catch_up().await.unwrap();
        assert_eq!(numbers(&again), (5..10).collect::<Vec<_>>());
        restored.messaging.catch_up().await.unwrap();
        assert_eq!(numbers(&again).len(), 5, "it has nothing more to learn");
    }
}
