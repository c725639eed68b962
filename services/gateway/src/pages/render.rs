//! Templates and assets; both are inside the binary.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::Path,
};
use minijinja::{Environment, UndefinedBehavior};
use qm_refusal::Refusal;
use serde::Serialize;

use crate::http::Problem;

const TEMPLATES: [(&str, &str); 5] = [
    ("layout.html", include_str!("../../templates/layout.html")),
    ("tracking.html", include_str!("../../templates/tracking.html")),
    ("find.html", include_str!("../../templates/find.html")),
    ("message.html", include_str!("../../templates/message.html")),
    ("problem.html", include_str!("../../templates/problem.html")),
];

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Renders pages.
#[derive(Debug)]
pub struct Renderer {
    environment: Environment<'static>,
}

impl Renderer {
    /// With all templates.
    pub fn new() -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        Ok(Self { environment })
    }

    /// A page. It may hold personal data: nobody keeps it, no search engine lists it, and its address, which is a secret,
    /// is told to no other site.
    pub fn page(&self, status: StatusCode, template: &str, context: impl Serialize) -> HttpResponse {
        let text = self.environment.get_template(template).and_then(|template| template.render(context));
        match text {
            Ok(text) => HttpResponse::build(status)
                .content_type("text/html; charset=utf-8")
                .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
                .insert_header((header::CACHE_CONTROL, "private, no-store"))
                .insert_header((header::REFERRER_POLICY, "no-referrer"))
                .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                .insert_header(("x-robots-tag", "noindex"))
                .body(text),
            Err(error) => {
                tracing::error!(%error, template, "a page cannot be rendered");
                HttpResponse::InternalServerError()
                    .content_type("text/plain")
                    .body("something went wrong on our side\n")
            }
        }
    }
}

/// Style and script of the pages.
pub async fn asset(file: Path<String>) -> Result<HttpResponse, Problem> {
    let (kind, text) = match file.as_str() {
        "shop.css" => ("text/css; charset=utf-8", include_str!("../../assets/shop.css")),
        "tracking.js" => ("text/javascript; charset=utf-8", include_str!("../../assets/tracking.js")),
        _ => return Err(Refusal::not_found("asset").into()),
    };
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text))
}
