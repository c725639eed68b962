//! Finding one's order by its number and email.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::{Data, Path},
};
use minijinja::context;
use qm_cache::RateLimiter;
use qm_proto::order::v1::FindOrderRequest;
use qm_refusal::{Kind, Refusal};
use qm_runtime::grpc::with_tenant;
use qm_tracking_link::TrackingLinks;
use serde::Deserialize;

use super::Renderer;
use crate::{
    config::Buckets,
    directory::Directory,
    http::{ClientAddress, Problem, RawBody},
    peers::Services,
};

/// Longest form taken, bytes.
const MAX_FORM: usize = 2_000;

#[derive(Debug, Deserialize)]
struct Form {
    number: String,
    email: String,
}

/// The form.
pub async fn form(
    directory: Data<Directory>,
    renderer: Data<Renderer>,
    slug: Path<String>,
) -> Result<HttpResponse, Problem> {
    let tenant = directory.find_tenant(&slug).await?;
    Ok(renderer.page(
        StatusCode::OK,
        "find.html",
        context! { shop => tenant.name, message => "", number => "", email => "" },
    ))
}

/// Leads to the order's page, if number and email both match.
#[expect(clippy::too_many_arguments, reason = "what a handler needs is given to it as arguments")]
pub async fn find(
    directory: Data<Directory>,
    services: Data<Services>,
    links: Data<TrackingLinks>,
    limiter: Data<RateLimiter>,
    buckets: Data<Buckets>,
    renderer: Data<Renderer>,
    client: ClientAddress,
    slug: Path<String>,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let tenant = directory.find_tenant(&slug).await?;
    let again = |status: StatusCode, message: &str, form: &Form| {
        let context = context! { shop => tenant.name, message, number => form.number, email => form.email };
        renderer.page(status, "find.html", context)
    };
    let empty = Form { number: String::new(), email: String::new() };
    let limit = limiter.check(&client.bucket("lookup"), &buckets.lookup, 1).await;
    if !limit.allowed {
        let mut response =
            again(StatusCode::TOO_MANY_REQUESTS, "Too many tries. Please wait a moment.", &empty);
        let seconds = limit.retry_after.as_secs().saturating_add(1);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return Ok(response);
    }
    let form =
        if body.0.len() <= MAX_FORM { serde_urlencoded::from_bytes::<Form>(&body.0).ok() } else { None };
    let Some(form) = form else {
        return Ok(again(StatusCode::BAD_REQUEST, "Please fill in both fields.", &empty));
    };
    let Ok(number) = form.number.trim().trim_start_matches('#').parse::<i64>() else {
        return Ok(again(
            StatusCode::BAD_REQUEST,
            "The order number has digits only; it is in the mail that we sent.",
            &form,
        ));
    };
    let request = with_tenant(FindOrderRequest { number, email: form.email.trim().to_owned() }, tenant.id);
    let found = match services.order().find_order(request).await {
        Ok(found) => found.into_inner().order.unwrap_or_default(),
        Err(status) => {
            let refusal = Refusal::from_status(&status);
            return match refusal.kind {
                // Which of the two did not match is nobody's business.
                Kind::NotFound | Kind::InvalidInput => {
                    Ok(again(StatusCode::NOT_FOUND, "We know no order with this number and email.", &form))
                }
                _ => Err(status.into()),
            };
        }
    };
    let id = found.id.parse().map_err(|_| Refusal::internal())?;
    let path = format!("/t/{}", links.token(tenant.id, id));
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish())
}
