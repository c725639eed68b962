//! Fulfilments and their rows.

use chrono::{DateTime, Utc};
use qm_database::Error;
use qm_ids::ShipmentId;
use serde::{Deserialize, Serialize};

use super::damaged;
use crate::{
    domain::{
        Fate, Fulfilment, FulfilmentState, Journey, Order, RecallIntent, Report, ReportKind, UnitsByLine,
    },
    store::entity::fulfilment::Model,
};

/// A report in its column.
#[derive(Serialize, Deserialize)]
struct StoredReport {
    kind: StoredKind,
    units: UnitsByLine,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredKind {
    Rejected { version: i64 },
    Cancelled { version: i64 },
    Issued { at: String },
}

/// A journey in its column.
#[derive(Serialize, Deserialize)]
struct StoredJourney {
    shipment: Option<ShipmentId>,
    fate: StoredFate,
    units: UnitsByLine,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredFate {
    Returning,
    Lost,
    Delivered,
}

pub(super) fn row(order: &Order, fulfilment: &Fulfilment, position: i32) -> Result<Model, Error> {
    let (state, asks, due_at) = match fulfilment.state {
        FulfilmentState::Planned => ("planned", 0, None),
        FulfilmentState::Requested { asks, due_at } => ("requested", asks, Some(due_at)),
        FulfilmentState::Opened => ("opened", 0, None),
        FulfilmentState::Recalling { intent: RecallIntent::Cancel, asks, due_at } => {
            ("recalling_to_cancel", asks, Some(due_at))
        }
        FulfilmentState::Recalling { intent: RecallIntent::Resource, asks, due_at } => {
            ("recalling_to_resource", asks, Some(due_at))
        }
        FulfilmentState::RecallRefused { intent: RecallIntent::Cancel } => ("cancel_refused", 0, None),
        FulfilmentState::RecallRefused { intent: RecallIntent::Resource } => ("recall_refused", 0, None),
        FulfilmentState::Ended => ("ended", 0, None),
        FulfilmentState::Dropped => ("dropped", 0, None),
    };
    let reports: Vec<StoredReport> = fulfilment.reports.iter().map(stored_report).collect();
    let journeys: Vec<StoredJourney> = fulfilment.journeys.iter().map(stored_journey).collect();
    Ok(Model {
        tenant_id: order.tenant,
        order_id: order.id,
        fulfilment_id: fulfilment.id,
        position,
        plan_id: fulfilment.plan,
        reservation_id: fulfilment.reservation,
        location_id: fulfilment.location,
        group_name: fulfilment.group.clone(),
        kind: fulfilment.kind,
        ship_by: fulfilment.ship_by.clone(),
        promised: fulfilment.promised,
        state: state.to_owned(),
        asks,
        due_at,
        reports: serde_json::to_string(&reports).map_err(damaged)?,
        journeys: serde_json::to_string(&journeys).map_err(damaged)?,
        broken: serde_json::to_string(&fulfilment.broken).map_err(damaged)?,
    })
}

pub(super) fn fulfilment(row: Model) -> Result<Fulfilment, Error> {
    let due = |due_at: Option<DateTime<Utc>>| due_at.ok_or_else(|| damaged("a question without a time"));
    let asks = row.asks;
    let recalling = |intent, due_at| FulfilmentState::Recalling { intent, asks, due_at };
    let state = match row.state.as_str() {
        "planned" => FulfilmentState::Planned,
        "requested" => FulfilmentState::Requested { asks, due_at: due(row.due_at)? },
        "opened" => FulfilmentState::Opened,
        "recalling_to_cancel" => recalling(RecallIntent::Cancel, due(row.due_at)?),
        "recalling_to_resource" => recalling(RecallIntent::Resource, due(row.due_at)?),
        "cancel_refused" => FulfilmentState::RecallRefused { intent: RecallIntent::Cancel },
        "recall_refused" => FulfilmentState::RecallRefused { intent: RecallIntent::Resource },
        "ended" => FulfilmentState::Ended,
        "dropped" => FulfilmentState::Dropped,
        other => return Err(damaged(other)),
    };
    let reports: Vec<StoredReport> = serde_json::from_str(&row.reports).map_err(damaged)?;
    let journeys: Vec<StoredJourney> = serde_json::from_str(&row.journeys).map_err(damaged)?;
    Ok(Fulfilment {
        id: row.fulfilment_id,
        plan: row.plan_id,
        reservation: row.reservation_id,
        location: row.location_id,
        group: row.group_name,
        kind: row.kind,
        ship_by: row.ship_by,
        promised: row.promised,
        state,
        reports: reports.into_iter().map(report).collect(),
        journeys: journeys.into_iter().map(journey).collect(),
        broken: serde_json::from_str(&row.broken).map_err(damaged)?,
    })
}

fn stored_report(report: &Report) -> StoredReport {
    let kind = match &report.kind {
        ReportKind::Rejected(version) => StoredKind::Rejected { version: *version },
        ReportKind::Cancelled(version) => StoredKind::Cancelled { version: *version },
        ReportKind::Issued(at) => StoredKind::Issued { at: at.clone() },
    };
    StoredReport { kind, units: report.units.clone() }
}

fn report(stored: StoredReport) -> Report {
    let kind = match stored.kind {
        StoredKind::Rejected { version } => ReportKind::Rejected(version),
        StoredKind::Cancelled { version } => ReportKind::Cancelled(version),
        StoredKind::Issued { at } => ReportKind::Issued(at),
    };
    Report { kind, units: stored.units }
}

fn stored_journey(journey: &Journey) -> StoredJourney {
    let fate = match journey.fate {
        Fate::Returning => StoredFate::Returning,
        Fate::Lost => StoredFate::Lost,
        Fate::Delivered => StoredFate::Delivered,
    };
    StoredJourney { shipment: journey.shipment, fate, units: journey.units.clone() }
}

fn journey(stored: StoredJourney) -> Journey {
    let fate = match stored.fate {
        StoredFate::Returning => Fate::Returning,
        StoredFate::Lost => Fate::Lost,
        StoredFate::Delivered => Fate::Delivered,
    };
    Journey { shipment: stored.shipment, fate, units: stored.units }
}
