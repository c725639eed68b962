//! What people and programs are shown without a key.

use reqwest::Method;
use serde_json::Value;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_is_served_whole_from_here() {
    let world = World::start("").await;
    let get = async |path: &str| world.anonymous(Method::GET, path).send().await.unwrap();
    assert_eq!(get("/").await.headers()["location"], "/docs/");
    let page = get("/docs/").await;
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
    let page = page.text().await.unwrap();
    assert!(page.contains("swagger-ui"), "{page}");
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "it needs nothing from elsewhere: {page}"
    );
    assert_eq!(get("/docs/swagger-ui-bundle.js").await.status(), 200);
    assert!(get("/docs/swagger-initializer.js").await.text().await.unwrap().contains("/openapi.json"));
    assert_eq!(get("/docs/../Cargo.toml").await.status(), 404);

    let description: Value = get("/openapi.json").await.json().await.unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} says nothing");
            let is_post = method == "post" && path != "/v1/carriers/{carrier}/tracking";
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let has_key =
                parameters.iter().any(|it| it["name"] == "Idempotency-Key" && it["required"] == true);
            assert_eq!(has_key, is_post, "{method} {path}");
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_keep_their_secrets_and_escape_what_they_show() {
    let world = World::start("").await;
    let page = world.anonymous(Method::GET, "/track/acme").send().await.unwrap();
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    assert_eq!(page.headers()["cache-control"], "private, no-store");
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert!(page.text().await.unwrap().contains("Acme &amp; Sons"));

    let forged = world.anonymous(Method::GET, &format!("/t/{}", "A".repeat(64))).send().await.unwrap();
    assert_eq!(forged.status(), 404);
    assert!(forged.text().await.unwrap().contains("This link does not work"));

    let sly = world
        .anonymous(Method::POST, "/track/acme")
        .body("number=%3Cscript%3E&email=a%22b")
        .send()
        .await
        .unwrap();
    assert_eq!(sly.status(), 400);
    let text = sly.text().await.unwrap();
    assert!(!text.contains("<script>") && text.contains("a&quot;b"), "{text}");
    assert_eq!(world.anonymous(Method::GET, "/track/nobody").send().await.unwrap().status(), 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_orders_by_number_and_email_ends_soon() {
    let world = World::start("[rate_limit]\nlookup_burst = 2\nlookup_per_second = 0.1\n").await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let form =
            world.anonymous(Method::POST, "/track/acme").body("number=x&email=a%40b.c").send().await.unwrap();
        statuses.push(form.status().as_u16());
    }
    assert_eq!(statuses, [400, 400, 429]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_tracking_links_ends_soon_wherever_they_are_tried() {
    let world = World::start("[rate_limit]\npage_burst = 4\npage_per_second = 0.1\n").await;
    let guess = "A".repeat(64);
    let (page, live) = (format!("/t/{guess}"), format!("/t/{guess}/events"));
    let mut statuses = Vec::new();
    for path in [&page, &live, &page, &live, &page, &live] {
        let answer = world.anonymous(Method::GET, path).send().await.unwrap();
        statuses.push(answer.status().as_u16());
        if answer.status() == 429 {
            let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=11).contains(&wait), "{wait}");
        }
    }
    assert_eq!(statuses, [404, 404, 404, 404, 429, 429]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problems_type_leads_to_its_explanation_and_a_trace_is_continued() {
    let world = World::start("").await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = world.anonymous(Method::GET, "/v1/orders");
    let refused =
        request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01")).send().await.unwrap();
    assert_eq!(refused.headers()["x-trace-id"], trace);
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["trace_id"], trace);
    let page = world.anonymous(Method::GET, problem["type"].as_str().unwrap()).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("A valid credential is required"));
    world.stop().await;
}
