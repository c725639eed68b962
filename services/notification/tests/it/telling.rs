//! Who is told what.

use std::{sync::atomic::Ordering, time::Duration};

use futures::StreamExt as _;
use qm_clock::Clock as _;
use qm_proto::{
    notification::v1::{
        CreateEndpointRequest, ListDeliveriesRequest, ListEndpointsRequest, PutTemplateRequest,
        ResendDeliveryRequest, WatchChangesRequest,
    },
    order::v1 as order,
    shipping::v1::ShipmentChanged,
};
use qm_runtime::grpc::with_tenant;
use qm_standard_webhooks::{Headers, WebhookSecret, verify};

use crate::{
    receiver::{Receiver, Request},
    world::{World, until, worlds},
};

fn placed(world: &World) -> order::Placed {
    order::Placed { order_id: world.order.to_string(), number: 100_001, ..order::Placed::default() }
}

async fn endpoint(world: &World, url: &str, event_types: &[&str]) -> Result<(String, String), tonic::Status> {
    let request = CreateEndpointRequest {
        url: url.to_owned(),
        event_types: event_types.iter().map(|pattern| (*pattern).to_owned()).collect(),
        idempotency: None,
    };
    let response =
        world.client.clone().create_endpoint(with_tenant(request, world.tenant)).await?.into_inner();
    Ok((response.endpoint.unwrap().id, response.secret))
}

/// As a receiver checks it.
fn is_signed(request: &Request, secret: &str) -> bool {
    let timestamp = request.timestamp.to_string();
    let headers = Headers { id: &request.id, timestamp: &timestamp, signature: &request.signature };
    let secrets = [WebhookSecret::parse(secret).unwrap()];
    verify(&secrets, &headers, request.body.as_bytes(), request.timestamp, Duration::ZERO).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_a_process_that_died_is_sent_by_another_within_a_minute() {
    for mut world in worlds(true).await {
        let receiver = Receiver::start().await;
        endpoint(&world, &receiver.url, &["order.*"]).await.unwrap();
        receiver.answers.send_replace(false);
        world.tell("order.placed", &placed(&world)).await;
        until("it is being sent", async || receiver.requests().len() == 1).await;
        world.replace().await;
        world.clock.advance(Duration::from_secs(40));
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(receiver.requests().len(), 1, "the one that began it may still be at it");
        world.clock.advance(Duration::from_secs(10));
        until("it is sent again", async || receiver.requests().len() == 2).await;
        receiver.answers.send_replace(true);
        until("it is delivered", async || world.jobs_due().await == 0).await;
        assert!(receiver.requests().iter().all(|request| request.id == receiver.requests()[0].id));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_gets_one_mail_per_event_with_a_link_to_the_order() {
    for world in worlds(false).await {
        world.tell("order.placed", &placed(&world)).await;
        let shipped = ShipmentChanged {
            order_id: world.order.to_string(),
            status: "handed_over".to_owned(),
            carrier: "swift".to_owned(),
            tracking_number: "TRACK1".to_owned(),
            ..ShipmentChanged::default()
        };
        world.tell("shipment.handed_over", &shipped).await;
        until("two mails arrive", async || world.mails().len() == 2).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mails = world.mails();
        assert_eq!(mails.len(), 2, "events are told twice by the bus, shoppers once");
        assert!(
            mails.iter().all(|mail| mail.contains("ada@example.com")
                && mail.contains("/t/")
                && mail.contains("Message-ID: <message_")),
            "{mails:?}"
        );
        assert!(
            mails
                .iter()
                .any(|mail| mail.contains("Subject: Your order 100001\r\n") && mail.contains("12.50 USD"))
        );
        assert!(mails.iter().any(|mail| mail.contains("TRACK1")));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_dated_by_the_services_clock() {
    for world in worlds(false).await {
        // Another day than the machine's.
        world.clock.advance(Duration::from_secs(40 * 86_400));
        let date = world.clock.now().format("%a, %d %b %Y %H:%M:%S +0000").to_string();
        world.tell("order.placed", &placed(&world)).await;
        until("the mail arrives", async || !world.mails().is_empty()).await;
        let mail = world.mails().remove(0);
        let shown = mail.lines().find_map(|line| line.strip_prefix("Date: "));
        assert_eq!(shown, Some(date.as_str()), "{mail}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_words_replace_ours_and_bad_ones_are_refused() {
    for world in worlds(false).await {
        let template = |name: &str, body: &str| PutTemplateRequest {
            name: name.to_owned(),
            locale: "en".to_owned(),
            subject: "Ahoy {{ number }}".to_owned(),
            body: body.to_owned(),
        };
        let mut client = world.client.clone();
        for (bad, field) in
            [(template("order_placed", "{{ secret }}"), "body"), (template("nothing", "x"), "name")]
        {
            let status = client.put_template(with_tenant(bad, world.tenant)).await.unwrap_err();
            let refusal = qm_refusal::Refusal::from_status(&status);
            assert_eq!(refusal.field.as_deref(), Some(field), "{status}");
        }
        client
            .put_template(with_tenant(template("order_placed", "Yours, {{ name }}"), world.tenant))
            .await
            .unwrap();
        world.tell("order.placed", &placed(&world)).await;
        until("the mail arrives", async || !world.mails().is_empty()).await;
        assert!(world.mails()[0].contains("Ahoy 100001") && world.mails()[0].contains("Yours, Ada"));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_signed_retried_under_one_id_and_sent_again_on_demand() {
    for world in worlds(true).await {
        let receiver = Receiver::start().await;
        let (id, secret) = endpoint(&world, &receiver.url, &["order.placed"]).await.unwrap();
        receiver.answer.store(500, Ordering::SeqCst);
        let event = world.tell("order.placed", &placed(&world)).await;
        world
            .tell("order.allocated", &order::Allocated { order_id: world.order.to_string(), revision: 2 })
            .await;
        until("the first try", async || receiver.requests().len() == 1).await;
        receiver.answer.store(204, Ordering::SeqCst);
        until("the second try", async || {
            world.clock.advance(Duration::from_secs(6));
            receiver.requests().len() == 2
        })
        .await;
        let list = || ListDeliveriesRequest { endpoint_id: id.clone(), page: None };
        let mut client = world.client.clone();
        let mut delivery = None;
        until("it is delivered", async || {
            let response =
                client.list_deliveries(with_tenant(list(), world.tenant)).await.unwrap().into_inner();
            delivery = response.deliveries.first().cloned();
            delivery.as_ref().is_some_and(|delivery| delivery.status == "delivered")
        })
        .await;
        let delivery = delivery.unwrap();
        assert_eq!(
            (delivery.attempts, delivery.last_status, delivery.event_type.as_str()),
            (2, 204, "order.placed")
        );

        let resend = ResendDeliveryRequest { delivery_id: delivery.id };
        client.resend_delivery(with_tenant(resend, world.tenant)).await.unwrap();
        until("it is sent again", async || receiver.requests().len() == 3).await;
        for request in receiver.requests() {
            assert_eq!(request.id, event.to_string(), "the same id for every try");
            assert!(is_signed(&request, &secret), "{request:?}");
            let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            assert_eq!((&body["type"], &body["data"]["number"]), (&"order.placed".into(), &100_001.into()));
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_switched_off() {
    for world in worlds(true).await {
        let receiver = Receiver::start().await;
        endpoint(&world, &receiver.url, &[]).await.unwrap();
        receiver.answer.store(410, Ordering::SeqCst);
        world.tell("order.placed", &placed(&world)).await;
        let mut client = world.client.clone();
        until("it is switched off", async || {
            let request = with_tenant(ListEndpointsRequest {}, world.tenant);
            let endpoints = client.list_endpoints(request).await.unwrap().into_inner().endpoints;
            !endpoints[0].enabled && endpoints[0].disabled_reason.contains("410")
        })
        .await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_do_not_reach_into_our_own_network() {
    for world in worlds(false).await {
        for url in ["http://example.com/", "ftp://example.com/", "nonsense", "https://user:pw@example.com/"] {
            assert!(endpoint(&world, url, &[]).await.is_err(), "{url}");
        }
        // https, but an address inside is refused as it stands, and a name that leads inside is never connected to.
        let receiver = Receiver::start().await;
        let url = receiver.url.replace("http://", "https://");
        let refused = endpoint(&world, &url, &[]).await.unwrap_err();
        assert!(refused.message().contains("public internet"), "{refused}");
        let (named, _) = endpoint(&world, &url.replace("127.0.0.1", "localhost"), &[]).await.unwrap();
        world.tell("order.placed", &placed(&world)).await;
        let mut client = world.client.clone();
        until("the try fails", async || {
            let request = ListDeliveriesRequest { endpoint_id: named.clone(), page: None };
            let response =
                client.list_deliveries(with_tenant(request, world.tenant)).await.unwrap().into_inner();
            response
                .deliveries
                .first()
                .is_some_and(|delivery| delivery.last_error.contains("public internet"))
        })
        .await;
        assert!(receiver.requests().is_empty());
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_can_be_followed_from_any_position() {
    for world in worlds(false).await {
        let mut client = world.client.clone();
        let from = |after_position| {
            with_tenant(WatchChangesRequest { after_position, order_id: String::new() }, world.tenant)
        };
        let mut live = client.watch_changes(from(0)).await.unwrap().into_inner();
        world.tell("order.placed", &placed(&world)).await;
        let first = live.next().await.unwrap().unwrap();
        assert_eq!((first.position, first.event_type.as_str()), (1, "order.placed"));
        world
            .tell("order.completed", &order::Completed { order_id: world.order.to_string(), revision: 9 })
            .await;
        let second = live.next().await.unwrap().unwrap();
        assert_eq!((second.position, second.event_type.as_str()), (2, "order.completed"));
        drop(live);
        let mut resumed = client.watch_changes(from(1)).await.unwrap().into_inner();
        assert_eq!(resumed.next().await.unwrap().unwrap().event_id, second.event_id);
        let mut lost = client.watch_changes(from(99)).await.unwrap().into_inner();
        assert!(lost.next().await.unwrap().unwrap().reset, "a position of another life");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_still_counts_as_work_to_do() {
    for world in worlds(true).await {
        let receiver = Receiver::start().await;
        endpoint(&world, &receiver.url, &[]).await.unwrap();
        receiver.answers.send_replace(false);
        world.orders_answer.send_replace(false);
        world.tell("order.placed", &placed(&world)).await;
        until("both are being sent", async || {
            receiver.requests().len() == 1 && world.orders_asked.load(Ordering::SeqCst) == 1
        })
        .await;
        assert_eq!(world.jobs_due().await, 2, "a mail and a webhook are not there yet");
        receiver.answer.store(500, Ordering::SeqCst);
        receiver.answers.send_replace(true);
        world.orders_answer.send_replace(true);
        until("nothing is left to do now", async || world.jobs_due().await == 0).await;
        assert_eq!(world.mails().len(), 1);
        // The webhook is tried again later.
        world.clock.advance(Duration::from_secs(6));
        until("the second try", async || receiver.requests().len() == 2).await;
        world.stop().await;
    }
}
