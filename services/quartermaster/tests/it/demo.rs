//! The demo from its start to its exit code, and what it says when it cannot start.

use std::{
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    dataset::write_small,
    program::{PATIENCE, Running, run, text},
};

#[test]
fn a_short_demo_brings_every_order_to_rest_with_clean_books() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let dir = dir.to_str().unwrap();
    let output = run(["demo", "--orders", "25", "--no-wait", "--port", "0", "--data-dir", dir]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for expected in [
        "57 locations, 8,225 items",
        "25 placed in",
        "split",
        "shipping cost",
        "POST /v1/orders",
        "placed → allocated",
        "fulfilments handed over",
        "mails sent",
        "laws hold",
        "no dead letters",
    ] {
        assert!(said.contains(expected), "{expected} is missing in:\n{said}");
    }
    for unexpected in ["nothing measured", "not at rest", "orders refused", "panicked"] {
        assert!(!said.contains(unexpected), "{unexpected} is in:\n{said}");
    }
    let mails = std::fs::read_dir(Path::new(dir).join("mailbox")).unwrap().count();
    assert!(mails >= 25, "{mails} mails");

    // The books are there and clean after the process has ended, too.
    let output = run(["verify", "--data-dir", dir]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("all laws hold") && said.contains("in flight: 0"), "{said}");
}

#[test]
fn a_port_in_use_is_named_with_what_to_do_about_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let output = run(["demo", "--port", &port, "--data-dir", dir.to_str().unwrap()]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for expected in [&*format!("127.0.0.1:{port}"), "another process", "--port"] {
        assert!(said.contains(expected), "{expected} is missing in: {said}");
    }
    assert!(!said.contains("panicked") && !dir.exists(), "{said}");
}

#[test]
fn more_orders_than_the_stream_has_are_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let output = run(["demo", "--orders", "2501", "--port", "0", "--data-dir", dir.to_str().unwrap()]);
    let said = text(&output);
    assert!(!output.status.success() && said.contains("2500") && said.contains("--dataset"), "{said}");
    assert!(!dir.exists());
}

#[test]
fn an_interrupted_demo_ends_cleanly_in_the_middle_of_the_replay() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let dir = dir.to_str().unwrap();
    let dataset = tempfile::tempdir().unwrap();
    write_small(dataset.path(), 60);
    let dataset = dataset.path().to_str().unwrap();
    // Slow enough that the replay is far from its end when it is interrupted.
    let slow = ["--orders", "60", "--speed", "200", "--dataset", dataset];
    let mut running = Running::start(["demo", "--port", "0", "--data-dir", dir].iter().chain(&slow));
    running.wait_for("[2/4]");
    let mailbox = Path::new(dir).join("mailbox");
    let deadline = Instant::now() + PATIENCE;
    while std::fs::read_dir(&mailbox).unwrap().next().is_none() {
        assert!(Instant::now() < deadline, "no order was placed");
        std::thread::sleep(Duration::from_millis(20));
    }
    let (code, said) = running.interrupt();
    assert!(code == Some(0) && said.contains("Stopped.") && !said.contains("What happened"), "{said}");

    // What was on its way arrives when somebody goes on, and then the books are clean.
    let go_on = ["serve", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--data-dir", dir];
    let mut running = Running::start(go_on);
    running.wait_for("data ");
    loop {
        let books = run(["verify", "--data-dir", dir]);
        if books.status.success() && text(&books).contains("in flight: 0") {
            break;
        }
        assert!(Instant::now() < deadline, "{}", text(&books));
    }
    assert_eq!(running.interrupt().0, Some(0));
}
