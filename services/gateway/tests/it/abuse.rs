//! Connections and bodies that are sent to do harm.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{World, problem};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
const IMPATIENT: &str = "keep_alive_ms = 2000\nhead_timeout_ms = 1000\nbody_timeout_ms = 300\n";

/// A connection that is written to by hand.
struct Wire(TcpStream);

impl Wire {
    async fn open(world: &World) -> Self {
        Self(TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap())
    }

    /// Sends; false when the other side has hung up.
    async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// All that comes until the other side hangs up; panics when it does not.
    async fn until_closed(&mut self) -> String {
        let mut all = Vec::new();
        // A reset is a way to hang up, too.
        let _ = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut all)).await.expect("is never cut off");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// What comes until it holds so many answers.
    async fn answers(&mut self, count: usize) -> String {
        let mut all = String::new();
        let mut part = [0; 4096];
        while all.matches("HTTP/1.1 ").count() < count {
            let read =
                tokio::time::timeout(PATIENCE, self.0.read(&mut part)).await.expect("no answer").unwrap();
            assert!(read > 0, "hung up after {all}");
            all.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        all
    }
}

async fn is_served(world: &World) {
    let asked = Instant::now();
    assert_eq!(world.request(Method::GET, "/v1/api-keys").send().await.unwrap().status(), 200);
    assert!(asked.elapsed() < Duration::from_secs(5), "others wait");
}

fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_bodies_that_trickle_are_cut_off_and_others_are_served_meanwhile() {
    let world = World::start(IMPATIENT).await;
    let mut heads = Vec::new();
    for _ in 0..50 {
        let mut wire = Wire::open(&world).await;
        wire.send("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-Slow: a").await;
        heads.push(wire);
    }
    is_served(&world).await;
    for mut wire in heads {
        let answer = wire.until_closed().await;
        assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
    }

    // The carriers' route needs no key: anybody may send it a body.
    let mut bodies = Vec::new();
    for _ in 0..50 {
        let mut wire = Wire::open(&world).await;
        wire.send("POST /v1/carriers/x/tracking HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na").await;
        bodies.push(wire);
    }
    is_served(&world).await;
    for mut wire in bodies {
        let answer = wire.until_closed().await;
        assert_eq!(status(&answer), 408, "{answer}");
        assert!(answer.contains("\"code\":\"body_too_slow\""), "{answer}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_after_the_first_that_trickle_are_cut_off_too() {
    let world = World::start(IMPATIENT).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::open(&world).await;
        wire.send(
            "GET /problems/conflict HTTP/1.1\r\nHost: x\r\n\r\nGET /problems/conflict HTTP/1.1\r\nX-Slow: ",
        )
        .await;
        wire.answers(1).await;
        slow.push(wire);
    }
    // A byte now and then keeps nothing open. Two seconds to think and one for the head, looked at every second.
    let began = Instant::now();
    let mut is_open = true;
    while is_open && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(500)).await;
        is_open = false;
        for wire in &mut slow {
            is_open |= wire.send("a").await;
        }
    }
    assert!(!is_open, "a head trickles for ever");
    assert!(began.elapsed() > Duration::from_secs(2), "cut off after {:?}", began.elapsed());
    is_served(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_without_measure_are_refused() {
    let world = World::start("").await;
    let head = |more: &str| format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    for bomb in [
        head(&format!("X-Big: {}\r\n", "a".repeat(1 << 20))),
        head(&(0..10_000).map(|n| format!("X-{n}: a\r\n")).collect::<String>()),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20)),
        "\u{0}\u{1}\u{2}nonsense\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(),
    ] {
        let mut wire = Wire::open(&world).await;
        wire.send(&bomb).await;
        let answer = wire.until_closed().await;
        let status = status(&answer);
        assert!(answer.is_empty() || (400..500).contains(&status), "{}: {answer}", &bomb[..30]);
    }
    is_served(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_measure_are_refused_before_they_are_read() {
    let world = World::start("max_body_bytes = 4096\n").await;
    let mut wire = Wire::open(&world).await;
    wire.send("POST /v1/carriers/x/tracking HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n")
        .await;
    assert_eq!(status(&wire.answers(1).await), 413);

    // Without a length it is read up to the limit, and no further.
    let mut wire = Wire::open(&world).await;
    wire.send("POST /v1/carriers/x/tracking HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("400\r\n{}\r\n", "a".repeat(0x400));
    assert!(wire.send(chunk.repeat(8)).await);
    let answer = wire.answers(1).await;
    assert_eq!(status(&answer), 413, "{answer}");
    // Ten bytes that would be four gigabytes.
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip"] {
        let request = world.request(Method::POST, "/v1/orders").header("idempotency-key", "k");
        let request = request.header("content-type", "application/json").header("content-encoding", encoding);
        let answer = problem(request.body(vec![0x1f, 0x8b, 8]).send().await.unwrap()).await;
        assert_eq!(
            answer,
            (415, "unsupported_encoding".to_owned(), "Content-Encoding".to_owned()),
            "{encoding}"
        );
    }
    is_served(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_length_and_what_follows_it_is_the_next() {
    let world = World::start("").await;
    let get = "GET /problems/conflict HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut wire = Wire::open(&world).await;
    wire.send(get.repeat(20)).await;
    let answers = wire.answers(20).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 20);

    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nContent-Length: 36",
        "Content-Length: +5",
        "Content-Length: 5, 5",
        "Content-Length: -1",
        "Content-Length: 0x5",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked",
    ] {
        let mut wire = Wire::open(&world).await;
        wire.send(format!("POST /track/acme HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}"))
            .await;
        let answer = wire.until_closed().await;
        assert!(!answer.contains("HTTP/1.1 404"), "{lengths}: the smuggled request was answered: {answer}");
        assert!(answer.is_empty() || status(&answer) == 400, "{lengths}: {answer}");
    }
    is_served(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_beyond_the_limit_wait_their_turn_and_everybody_is_served() {
    let world = World::start(&format!("max_connections = 20\n{IMPATIENT}")).await;
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.push(Wire::open(&world).await);
    }
    is_served(&world).await;
    drop(silent);
    world.stop().await;
}
