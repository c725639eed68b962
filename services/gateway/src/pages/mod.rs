//! Pages for people: the shopper's tracking page, the form that finds it, the API's documentation.

mod docs;
mod find;
mod problems;
mod render;
mod tracking;
mod view;

use actix_web::web::ServiceConfig;

use crate::http::resource;

pub use render::Renderer;

/// The routes; none needs a key.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/").get(docs::home))
        .service(resource("/openapi.json").get(docs::openapi))
        .service(resource("/docs").get(docs::home))
        .service(resource("/docs/{file:.*}").get(docs::ui))
        .service(resource("/problems/{slug}").get(problems::explain))
        .service(resource("/assets/{file}").get(render::asset))
        .service(resource("/t/{token}").get(tracking::show))
        .service(resource("/t/{token}/events").get(tracking::follow))
        .service(resource("/track/{tenant}").get(find::form).post(find::find));
}
