//! Counts for people who want to know how things stand.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, ServiceConfig},
};
use qm_proto::{
    notification::v1::GetDeliverySummaryRequest,
    order::v1::{GetSummaryRequest, StateCount},
    routing::v1::GetPlanSummaryRequest,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::{Caller, Problem, Problems, answer, may, resource},
    peers::Services,
};

type Answer = Result<HttpResponse, Problem>;

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config.service(resource("/summary").get(read));
}

/// How things stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// Orders by status.
    pub orders: BTreeMap<String, i64>,
    /// Units by bucket.
    pub units: BTreeMap<String, i64>,
    /// Orders that are served by more than one location.
    pub split_orders: i64,
    /// Orders that have at least one unit reserved or beyond.
    pub sourced_orders: i64,
    /// What routing planned.
    pub plans: Plans,
    /// What was sent.
    pub notifications: Notifications,
}

/// Plans by outcome.
#[derive(Debug, Serialize, ToSchema)]
pub struct Plans {
    /// For all units.
    pub planned: i64,
    /// For some units.
    pub partially_planned: i64,
    /// For none.
    pub unfillable: i64,
    /// Planned cost of the plans that stand, minor units.
    pub cost_minor: i64,
}

/// Messages by state.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notifications {
    /// Mails sent.
    pub mails_sent: i64,
    /// Mails waiting or being retried.
    pub mails_pending: i64,
    /// Mails given up on.
    pub mails_failed: i64,
    /// Webhooks delivered.
    pub webhooks_delivered: i64,
    /// Webhooks waiting or being retried.
    pub webhooks_pending: i64,
    /// Webhooks given up on.
    pub webhooks_failed: i64,
}

/// Counts orders, units, plans and notifications.
#[utoipa::path(get, path = "/v1/summary", tag = "orders", responses((status = 200, body = Summary), Problems))]
pub async fn read(caller: Caller<may::OrdersRead>, services: Data<Services>) -> Answer {
    let (mut order, mut routing, mut notification) =
        (services.order(), services.routing(), services.notification());
    let (orders, plans, told) = tokio::try_join!(
        order.get_summary(caller.ask(GetSummaryRequest {})),
        routing.get_plan_summary(caller.ask(GetPlanSummaryRequest {})),
        notification.get_delivery_summary(caller.ask(GetDeliverySummaryRequest {})),
    )?;
    let (orders, plans, told) = (orders.into_inner(), plans.into_inner(), told.into_inner());
    let counts = |counts: Vec<StateCount>| counts.into_iter().map(|it| (it.state, it.count)).collect();
    let summary = Summary {
        orders: counts(orders.orders),
        units: counts(orders.units),
        split_orders: orders.split_orders,
        sourced_orders: orders.sourced_orders,
        plans: Plans {
            planned: plans.planned,
            partially_planned: plans.partially_planned,
            unfillable: plans.unfillable,
            cost_minor: plans.cost_minor,
        },
        notifications: Notifications {
            mails_sent: told.mails_sent,
            mails_pending: told.mails_pending,
            mails_failed: told.mails_failed,
            webhooks_delivered: told.webhooks_delivered,
            webhooks_pending: told.webhooks_pending,
            webhooks_failed: told.webhooks_failed,
        },
    };
    answer(StatusCode::OK, &summary)
}
