//! The HTTP server for those who watch over the process: `/livez`, `/readyz`, `/metrics`.

use std::{io, net::TcpListener, sync::Arc};

use actix_web::{App, HttpResponse, HttpServer, dev::Server, http::header::ContentType, web};
use qm_telemetry::metrics::{self, Metrics};

use crate::readiness::Readiness;

/// Builds the server; it runs when awaited. One thread: probes come a few times a minute.
pub(crate) fn server(
    listener: TcpListener,
    readiness: Arc<Readiness>,
    metrics: Metrics,
) -> io::Result<Server> {
    let (readiness, metrics) = (web::Data::from(readiness), web::Data::new(metrics));
    let app = move || {
        App::new()
            .app_data(readiness.clone())
            .app_data(metrics.clone())
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(shown_metrics))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(1);
    Ok(server.listen(listener)?.run())
}

/// The process is up. It asks nothing of anybody: restarting us would not bring a lost database back.
async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body("ok\n")
}

async fn readyz(readiness: web::Data<Readiness>) -> HttpResponse {
    let report = readiness.report().await;
    let mut response = if report.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(report)
}

async fn shown_metrics(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.encode() {
        Ok(text) => HttpResponse::Ok().content_type(metrics::CONTENT_TYPE).body(text),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}
