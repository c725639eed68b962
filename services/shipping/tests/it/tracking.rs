//! Carriers' messages: duplicate, late, forged, about others.

use qm_clock::Clock as _;
use qm_proto::shipping::v1 as shipping;
use qm_standard_webhooks::{WebhookSecret, sign};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tonic::{Code, Request, Status};

use crate::world::{World, until, world_reporting_to, worlds, worlds_reporting_to};

/// The secret of `config.default.toml`.
pub(crate) const SECRET: &[u8] = b"quartermaster-development-secret";

fn report(id: &str, number: &str, status: &str, at: &str) -> Value {
    json!({ "id": id, "tracking_number": number, "status": status, "occurred_at": at })
}

pub(crate) fn signed(world: &World, secret: &[u8], events: &[Value]) -> shipping::ReceiveTrackingRequest {
    let body = json!({ "events": events }).to_string().into_bytes();
    let timestamp = world.clock.now().timestamp();
    let signature = sign(&[WebhookSecret::from_bytes(secret).unwrap()], "msg_1", timestamp, &body);
    shipping::ReceiveTrackingRequest {
        carrier: "simulated".to_owned(),
        message_id: "msg_1".to_owned(),
        timestamp: timestamp.to_string(),
        signature,
        body,
    }
}

/// A carrier has no tenant's credential.
pub(crate) async fn send(
    world: &World,
    message: shipping::ReceiveTrackingRequest,
) -> Result<(i32, i32), Status> {
    let answer = world.client.clone().receive_tracking(Request::new(message)).await?.into_inner();
    Ok((answer.applied, answer.duplicates))
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_and_late_reports_are_harmless() {
    for mut world in worlds().await {
        let labelled = world.labelled(&[1]).await;
        world.hand_over(&labelled.id).await.unwrap();
        let (shipment, number) = (&labelled.shipments[0].id, &labelled.shipments[0].tracking_number);
        let out = report("2", number, "out_for_delivery", "2026-11-25T10:00:00Z");
        assert_eq!(send(&world, signed(&world, SECRET, std::slice::from_ref(&out))).await.unwrap(), (1, 0));
        world.hear_shipment(shipment, "out_for_delivery").await;
        let late = report("1", number, "in_transit", "2026-11-24T10:00:00+02:00");
        assert_eq!(send(&world, signed(&world, SECRET, &[late, out])).await.unwrap(), (1, 1));
        let at = world.get(&labelled.id).await;
        assert_eq!((at.shipments[0].status.as_str(), at.shipments[0].events.len()), ("out_for_delivery", 2));
        assert_eq!(at.shipments[0].events[0].occurred_at, "2026-11-24T08:00:00.000000Z");
        let lost = report("3", number, "lost", "2026-11-26T10:00:00Z");
        send(&world, signed(&world, SECRET, &[lost])).await.unwrap();
        world.hear_shipment(shipment, "lost").await;
        assert_eq!(world.get(&labelled.id).await.status, "incomplete");
        assert!(world.facts("delivered_units").await.is_empty());
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_at_once_from_many_connections_counts_once() {
    for mut world in worlds().await {
        let labelled = world.labelled(&[1]).await;
        let number = &labelled.shipments[0].tracking_number;
        let message = signed(&world, SECRET, &[report("1", number, "delivered", "2026-11-25T10:00:00Z")]);
        let sends = (0..8).map(|_| send(&world, message.clone()));
        let answers = futures::future::join_all(sends).await;
        let (mut applied, mut duplicates) = (0, 0);
        for answer in answers {
            let (new, known) = answer.unwrap();
            applied += new;
            duplicates += known;
        }
        assert_eq!((applied, duplicates), (1, 7));
        // Nobody had said that it was handed over; the door says so.
        let issued: shipping::FulfilmentIssued = world.hear(&labelled.id).await;
        assert_eq!(issued.units.len(), 1);
        assert_eq!(world.get(&labelled.id).await.status, "completed");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_believed_or_read_has_no_effect() {
    for mut world in worlds().await {
        let labelled = world.labelled(&[1]).await;
        let number = labelled.shipments[0].tracking_number.clone();
        let good = || report("1", &number, "in_transit", "2026-11-25T10:00:00Z");
        let refused = async |message| send(&world, message).await.unwrap_err().code();
        assert_eq!(
            refused(signed(&world, b"another secret altogether!!!!!!!", &[good()])).await,
            Code::Unauthenticated
        );
        let mut changed = signed(&world, SECRET, &[good()]);
        changed.body.push(b' ');
        assert_eq!(refused(changed).await, Code::Unauthenticated);
        let old = signed(&world, SECRET, &[good()]);
        world.clock.advance(std::time::Duration::from_secs(301));
        assert_eq!(refused(old).await, Code::Unauthenticated);
        let mut elsewhere = signed(&world, SECRET, &[good()]);
        elsewhere.carrier = "nobody".to_owned();
        assert_eq!(refused(elsewhere).await, Code::NotFound);
        let unknown = report("1", "SIM0", "in_transit", "2026-11-25T10:00:00Z");
        assert_eq!(refused(signed(&world, SECRET, std::slice::from_ref(&unknown))).await, Code::NotFound);
        for bad in [
            report("1", &number, "voided", "2026-11-25T10:00:00Z"),
            report("1", &number, "eaten", "2026-11-25T10:00:00Z"),
            report("1", &number, "in_transit", "yesterday"),
            report("", &number, "in_transit", "2026-11-25T10:00:00Z"),
            json!({ "id": "1" }),
        ] {
            assert_eq!(refused(signed(&world, SECRET, &[good(), bad])).await, Code::InvalidArgument);
        }
        assert!(world.get(&labelled.id).await.shipments[0].events.is_empty());
        // One number that is not ours does not hold up the others.
        assert_eq!(send(&world, signed(&world, SECRET, &[unknown, good()])).await.unwrap(), (1, 0));
        world.stop().await;
    }
}

/// A gateway that is down, and one that passes a message on.
const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Reads one HTTP request the way a gateway would, as the rpc that it becomes.
async fn read_request(stream: &mut TcpStream) -> shipping::ReceiveTrackingRequest {
    let mut bytes = Vec::new();
    let head = loop {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request ended early");
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    assert!(text.starts_with("POST /v1/carriers/simulated/tracking HTTP/1.1"), "{text}");
    let header = |name: &str| {
        let line = text.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:"))).unwrap();
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    let length: usize = header("content-length").parse().unwrap();
    while bytes.len() < head + length {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the body ended early");
    }
    shipping::ReceiveTrackingRequest {
        carrier: "simulated".to_owned(),
        message_id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: bytes[head..].to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_is_being_reported_counts_as_work_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for mut world in
        worlds_reporting_to(&format!("http://127.0.0.1:{port}/v1/carriers/simulated/tracking")).await
    {
        let labelled = world.labelled(&[1]).await;
        world.hand_over(&labelled.id).await.unwrap();
        assert_eq!(world.jobs_due().await, 0);
        world.clock.advance(std::time::Duration::from_secs(3_600));
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        assert_eq!(world.jobs_due().await, 1, "nobody has answered yet");
        stream.write_all(UNAVAILABLE).await.unwrap();
        drop(stream);
        until("it waits for another try", async || world.jobs_due().await == 0).await;
        world.clock.advance(std::time::Duration::from_secs(2));
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(read_request(&mut stream).await.body, request.body);
        assert_eq!(world.jobs_due().await, 1);
        world.client.clone().receive_tracking(Request::new(request)).await.unwrap();
        stream.write_all(TAKEN).await.unwrap();
        world.hear_shipment(&labelled.shipments[0].id, "in_transit").await;
        until("it was reported", async || world.jobs_due().await == 0).await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_carrier_reports_over_http_and_tries_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut world =
        world_reporting_to(&format!("http://127.0.0.1:{port}/v1/carriers/simulated/tracking")).await;
    let client = world.client.clone();
    let gateway = tokio::spawn(async move {
        for n in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read_request(&mut stream).await;
            // The first try meets a gateway that is down.
            let answer = match n {
                0 => UNAVAILABLE,
                _ => match client.clone().receive_tracking(Request::new(request)).await {
                    Ok(_) => TAKEN,
                    // Time may have run on so far that it is too old to be believed.
                    Err(_) => UNAVAILABLE,
                },
            };
            stream.write_all(answer).await.unwrap();
        }
    });
    let labelled = world.labelled(&[1]).await;
    world.hand_over(&labelled.id).await.unwrap();
    // Time goes on for whatever is tried again.
    let clock = world.clock.clone();
    let time = tokio::spawn(async move {
        loop {
            clock.advance(std::time::Duration::from_secs(1_800));
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    world.hear_shipment(&labelled.shipments[0].id, "delivered").await;
    time.abort();
    assert_eq!(world.get(&labelled.id).await.status, "completed");
    world.stop().await;
    gateway.abort();
}
