//! Rows to proto.

use chrono::{DateTime, SecondsFormat, Utc};
use qm_database::{Database, Result, TenantSet};
use qm_ids::TenantId;
use qm_proto::notification::v1 as proto;

use crate::store::{self, Change, Delivery, Endpoint, Message};

pub(super) fn endpoint(row: &Endpoint) -> proto::Endpoint {
    proto::Endpoint {
        id: row.endpoint_id.to_string(),
        url: row.url.clone(),
        event_types: row.event_types.split_whitespace().map(str::to_owned).collect(),
        enabled: row.enabled,
        disabled_reason: row.disabled_reason.clone(),
        created_at: time(row.created_at),
    }
}

pub(super) fn delivery(row: &Delivery) -> proto::Delivery {
    proto::Delivery {
        id: row.delivery_id.to_string(),
        endpoint_id: row.endpoint_id.to_string(),
        message_id: row.event_id.to_string(),
        event_type: row.event_type.clone(),
        status: row.status.clone(),
        attempts: row.attempts,
        last_status: row.last_status,
        last_error: row.last_error.clone(),
        next_attempt_at: row.due_at.map(time).unwrap_or_default(),
        created_at: time(row.created_at),
    }
}

pub(super) fn message(row: &Message) -> proto::Message {
    proto::Message {
        id: row.message_id.to_string(),
        order_id: row.order_id.to_string(),
        template: row.template.clone(),
        channel: "email".to_owned(),
        status: row.status.clone(),
        attempts: row.attempts,
        last_error: row.last_error.clone(),
        created_at: time(row.created_at),
        sent_at: row.sent_at.map(time).unwrap_or_default(),
    }
}

pub(super) fn change(row: Change) -> proto::WatchChangesResponse {
    proto::WatchChangesResponse {
        position: row.position,
        event_id: row.event_id.to_string(),
        event_type: row.event_type,
        order_id: row.order_id.map(|order| order.to_string()).unwrap_or_default(),
        data_json: row.data,
        occurred_at: time(row.occurred_at),
        reset: false,
    }
}

pub(super) async fn summary(
    database: &Database,
    tenant: TenantId,
) -> Result<proto::GetDeliverySummaryResponse> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let mails = store::messages::count_by_status(&tx).await?;
    let mails = |status| mails.get(status).copied().unwrap_or(0);
    let webhooks = async |status| store::endpoints::count_deliveries(&tx, status).await.map(number);
    Ok(proto::GetDeliverySummaryResponse {
        mails_sent: mails("sent"),
        mails_pending: mails("pending"),
        mails_failed: mails("failed"),
        webhooks_delivered: webhooks("delivered").await?,
        webhooks_pending: webhooks("pending").await?,
        webhooks_failed: webhooks("failed").await?,
    })
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
