//! `serve` from its greeting to its end.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::program::{Running, run, stdout_of, text};

/// The answer to a GET, head and body.
fn get(url: &str, path: &str, key: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n");
    stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_served_directory_takes_keys_shows_its_books_and_ends_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", dir];
    let mut running = Running::start(serve.iter().chain(&["--grpc-listen", "127.0.0.1:0"]));
    let url = running.wait_for("API").split_whitespace().last().unwrap().trim_end_matches("/v1").to_owned();
    // The first start says how to go on.
    running.wait_for("quartermaster tenants create");

    let second = run(serve);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second).contains("in use by another process"), "{}", text(&second));

    stdout_of(["tenants", "create", "acme", "--name", "Acme Ltd", "--data-dir", dir]);
    let key = stdout_of(["keys", "create", "--tenant", "acme", "--name", "shop", "--data-dir", dir]);
    let answer = get(&url, "/v1/orders", &key);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""data":[]"#), "{answer}");
    assert!(get(&url, "/v1/orders", "qm_nonsense").starts_with("HTTP/1.1 401"));

    let books = stdout_of(["verify", "--data-dir", dir]);
    assert!(books.contains("order: units") && books.ends_with("all laws hold"), "{books}");

    let (code, said) = running.interrupt();
    assert_eq!(code, Some(0), "{said}");
    assert!(!folder.path().join("grpc.json").exists());
    // And it starts again on what is there, without the first start's advice.
    let mut again = Running::start(serve);
    again.wait_for("data ");
    let (code, said) = again.interrupt();
    assert!(code == Some(0) && !said.contains("tenants create"), "{said}");
}
