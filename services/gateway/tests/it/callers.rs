//! Who may call, what, and how often.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, new_key, problem, worlds};

/// Every operation of the API's description: method and path with made-up ids.
fn operations() -> Vec<(Method, String, Value)> {
    let description: Value = serde_json::from_str(&qm_gateway::openapi_json().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
            let method = method.to_uppercase().parse().unwrap();
            operations.push((method, path.collect::<Vec<_>>().join("/"), operation.clone()));
        }
    }
    assert!(operations.len() > 40, "{}", operations.len());
    operations
}

fn is_public(operation: &Value) -> bool {
    operation["security"] == json!([{}])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_that_is_described_exists_and_refuses_callers_without_a_key() {
    let world = World::start("").await;
    for (method, path, operation) in operations() {
        let response = world.anonymous(method.clone(), &path).send().await.unwrap();
        let (status, code, _) = problem(response).await;
        if is_public(&operation) {
            assert_eq!((status, code.as_str()), (503, "unavailable"), "{method} {path}");
        } else {
            assert_eq!((status, code.as_str()), (401, "credential_missing"), "{method} {path}");
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_refuses_a_key_without_its_scope() {
    let world = World::start("").await;
    for (method, path, operation) in operations() {
        if is_public(&operation) {
            continue;
        }
        // With all scopes but one it is refused exactly once, so the operation asks for exactly one.
        let mut refused = Vec::new();
        for missing in qm_gateway::directory::Scope::ALL {
            let scopes: Vec<&str> = qm_gateway::directory::Scope::ALL
                .iter()
                .filter(|scope| *scope != missing)
                .map(|scope| scope.word())
                .collect();
            let key = world.directory.create_key(world.tenant.id, &new_key(&scopes)).await;
            // A tenant may have many keys, not endlessly many.
            let key = key.unwrap();
            let request = world.anonymous(method.clone(), &path).bearer_auth(&key.secret);
            let response = request.header("idempotency-key", "k").send().await.unwrap();
            if response.status() == 403 {
                assert_eq!(problem(response).await.1, "scope_missing");
                refused.push(*missing);
            }
        }
        assert_eq!(refused.len(), 1, "{method} {path}: {refused:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_with_its_revocation_and_its_expiry() {
    for world in worlds().await {
        let status = async |secret: &str| {
            let request = world.anonymous(Method::GET, "/v1/api-keys").bearer_auth(secret);
            request.send().await.unwrap().status().as_u16()
        };
        let mut new = new_key(&["keys:manage"]);
        new.expires_at = Some(qm_clock::Clock::now(&*world.clock) + TimeDelta::hours(1));
        let short = world.directory.create_key(world.tenant.id, &new).await.unwrap();
        let long = world.directory.create_key(world.tenant.id, &new_key(&["keys:manage"])).await.unwrap();
        assert_eq!((status(&short.secret).await, status(&long.secret).await), (200, 200));

        let path = format!("/v1/api-keys/{}", long.key.id);
        let revoked = world.request(Method::DELETE, &path).send().await.unwrap();
        assert_eq!(revoked.status(), 200);
        assert_eq!(status(&long.secret).await, 401, "revoked here, so at once");
        world.clock.advance(std::time::Duration::from_secs(7_200));
        assert_eq!(status(&short.secret).await, 401, "expired");

        for wrong in ["qm_x_y", &long.secret.replace("qm_", "qx_"), &format!("{}0", short.secret), "é"] {
            assert_eq!(status(wrong).await, 401, "{wrong}");
        }
        let basic = world.anonymous(Method::GET, "/v1/orders").header("authorization", "Basic YTpi");
        assert_eq!(problem(basic.send().await.unwrap()).await.1, "credential_missing");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_grants_no_more_than_its_maker_has() {
    for world in worlds().await {
        let create = async |secret: &str, body: &Value, key: &str| {
            let request = world.anonymous(Method::POST, "/v1/api-keys").bearer_auth(secret);
            request.header("idempotency-key", key).json(body).send().await.unwrap()
        };
        let body = json!({ "name": "Berlin", "scopes": ["keys:manage", "orders:read"] });
        let created: Value = create(&world.key.secret, &body, "one").await.json().await.unwrap();
        let secret = created["key"].as_str().unwrap().to_owned();
        let again = create(&world.key.secret, &body, "one").await;
        assert_eq!(problem(again).await, (409, "key_already_created".to_owned(), String::new()));
        let other =
            create(&world.key.secret, &json!({ "name": "x", "scopes": ["orders:read"] }), "one").await;
        assert_eq!(problem(other).await.0, 422);

        let more = json!({ "name": "more", "scopes": ["orders:read", "orders:write"] });
        let refused = create(&secret, &more, "two").await;
        assert_eq!(problem(refused).await, (403, "scope_missing".to_owned(), "scopes[1]".to_owned()));

        let list: Value =
            world.request(Method::GET, "/v1/api-keys").send().await.unwrap().json().await.unwrap();
        let text = list.to_string();
        assert!(!text.contains(secret.rsplit('_').next().unwrap()), "a list never shows a secret");
        assert_eq!(list["data"].as_array().unwrap().len(), 2);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_sees_or_revokes_anothers_keys() {
    for world in worlds().await {
        let other = world.directory.create_tenant("other", "Other").await.unwrap();
        let stranger = world.directory.create_key(other.id, &new_key(&["keys:manage"])).await.unwrap();
        let path = format!("/v1/api-keys/{}", world.key.key.id);
        let refused =
            world.anonymous(Method::DELETE, &path).bearer_auth(&stranger.secret).send().await.unwrap();
        assert_eq!(problem(refused).await, (404, "api_key_not_found".to_owned(), String::new()));
        let list =
            world.anonymous(Method::GET, "/v1/api-keys").bearer_auth(&stranger.secret).send().await.unwrap();
        let list: Value = list.json().await.unwrap();
        let ids: Vec<_> =
            list["data"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [stranger.key.id.to_string()]);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_asks_too_often_is_told_when_to_come_back_and_others_are_served() {
    let world = World::start("[rate_limit]\nburst = 3\nper_second = 0.1\n").await;
    let other = world.directory.create_key(world.tenant.id, &new_key(&["keys:manage"])).await.unwrap();
    for left in [2, 1, 0] {
        let response = world.request(Method::GET, "/v1/api-keys").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["ratelimit-policy"], "\"key\";q=3");
        let state = response.headers()["ratelimit"].to_str().unwrap().to_owned();
        assert!(state.starts_with(&format!("\"key\";r={left};t=")), "{state}");
    }
    let refused = world.request(Method::GET, "/v1/api-keys").send().await.unwrap();
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(problem(refused).await.1, "rate_limited");
    let served =
        world.anonymous(Method::GET, "/v1/api-keys").bearer_auth(&other.secret).send().await.unwrap();
    assert_eq!(served.status(), 200);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_orders_counts_as_many_requests_as_orders() {
    let order = json!({ "channel": "web", "currency": "USD", "customer": { "name": "A", "email": "a@b.c" },
        "lines": [{ "sku": "a", "quantity": 1, "unit_price": "1.00" }], "total_minor": 100 });
    let place = async |world: &World, orders: usize| {
        let request = world.request(Method::POST, "/v1/orders/batch").header("idempotency-key", "k");
        request.json(&json!({ "orders": vec![&order; orders] })).send().await.unwrap()
    };
    let left = |response: &reqwest::Response| {
        let state = response.headers()["ratelimit"].to_str().unwrap().to_owned();
        state.split(['=', ';']).nth(2).unwrap().parse::<u32>().unwrap()
    };
    let world = World::start("[rate_limit]\nburst = 10\nper_second = 0.1\n").await;
    // Order is away, so an order that is paid for gets no further than to it.
    let paid = place(&world, 7).await;
    assert_eq!((paid.status().as_u16(), left(&paid)), (503, 3));
    let refused = place(&world, 4).await;
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    // One was paid before the body was read: of 2 left it needs 3, and when it comes again the first anew.
    assert!((11..=20).contains(&wait), "{wait}");
    assert_eq!(left(&refused), 2);
    assert_eq!(problem(refused).await, (429, "rate_limited".to_owned(), String::new()));
    let paid = place(&world, 2).await;
    assert_eq!((paid.status().as_u16(), left(&paid)), (503, 0));
    world.stop().await;

    let world = World::start("[rate_limit]\nburst = 10\nper_second = 0.1\n").await;
    let more = place(&world, 30).await;
    assert_eq!(
        (more.status().as_u16(), left(&more)),
        (503, 0),
        "more than the burst is possible, for all of it"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_guesses_keys_is_soon_not_listened_to_and_keys_known_to_be_good_are() {
    let settings = "client_address_header = \"x-forwarded-for\"\n[rate_limit]\nguess_burst = 5\nguess_per_second = 0.1\n";
    let world = World::start(settings).await;
    let late = world.directory.create_key(world.tenant.id, &new_key(&["keys:manage"])).await.unwrap();
    let sent = async |secret: &str, from: &str| {
        let request = world.anonymous(Method::GET, "/v1/api-keys").header("x-forwarded-for", from);
        request.bearer_auth(secret).send().await.unwrap()
    };
    assert_eq!(sent(&world.key.secret, "1.1.1.1").await.status(), 200);
    let guess = |n: u32| format!("{}{n:08x}", &world.key.secret[..world.key.secret.len() - 8]);
    for n in 0..5 {
        // A token that is none is a guess, too.
        let wrong = if n == 2 { "x.y.z".to_owned() } else { guess(n) };
        assert_eq!(problem(sent(&wrong, "1.1.1.1").await).await.0, 401, "{n}");
    }
    let refused = sent(&guess(9), "1.1.1.1").await;
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(problem(refused).await.1, "too_many_guesses");
    assert_eq!(sent(&late.secret, "1.1.1.1").await.status(), 429, "even a good guess tells nothing now");
    assert_eq!(sent("x.y.z", "1.1.1.1").await.status(), 429);
    world.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(sent(&world.key.secret, "1.1.1.1").await.status(), 200, "its key was good before");
    assert_eq!(sent(&late.secret, "2.2.2.2").await.status(), 200, "another address");
    assert_eq!(sent(&late.secret, "9.9.9.9, 2.2.2.2").await.status(), 200);
    assert_eq!(
        sent(&guess(10), "9.9.9.9, 1.1.1.1").await.status(),
        429,
        "what the client claims does not count"
    );
    world.stop().await;
}
