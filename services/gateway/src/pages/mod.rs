//! Pages for people: the shopper's tracking page, the form that finds it, the API's documentation.

mod docs;
mod find;
mod problems;
mod render;
mod tracking;
mod view;

use actix_web::web::{ServiceConfig, get, post};

use crate::http::resource;

pub use render::Renderer;

/// The routes; none needs a key.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/").route(get().to(docs::home)))
        .service(resource("/openapi.json").route(get().to(docs::openapi)))
        .service(resource("/docs").route(get().to(docs::home)))
        .service(resource("/docs/{file:.*}").route(get().to(docs::ui)))
        .service(resource("/problems/{slug}").route(get().to(problems::explain)))
        .service(resource("/assets/{file}").route(get().to(render::asset)))
        .service(resource("/t/{token}").route(get().to(tracking::show)))
        .service(resource("/t/{token}/events").route(get().to(tracking::follow)))
        .service(resource("/track/{tenant}").route(get().to(find::form)).route(post().to(find::find)));
}
