//! The API's documentation: its description, and Swagger UI to browse it.

use std::sync::{Arc, OnceLock};

use actix_web::{HttpResponse, http::header, web::Path};
use qm_refusal::Refusal;

use crate::{api::description, http::Problem};

/// To the documentation.
pub async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, "/docs/")).finish()
}

/// The description, OpenAPI 3.1.
pub async fn openapi() -> Result<HttpResponse, Problem> {
    static JSON: OnceLock<Option<String>> = OnceLock::new();
    let json = JSON.get_or_init(|| description::json().ok()).as_deref();
    let json = json.ok_or_else(Refusal::internal)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(json))
}

/// A file of Swagger UI.
pub async fn ui(file: Path<String>) -> Result<HttpResponse, Problem> {
    static CONFIG: OnceLock<Arc<utoipa_swagger_ui::Config<'static>>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let config = utoipa_swagger_ui::Config::from("/openapi.json");
        Arc::new(config.try_it_out_enabled(true).persist_authorization(false))
    });
    let file = if file.is_empty() { "index.html" } else { file.as_str() };
    let found = utoipa_swagger_ui::serve(file, Arc::clone(config)).ok().flatten();
    let found = found.ok_or_else(|| Refusal::not_found("page"))?;
    // Swagger UI writes styles into its elements.
    let policy =
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
    Ok(HttpResponse::Ok()
        .content_type(found.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(found.bytes.to_vec()))
}
