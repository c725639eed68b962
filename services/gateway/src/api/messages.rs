//! Messages to shoppers, and the words they are written in.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path, ServiceConfig},
};
use qm_proto::notification::v1 as proto;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::common::{Page, page, some};
use crate::{
    http::{Body, Caller, Params, Problem, Problems, answer, may, number, resource},
    peers::Services,
};

type Answer = Result<HttpResponse, Problem>;

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/messages").get(list))
        .service(resource("/templates/{name}/{locale}").put(put_template));
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageParams {
    /// Only this order's.
    order_id: Option<String>,
    /// Entries on a page, 1 to 200; 50 unless told.
    #[serde(default, deserialize_with = "number::optional")]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A message to a shopper.
#[derive(Debug, Serialize, ToSchema)]
pub struct Message {
    /// Id.
    pub id: String,
    /// Order.
    pub order_id: String,
    /// Which message.
    #[schema(example = "order_placed")]
    pub template: String,
    /// email.
    pub channel: String,
    /// pending, sent, failed, or skipped when the shopper gave no address.
    pub status: String,
    /// Tries so far.
    pub attempts: i32,
    /// What went wrong at the last try.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: String,
    /// When it was sent.
    pub sent_at: Option<String>,
}

/// A template in the template language (Jinja): names, `if` and `for`, without what would build larger values (`set`, macros,
/// `~`, `+`, `*`).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// One line.
    #[schema(example = "Your order {{ number }}")]
    #[schema(max_length = 20000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
    pub subject: String,
    /// Plain text.
    #[schema(example = "Hello {{ name }}, follow it here: {{ tracking_url }}")]
    #[schema(max_length = 20000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
    pub body: String,
}

/// Lists messages to shoppers, newest first.
#[utoipa::path(get, path = "/v1/messages", tag = "notifications", params(MessageParams),
    responses((status = 200, body = Page<Message>), Problems))]
pub async fn list(
    caller: Caller<may::NotificationsRead>,
    services: Data<Services>,
    Params(asked): Params<MessageParams>,
) -> Answer {
    let request = proto::ListMessagesRequest {
        page: page(asked.limit, asked.cursor)?,
        order_id: asked.order_id.unwrap_or_default(),
    };
    let found = services.notification().list_messages(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &Page::new(found.messages, found.next_cursor, message))
}

/// Replaces the words of a message in one language. A template that cannot be rendered is refused.
#[utoipa::path(put, path = "/v1/templates/{name}/{locale}", tag = "notifications",
    params(("name" = String, Path,
            pattern = r"^(order_placed|order_backordered|order_cancelled|units_cancelled|ready_for_pickup|shipment_dispatched|shipment_delayed|shipment_delivered|shipment_lost)$",
            description = "Which message, such as order_placed."),
        ("locale" = String, Path, min_length = 2, max_length = 35, pattern = r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$",
            description = "BCP 47 language tag.")),
    request_body = Template, responses((status = 204, description = "It is stored."), Problems))]
pub async fn put_template(
    caller: Caller<may::NotificationsWrite>,
    services: Data<Services>,
    names: Path<(String, String)>,
    Body(asked): Body<Template>,
) -> Answer {
    let (name, locale) = names.into_inner();
    let request = proto::PutTemplateRequest { name, locale, subject: asked.subject, body: asked.body };
    services.notification().put_template(caller.ask(request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn message(it: proto::Message) -> Message {
    Message {
        id: it.id,
        order_id: it.order_id,
        template: it.template,
        channel: it.channel,
        status: it.status,
        attempts: it.attempts,
        last_error: some(it.last_error),
        created_at: it.created_at,
        sent_at: some(it.sent_at),
    }
}
