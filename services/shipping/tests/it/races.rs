//! What meets what, between services.

use qm_proto::{shipping::v1 as shipping, types::v1::FulfilmentKind};

use crate::world::worlds;

#[tokio::test(flavor = "multi_thread")]
async fn a_recall_that_overtakes_its_request_cancels_it() {
    for mut world in worlds().await {
        let work = world.work(FulfilmentKind::Ship, &[2, 1]);
        let id = work.fulfilment_id.as_str();
        world.recall(&work).await;
        world.recall(&work).await;
        world.settle().await;
        world.ask(&work).await;
        let cancelled: shipping::FulfilmentCancelled = world.hear(id).await;
        assert_eq!(cancelled.units, work.units);
        assert_eq!(world.get(id).await.status, "cancelled");
        // Asked for once more, and recalled once more: the same answer.
        world.ask(&work).await;
        let again: shipping::FulfilmentCancelled = world.hear(id).await;
        world.recall(&work).await;
        let once_more: shipping::FulfilmentCancelled = world.hear(id).await;
        assert_eq!((&again, &once_more), (&cancelled, &cancelled));
        assert_eq!(world.facts("fulfilments").await.len(), 1);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recall_is_refused_once_the_label_is_bought() {
    for mut world in worlds().await {
        let labelled = world.labelled(&[2]).await;
        let work = shipping_work(&world, &labelled);
        world.recall(&work).await;
        let refused: shipping::FulfilmentRecallRefused = world.hear(&labelled.id).await;
        assert_eq!(refused.reason, "the label is bought");
        world.hand_over(&labelled.id).await.unwrap();
        world.stop().await;
    }
}

/// What order knows of a fulfilment, as far as a recall needs it.
fn shipping_work(
    world: &crate::world::World,
    it: &shipping::Fulfilment,
) -> qm_proto::order::v1::FulfilmentRequested {
    let mut work = world.work(FulfilmentKind::Ship, &[1]);
    work.order_id.clone_from(&it.order_id);
    work.fulfilment_id.clone_from(&it.id);
    work
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_handover_and_a_recall_at_once_exactly_one_wins() {
    for mut world in worlds().await {
        let mut won = [0, 0];
        for n in 0..12_u64 {
            let work = world.requested(FulfilmentKind::Pickup, &[1]).await;
            let id = work.fulfilment_id.as_str();
            world.accept(id).await.unwrap();
            world.pack(id, vec![]).await.unwrap();
            let hand_over = async {
                tokio::time::sleep(std::time::Duration::from_millis(n)).await;
                world.hand_over(id).await
            };
            let (handed_over, ()) = tokio::join!(hand_over, world.recall(&work));
            let told = loop {
                let told = world.unheard(id).await;
                let is_answered = told.iter().any(|event| {
                    ["fulfilment.cancelled", "fulfilment.recall_refused"].contains(&event.as_str())
                });
                if is_answered {
                    break told;
                }
            };
            let is = |event: &str| told.iter().any(|told| told == event);
            assert_eq!(handed_over.is_ok(), is("fulfilment.issued"), "{told:?}");
            assert_eq!(handed_over.is_ok(), is("fulfilment.recall_refused"), "{told:?}");
            assert_eq!(handed_over.is_err(), is("fulfilment.cancelled"), "{told:?}");
            won[usize::from(handed_over.is_ok())] += 1;
        }
        println!("recalls won {}, handovers won {}", won[0], won[1]);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_again_shipping_tells_again_and_does_nothing_twice() {
    for mut world in worlds().await {
        let work = world.requested(FulfilmentKind::Pickup, &[2]).await;
        let id = work.fulfilment_id.as_str();
        world.accept(id).await.unwrap();
        world.pack(id, vec![]).await.unwrap();
        world.hand_over(id).await.unwrap();
        let issued: shipping::FulfilmentIssued = world.hear(id).await;
        let completed: shipping::FulfilmentCompleted = world.hear(id).await;
        let before = world.get(id).await;
        world.ask(&work).await;
        let opened: shipping::FulfilmentOpened = world.hear(id).await;
        assert_eq!(opened.fulfilment.unwrap().version, before.version);
        assert_eq!(world.hear::<shipping::FulfilmentIssued>(id).await, issued);
        assert_eq!(world.hear::<shipping::FulfilmentCompleted>(id).await, completed);
        assert_eq!(world.get(id).await, before);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_its_recall_at_once_always_end_cancelled() {
    for mut world in worlds().await {
        for n in 0..60 {
            let work = world.work(FulfilmentKind::Ship, &[1]);
            if n % 2 == 0 {
                tokio::join!(world.ask(&work), world.recall(&work));
            } else {
                tokio::join!(world.recall(&work), world.ask(&work));
            }
            // One pair after another: both consumers rest when it comes, and begin at the same time.
            let cancelled: shipping::FulfilmentCancelled = world.hear(&work.fulfilment_id).await;
            assert_eq!(cancelled.units, work.units);
            assert_eq!(world.get(&work.fulfilment_id).await.status, "cancelled");
        }
        world.stop().await;
    }
}
