//! The live stream of changes.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, ServiceConfig},
};
use qm_proto::notification::v1 as proto;
use qm_refusal::Refusal;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{Caller, Params, Problem, Problems, Streams, may, number, resource},
    live::{self, Frame},
    peers::Services,
};

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config.service(resource("/changes").get(follow));
}

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeParams {
    /// Only this order's.
    order_id: Option<String>,
    /// Only changes after this position. `Last-Event-ID`, which browsers send when they reconnect, wins over it. From the
    /// oldest that is kept unless told.
    #[serde(default, deserialize_with = "number::optional")]
    #[param(minimum = 0)]
    after: Option<i64>,
}

/// A Server-Sent Event.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "read by utoipa alone")]
pub struct ChangeEvent {
    /// Position of the change.
    id: Option<String>,
    /// Type of the change, or `reset`.
    event: Option<String>,
    /// A JSON object.
    data: Option<String>,
}

/// Follows changes live, as Server-Sent Events.
///
/// Each has its position as `id`, its type as `event` and a JSON object as `data`: `event_id`, `type`, `order_id`,
/// `occurred_at` and the event's public fields in `data`. A reader that reconnects with `Last-Event-ID` misses nothing; if
/// changes in between are no longer kept, an event `reset` tells it to list afresh.
#[utoipa::path(get, path = "/v1/changes", tag = "changes", params(ChangeParams,
        ("Last-Event-ID" = Option<i64>, Header, minimum = 0, description = "Position of the last change that was read.")),
    responses((status = 200, description = "A stream without end.", content_type = "text/event-stream", body = ChangeEvent), Problems))]
pub async fn follow(
    caller: Caller<may::OrdersRead>,
    services: Data<Services>,
    streams: Data<Streams>,
    stopping: Data<CancellationToken>,
    http: HttpRequest,
    Params(asked): Params<ChangeParams>,
) -> Result<HttpResponse, Problem> {
    let last = http.headers().get("last-event-id").map(|value| {
        let position = value.to_str().ok().and_then(|text| text.parse::<i64>().ok()).filter(|it| *it >= 0);
        let message = "must be the id of a change";
        position.ok_or_else(|| Refusal::invalid("Last-Event-ID", "malformed_position", message))
    });
    let after = last.transpose()?.or(asked.after).unwrap_or_default();
    if after < 0 {
        return Err(Refusal::invalid("after", "out_of_range", "must be 0 or more").into());
    }
    let request =
        proto::WatchChangesRequest { after_position: after, order_id: asked.order_id.unwrap_or_default() };
    let open = streams.open(caller.bucket())?;
    let changes = services.notification().watch_changes(caller.ask(request)).await?.into_inner();
    Ok(live::respond(open, changes, frame, (**stopping).clone()))
}

fn frame(it: proto::WatchChangesResponse) -> Frame {
    let position = Some(it.position);
    if it.reset {
        let data = json!({ "reason": "changes before this position are no longer kept: list afresh" });
        return Frame { position, event: "reset".to_owned(), data: data.to_string() };
    }
    let data = RawValue::from_string(it.data_json).ok();
    let order_id = Some(it.order_id).filter(|id| !id.is_empty());
    let body = json!({
        "event_id": it.event_id, "type": it.event_type, "order_id": order_id, "occurred_at": it.occurred_at, "data": data,
    });
    Frame { position, event: it.event_type, data: body.to_string() }
}
