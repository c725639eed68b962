//! Who is told what: shoppers, partners, readers of the live stream, and those who watch over it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::{
    shop::{Shop, id},
    wait,
    world::{Kind, World},
};

pub(crate) async fn the_shopper_gets_mails_with_a_link_that_shows_the_order(world: Arc<World>) {
    let shop = Shop::open(&world, "mails").await;
    let template = json!({ "subject": "Merci, {{ number }}", "body": "{{ name }}: {{ tracking_url }}" });
    assert_eq!(shop.api.put("/v1/templates/order_placed/fr", &template).await.status, 204);
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 5).await;
    let order = shop.place(&[("mug", 1)]).await;
    let fulfilment = shop.until_fulfilment(&order, "requested").await;
    shop.ship(&fulfilment).await;
    let done = shop.until_status(&order, "completed").await;
    let mut french = shop.order(&[("mug", 1)]);
    french["customer"]["locale"] = json!("fr-CA");
    french["customer"]["email"] = json!("marie@mails.example");
    shop.place_order(&french).await;

    let mails = wait::until("three mails", async || {
        let mails = world.receivers.mails_to(&shop.email);
        if mails.len() >= 3 { Ok(mails) } else { Err(format!("{mails:?}")) }
    })
    .await;
    let ids: BTreeSet<&str> = mails.iter().map(|mail| mail.message_id.as_str()).collect();
    assert_eq!(ids.len(), 3, "placed, dispatched, delivered: each once, each recognisable: {mails:?}");
    let number = done["number"].to_string();
    let link = done["tracking_path"].as_str().unwrap();
    for mail in &mails {
        assert!(mail.subject.contains(&number), "{mail:?}");
        assert!(mail.body.contains(&format!("{}{link}", world.base)), "{mail:?}");
    }
    let page = shop.api.http.get(format!("{}{link}", world.base)).send().await.unwrap();
    assert_eq!(page.headers()["cache-control"], "private, no-store");
    assert!(page.text().await.unwrap().contains("Your order has arrived"));

    let mail = wait::until("the French mail", async || {
        world.receivers.mails_to("marie@mails.example").pop().ok_or("not there")
    })
    .await;
    assert!(mail.subject.starts_with("Merci, ") && mail.body.starts_with("Ada Shopper: http"), "{mail:?}");
    // Written down after it was sent, since it must not be lost in between.
    wait::until("all messages known as sent", async || {
        let messages = shop.api.all(&format!("/v1/messages?order_id={order}")).await;
        if messages.iter().all(|message| message["status"] == "sent") {
            Ok(())
        } else {
            Err(format!("{messages:?}"))
        }
    })
    .await;

    // Number and email lead to the same page, either alone to none.
    let form = |number: &str, email: &str| {
        let path = format!("{}/track/{}", world.base, shop.slug);
        shop.api.http.post(path).form(&[("number", number), ("email", email)]).send()
    };
    let found = form(&number, &shop.email.to_uppercase()).await.unwrap();
    assert_eq!((found.status().as_u16(), found.headers()["location"].to_str().unwrap()), (303, link));
    assert_eq!(form(&number, "someone@else.example").await.unwrap().status(), 404);
}

pub(crate) async fn a_partner_gets_webhooks_that_the_official_verifier_accepts(world: Arc<World>) {
    let shop = Shop::open(&world, "hooks").await;
    let body =
        json!({ "url": world.receivers.webhook_url("hooks"), "event_types": ["order.placed", "shipment.*"] });
    let endpoint = shop.api.post("/v1/webhook-endpoints", &body).await.ok();
    world.receivers.expect_webhooks("hooks", endpoint["secret"].as_str().unwrap());
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 5).await;
    let order = shop.place(&[("mug", 1)]).await;
    let fulfilment = shop.until_fulfilment(&order, "requested").await;
    shop.ship(&fulfilment).await;
    shop.until_status(&order, "completed").await;

    let received = wait::until("placed and delivered, the first of all twice", async || {
        let received = world.receivers.webhooks("hooks");
        let accepted: BTreeSet<String> = received
            .iter()
            .filter(|it| it["answered"] == 204)
            .map(|it| it["body"]["type"].as_str().unwrap_or_default().to_owned())
            .collect();
        let is_all = ["order.placed", "shipment.handed_over", "shipment.delivered"]
            .iter()
            .all(|it| accepted.contains(*it));
        if is_all { Ok(received) } else { Err(format!("{accepted:?} of {}", received.len())) }
    })
    .await;
    assert!(received.iter().all(|it| it["verified"] == true), "{received:?}");
    // The one that was answered with 500 came again under its own id.
    let failed = received.iter().find(|it| it["answered"] == 500).unwrap();
    let same: Vec<_> = received.iter().filter(|it| it["id"] == failed["id"]).collect();
    assert!(same.len() >= 2 && same.iter().all(|it| it["body"] == failed["body"]), "{same:?}");
    let kinds: BTreeSet<_> = received.iter().filter_map(|it| it["body"]["type"].as_str()).collect();
    assert!(!kinds.contains("order.completed"), "it was not asked for: {kinds:?}");

    let path = format!("/v1/webhook-endpoints/{}/deliveries", id(&endpoint));
    let deliveries = shop.api.all(&path).await;
    let again = &deliveries[0];
    shop.api.post(&format!("/v1/webhook-deliveries/{}/resend", id(again)), &json!({})).await.ok();
    wait::until("the delivery once more", async || {
        let count =
            world.receivers.webhooks("hooks").iter().filter(|it| it["id"] == again["message_id"]).count();
        if count >= 2 { Ok(()) } else { Err(count) }
    })
    .await;
    let listed = shop.api.get("/v1/webhook-endpoints").await.ok();
    assert!(listed["data"][0].get("secret").is_none(), "a secret is shown once: {listed}");
}

/// Reads `count` changes after a position: position, type and order of each.
async fn changes(shop: &Shop, after: Option<&str>, count: usize) -> Vec<(String, Value)> {
    let mut request = shop.api.request(reqwest::Method::GET, "/v1/changes");
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    let mut stream = request.send().await.unwrap().error_for_status().unwrap().bytes_stream();
    let (mut text, mut changes) = (String::new(), Vec::new());
    while changes.len() < count {
        let chunk = tokio::time::timeout(Duration::from_secs(60), stream.next()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("{} of {count} changes: {changes:?}", changes.len()));
        text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(id), Some(data)) = (field("id: "), field("data: ")) {
                changes.push((id.to_owned(), serde_json::from_str(data).unwrap()));
            }
            text = rest.to_owned();
        }
    }
    changes
}

pub(crate) async fn a_reader_of_the_live_stream_that_reconnects_misses_nothing(world: Arc<World>) {
    let shop = Shop::open(&world, "stream").await;
    shop.items(&["rare"]).await;
    let first = shop.place(&[("rare", 1)]).await;
    let seen = changes(&shop, None, 2).await;
    let kinds: Vec<_> = seen.iter().map(|(_, change)| change["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["order.placed", "order.backordered"]);
    assert!(seen.iter().all(|(_, change)| change["order_id"] == first.as_str()));

    // While nobody reads, more happens.
    let second = shop.place(&[("rare", 1)]).await;
    shop.until_units(&second, &[("backordered", 1)]).await;
    let resumed = changes(&shop, Some(&seen[0].0), 3).await;
    assert_eq!(resumed[0], seen[1], "it resumes right after what was read");
    let later: Vec<_> = resumed[1..].iter().map(|(_, change)| change["order_id"].as_str().unwrap()).collect();
    assert_eq!(later, [&second, &second]);
    let positions: Vec<i64> = resumed.iter().map(|(position, _)| position.parse().unwrap()).collect();
    assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "{positions:?}");
}

/// A reader that asks for the live stream and takes next to nothing of it. None when it is told that it has enough of them.
async fn silent_reader(shop: &Shop) -> Option<TcpStream> {
    let host = shop.api.base.trim_start_matches("http://");
    let socket = TcpSocket::new_v4().unwrap();
    // Little fits in, so that the sender has to stop soon.
    socket.set_recv_buffer_size(2_048).unwrap();
    let mut stream = socket.connect(host.parse().unwrap()).await.unwrap();
    let request =
        format!("GET /v1/changes HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\r\n", shop.api.key);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    match &status {
        b"HTTP/1.1 200" => Some(stream),
        b"HTTP/1.1 429" => None,
        other => panic!("answered with {}", String::from_utf8_lossy(other)),
    }
}

pub(crate) async fn readers_of_the_live_stream_that_never_read_hold_nobody_up(world: Arc<World>) {
    const ORDERS: usize = 400;
    let shop = Shop::open(&world, "silent-readers").await;
    shop.items(&["rare"]).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.extend(silent_reader(&shop).await);
    }
    assert_eq!(silent.len(), 32, "one reader has so many streams and no more");

    let orders: Vec<Value> = (0..ORDERS).map(|_| shop.order(&[("rare", 1)])).collect();
    let placed = shop.api.post("/v1/orders/batch", &json!({ "orders": orders })).await.ok();
    let last = placed["results"].as_array().unwrap().last().unwrap()["order"]["id"].as_str().unwrap();
    shop.until_units(last, &[("backordered", 1)]).await;
    wait::until("all orders to wait for stock", async || {
        let summary = shop.api.get("/v1/summary").await.ok();
        let waiting = summary["units"]["backordered"].as_u64().unwrap_or_default();
        if waiting == ORDERS as u64 { Ok(()) } else { Err(summary) }
    })
    .await;

    drop(silent);
    // That they are gone is seen when something is written to them.
    wait::until("room for streams", async || {
        shop.place(&[("rare", 1)]).await;
        let (mut open, mut refused) = (Vec::new(), 0);
        for _ in 0..10 {
            match silent_reader(&shop).await {
                Some(stream) => open.push(stream),
                None => refused += 1,
            }
        }
        if refused == 0 { Ok(()) } else { Err(format!("{refused} of 10 are refused")) }
    })
    .await;
    // One who reads is told of everything, from the first.
    let all = changes(&shop, None, 2 * ORDERS).await;
    assert!(all.windows(2).all(|pair| pair[0].0.parse::<i64>().unwrap() < pair[1].0.parse().unwrap()));
}

pub(crate) async fn one_trace_runs_from_the_request_to_the_mail(world: Arc<World>) {
    let shop = Shop::open(&world, "trace").await;
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 5).await;
    let trace =
        format!("{:032x}", 0x7ace_0000_0000_0000_0000_0000_0000_0001_u128 + u128::from(std::process::id()));
    let request = shop.api.request(reqwest::Method::POST, "/v1/orders").header("idempotency-key", "trace");
    let request = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let placed = request.json(&shop.order(&[("mug", 1)])).send().await.unwrap();
    assert_eq!(placed.headers()["x-trace-id"], trace.as_str());
    wait::until("spans of every service that took part, up to the mail", async || {
        let spans = world.collector.spans(&trace);
        let names: BTreeSet<&str> =
            spans.iter().flat_map(|span| [span.name.as_str(), span.consumer.as_str()]).collect();
        let awaited = [
            "http",
            "quartermaster.order.v1.OrderService/PlaceOrders",
            "routing-plan",
            "inventory-reserve",
            "order-record-reserved",
            "shipping-request",
            "notification-record-order-placed",
            "send mail",
        ];
        let missing: Vec<_> = awaited.iter().filter(|name| !names.contains(**name)).collect();
        let services: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
        let is_all = world.kind == Kind::OneProcess || services.len() == 6;
        if missing.is_empty() && is_all {
            Ok(())
        } else {
            Err(format!("missing {missing:?}; there are {names:?} of {services:?}"))
        }
    })
    .await;
}
