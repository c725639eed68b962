//! Tokens of OpenID Connect issuers beside API keys.

use std::time::{Duration, Instant};

use qm_clock::Clock as _;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    issuer::{Issuer, Mood, SigningKey, encode, message, rsa_public, sign_by_rsa},
    world::{World, problem},
};

/// What a good token claims, with some of it changed; null takes a claim away.
fn claims(world: &World, issuer: &Issuer, changes: Value) -> Value {
    let now = world.clock.now().timestamp();
    let mut claims = json!({
        "iss": issuer.url, "aud": "quartermaster", "sub": "alice", "iat": now, "nbf": now, "exp": now + 600,
        "tenant": "acme", "scope": "openid keys:manage orders:write moon:write",
    });
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap().clone() {
        all.insert(name, value);
    }
    all.retain(|_, value| !value.is_null());
    claims
}

async fn get(world: &World, token: &str) -> Response {
    world.anonymous(Method::GET, "/v1/api-keys").bearer_auth(token).send().await.unwrap()
}

async fn status(world: &World, token: &str) -> u16 {
    get(world, token).await.status().as_u16()
}

/// Later than the pause between two readings of an issuer's keys.
fn pass_pause(world: &World) {
    world.clock.advance(Duration::from_secs(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_speaks_for_its_tenant_within_its_scopes() {
    let key = SigningKey::new("k1");
    let issuer = Issuer::start(Mood::Well, &[key.public(), rsa_public("r1")]).await;
    let world = World::start(&issuer.settings()).await;
    let good = claims(&world, &issuer, json!({}));
    for token in [
        key.sign(&good),
        sign_by_rsa("r1", &good),
        key.sign(&claims(&world, &issuer, json!({ "tenant": world.tenant.id.to_string(), "nbf": null }))),
        key.sign(&claims(
            &world,
            &issuer,
            json!({ "aud": ["x", "quartermaster"], "scope": ["keys:manage"] }),
        )),
        key.sign(&claims(&world, &issuer, json!({ "sub": "a".repeat(2_000) }))),
    ] {
        let response = get(&world, &token).await;
        assert_eq!(response.status(), 200);
        let list: Value = response.json().await.unwrap();
        assert_eq!(list["data"][0]["id"], world.key.key.id.to_string());
    }

    let token = key.sign(&good);
    let refused = world.anonymous(Method::GET, "/v1/items").bearer_auth(&token).send().await.unwrap();
    assert_eq!(problem(refused).await, (403, "scope_missing".to_owned(), String::new()));
    let create = async |scope: &str| {
        let request = world.anonymous(Method::POST, "/v1/api-keys").bearer_auth(&token);
        let body = json!({ "name": "x", "scopes": [scope] });
        request.header("idempotency-key", scope).json(&body).send().await.unwrap().status()
    };
    assert_eq!(create("orders:write").await, StatusCode::CREATED);
    assert_eq!(create("orders:read").await, StatusCode::FORBIDDEN, "it grants no more than it has");

    let other = world.directory.create_tenant("other", "Other").await.unwrap();
    let stranger = key.sign(&claims(&world, &issuer, json!({ "tenant": other.slug })));
    let path = format!("/v1/api-keys/{}", world.key.key.id);
    let refused = world.anonymous(Method::DELETE, &path).bearer_auth(&stranger).send().await.unwrap();
    assert_eq!(problem(refused).await, (404, "api_key_not_found".to_owned(), String::new()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_wrong_in_anything_proves_nobody() {
    let (key, strange) = (SigningKey::new("k1"), SigningKey::new("k1"));
    let issuer = Issuer::start(Mood::Well, &[key.public(), rsa_public("r1")]).await;
    let world = World::start(&issuer.settings()).await;
    let now = world.clock.now().timestamp();
    let good = claims(&world, &issuer, json!({}));
    let with = |changes: Value| key.sign(&claims(&world, &issuer, changes));
    let headed = |header: Value| key.sign_with(&header, &good);
    assert_eq!(status(&world, &key.sign(&good)).await, 200);

    let unsigned = message(&json!({ "alg": "none", "kid": "k1" }), &good);
    let (signed, _) = key.sign(&good).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let altered = key.sign(&good).replace(
        &encode(good.to_string()),
        &encode(claims(&world, &issuer, json!({ "scope": "orders:read keys:manage" })).to_string()),
    );
    let mut wrong = vec![
        ("expired", with(json!({ "exp": now - 31 }))),
        ("without end", with(json!({ "exp": null }))),
        ("not yet valid", with(json!({ "nbf": now + 60 }))),
        ("of another issuer", with(json!({ "iss": "https://other.test" }))),
        ("of no issuer", with(json!({ "iss": null }))),
        ("for others", with(json!({ "aud": "accounts" }))),
        ("for nobody", with(json!({ "aud": null }))),
        ("without subject", with(json!({ "sub": null }))),
        ("without tenant", with(json!({ "tenant": null }))),
        ("of an unknown tenant", with(json!({ "tenant": "nobody" }))),
        ("of an unknown tenant's id", with(json!({ "tenant": "tenant_01jz8w6e9vfk4a1k7m1v0t9x2c" }))),
        ("signed by a stranger", strange.sign(&good)),
        ("altered", altered),
        ("alg none", format!("{unsigned}.")),
        ("alg none, signed", headed(json!({ "alg": "none", "kid": "k1" }))),
        ("its signature taken away", format!("{signed}.")),
        ("another algorithm of the same kind", headed(json!({ "alg": "ES384", "kid": "k1" }))),
        ("an algorithm of another key", headed(json!({ "alg": "ES256", "kid": "r1" }))),
        ("RS256 by a key that is not RSA", headed(json!({ "alg": "RS256", "kid": "k1" }))),
        ("without a key's name", headed(json!({ "alg": "ES256" }))),
        ("a key of its own", headed(json!({ "alg": "ES256", "jwk": strange.public() }))),
        (
            "demands we do not know",
            headed(json!({ "alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false })),
        ),
        ("of another use", headed(json!({ "alg": "ES256", "kid": "k1", "typ": "logout+jwt" }))),
        ("not an object", key.sign(&json!(["iss"]))),
    ];
    wrong.extend(key.forge_by_public_key(&good).into_iter().map(|token| ("HS256 by the public key", token)));
    for (what, token) in wrong {
        let response = get(&world, &token).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer", "{what}");
        assert_eq!(problem(response).await, (401, "credential_invalid".to_owned(), String::new()), "{what}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_no_token() {
    let key = SigningKey::new("k1");
    let issuer = Issuer::start(Mood::Well, &[key.public()]).await;
    let world = World::start(&issuer.settings()).await;
    let long = key.sign(&claims(&world, &issuer, json!({ "more": "x".repeat(10_000) })));
    let deep =
        format!("{}.{}.{}", encode(r#"{"alg":"ES256","kid":"k1"}"#), encode("[".repeat(5_000)), encode("x"));
    let good = key.sign(&claims(&world, &issuer, json!({})));
    for token in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        &format!("{good}."),
        &format!(".{good}"),
        &format!("{good}="),
        &long,
        &deep,
    ] {
        assert_eq!(status(&world, token).await, 401, "{}", &token[..token.len().min(100)]);
    }
    let request = world
        .anonymous(Method::GET, "/v1/api-keys")
        .header("authorization", &b"Bearer \xff\xfe.\xff.\xff"[..]);
    assert_eq!(request.send().await.unwrap().status(), 401);
    assert!(issuer.asked() <= 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_found_and_made_up_ones_do_not_reach_the_issuer() {
    let (old, new) = (SigningKey::new("k1"), SigningKey::new("k2"));
    let issuer = Issuer::start(Mood::Well, &[old.public()]).await;
    // The limit on wrong guesses, which would end this sooner, is another test's.
    let settings = format!("{}[rate_limit]\nguess_burst = 1000\n", issuer.settings());
    let world = World::start(&settings).await;
    let good = claims(&world, &issuer, json!({}));
    assert_eq!(status(&world, &old.sign(&good)).await, 200);
    assert_eq!(issuer.asked(), 1);

    for round in 1..=2 {
        let tokens = (0..50).map(|n| SigningKey::new(&format!("made-up-{round}-{n}")).sign(&good));
        let statuses =
            futures::future::join_all(tokens.map(async |token| status(&world, &token).await)).await;
        assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
        assert_eq!(issuer.asked(), round, "one reading in the pause, however many ask");
        pass_pause(&world);
    }

    issuer.publish(&[new.public()]);
    assert_eq!(status(&world, &new.sign(&good)).await, 200, "rotated");
    assert_eq!(status(&world, &old.sign(&good)).await, 401, "withdrawn");
    assert_eq!(issuer.asked(), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_away_is_told_apart_from_a_wrong_token() {
    let key = SigningKey::new("k1");
    let issuer = Issuer::start(Mood::Away, &[key.public()]).await;
    let world = World::start(&issuer.settings()).await;
    let good = key.sign(&claims(&world, &issuer, json!({ "exp": 9_999_999_999_u64 })));
    let refused = get(&world, &good).await;
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    assert_eq!(problem(refused).await, (503, "issuer_unavailable".to_owned(), String::new()));
    assert_eq!(status(&world, &world.key.secret).await, 200, "keys of ours need no issuer");

    issuer.is_now(Mood::Well);
    pass_pause(&world);
    assert_eq!(status(&world, &good).await, 200);

    issuer.is_now(Mood::Away);
    world.clock.advance(Duration::from_secs(1_800));
    assert_eq!(status(&world, &good).await, 200, "the last good keys stay in use");
    let unknown = SigningKey::new("k2").sign(&claims(&world, &issuer, json!({})));
    assert_eq!(status(&world, &unknown).await, 503, "nobody can say whether it is the issuer's");
    world.clock.advance(Duration::from_secs(1_801));
    assert_eq!(status(&world, &good).await, 503, "though not for ever");
    issuer.is_now(Mood::Well);
    pass_pause(&world);
    assert_eq!(status(&world, &good).await, 200);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_misbehaves_delays_nobody_for_long() {
    let key = SigningKey::new("k1");
    for mood in [
        Mood::Hanging,
        Mood::Failing,
        Mood::Garbled,
        Mood::Endless,
        Mood::Redirecting,
        Mood::OtherIssuer,
        Mood::UnsafeKeys,
        Mood::WithoutKeys,
    ] {
        let issuer = Issuer::start(mood, &[key.public()]).await;
        let world = World::start(&issuer.settings()).await;
        let good = key.sign(&claims(&world, &issuer, json!({})));
        let started = Instant::now();
        let statuses = futures::future::join_all((0..100).map(async |_| status(&world, &good).await)).await;
        assert!(statuses.iter().all(|status| *status == 503), "{mood:?}: {statuses:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{mood:?}: {:?}", started.elapsed());
        assert!(issuer.asked() <= 2, "{mood:?}");
        assert_eq!(status(&world, &world.key.secret).await, 200, "{mood:?}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subject_has_a_limit_of_its_own() {
    let key = SigningKey::new("k1");
    let issuer = Issuer::start(Mood::Well, &[key.public()]).await;
    let settings = format!("{}[rate_limit]\nburst = 2\nper_second = 0.1\n", issuer.settings());
    let world = World::start(&settings).await;
    let token = |subject: &str| key.sign(&claims(&world, &issuer, json!({ "sub": subject })));
    let mut statuses = Vec::new();
    for subject in ["alice", "alice", "alice", "bob"] {
        statuses.push(status(&world, &token(subject)).await);
    }
    assert_eq!(statuses, [200, 200, 429, 200], "a fresh token is no fresh limit");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_issuers_tokens_are_nothing() {
    let key = SigningKey::new("k1");
    let issuer = Issuer::start(Mood::Well, &[key.public()]).await;
    let world = World::start("").await;
    let token = key.sign(&claims(&world, &issuer, json!({})));
    assert_eq!(problem(get(&world, &token).await).await.1, "credential_invalid");
    let settings = issuer.settings().replace(&format!("issuer = {:?}", issuer.url), "issuer = \"\"");
    let off = World::start(&settings).await;
    assert_eq!(status(&off, &token).await, 401);
    assert_eq!(issuer.asked(), 0);
    world.stop().await;
    off.stop().await;
}
