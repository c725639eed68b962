//! Decision → message.

use prost::Message as _;
use qm_messaging::{HandleError, NewEvent};
use qm_proto::{
    routing::v1 as proto,
    types::v1::{FulfilmentKind, LineUnits as ProtoUnits},
};
use serde::Serialize;

use crate::{
    domain::{Assignment, Decision, GroupKind, LineUnits, Outcome, Plan, Planned, Request},
    store::Announcement,
};

/// Most different reasons that one message tells in words; the explanation has all.
const MAX_REASONS: usize = 5;

/// The explanation, see docs/routing-explanation.md.
#[derive(Serialize)]
struct Document<'d> {
    tariff_version: i64,
    #[serde(flatten)]
    decision: &'d Decision,
}

/// What is announced of a plan, as it is kept for repeats.
pub fn announcement(planned: &Planned) -> Result<Announcement, HandleError> {
    let Planned { request, decision, tariff_version, .. } = planned;
    let document = Document { tariff_version: *tariff_version, decision };
    let failed = |error: serde_json::Error| HandleError::Failed(format!("explanation: {error}"));
    Ok(Announcement {
        tenant_id: request.tenant,
        plan_id: request.plan(),
        asked: serde_json::to_string(&request.units).map_err(failed)?,
        planned: plan_of(request, decision).encode_to_vec(),
        unfillable: rest_of(request, decision).encode_to_vec(),
        explanation: serde_json::to_string(&document).map_err(failed)?,
    })
}

/// The messages that announce a plan: the same each time.
pub fn messages(
    plan: &Plan,
    told: &Announcement,
    trace: Option<String>,
) -> Result<Vec<NewEvent>, HandleError> {
    let Some(made) = plan.made else { return Ok(Vec::new()) };
    let malformed =
        |error: prost::DecodeError| HandleError::Failed(format!("announcement of {}: {error}", plan.id));
    let mut messages = Vec::new();
    if made.outcome != Outcome::Unfillable {
        let planned = proto::Planned::decode(told.planned.as_slice()).map_err(malformed)?;
        messages.push(NewEvent::new(plan.tenant, plan.order, &planned, made.at).traced(trace.clone()));
    }
    if made.outcome != Outcome::Planned {
        let unfillable = proto::Unfillable::decode(told.unfillable.as_slice()).map_err(malformed)?;
        messages.push(NewEvent::new(plan.tenant, plan.order, &unfillable, made.at).traced(trace));
    }
    Ok(messages)
}

fn plan_of(request: &Request, decision: &Decision) -> proto::Planned {
    let spent = decision.assignments.iter().map(|assignment| assignment.cost.spent().0);
    proto::Planned {
        order_id: request.order.to_string(),
        revision: request.revision,
        attempt: request.attempt,
        plan_id: request.plan().to_string(),
        assignments: decision.assignments.iter().map(assignment).collect(),
        cost_minor: spent.fold(0, i64::saturating_add),
        promise_unmet: decision.promise_unmet,
        priority: request.priority,
        for_backorder: request.for_backorder,
    }
}

fn assignment(assignment: &Assignment) -> proto::Assignment {
    let kind = match assignment.group.kind {
        GroupKind::Ship => FulfilmentKind::Ship,
        GroupKind::Pickup => FulfilmentKind::Pickup,
        GroupKind::DropShip => FulfilmentKind::DropShip,
    };
    let units = assignment.lines.iter().map(|line| LineUnits {
        line: line.line_id,
        item: line.item,
        quantity: line.quantity,
    });
    proto::Assignment {
        location_id: assignment.location.to_string(),
        group: assignment.group.to_string(),
        kind: kind.into(),
        units: units.map(line_units).collect(),
        ship_date: assignment.ship_date.to_string(),
        promised_date: assignment.promised_date.to_string(),
        cost_minor: assignment.cost.spent().0,
    }
}

fn rest_of(request: &Request, decision: &Decision) -> proto::Unfillable {
    let mut reasons: Vec<String> = Vec::new();
    for why in decision.unfilled.iter().map(|unfilled| unfilled.why.to_string()) {
        if !reasons.contains(&why) && reasons.len() < MAX_REASONS {
            reasons.push(why);
        }
    }
    let units = decision.unfilled.iter().map(|it| LineUnits {
        line: it.line_id,
        item: it.item,
        quantity: it.quantity,
    });
    proto::Unfillable {
        order_id: request.order.to_string(),
        revision: request.revision,
        attempt: request.attempt,
        units: units.map(line_units).collect(),
        reason: reasons.join("; "),
    }
}

fn line_units(units: LineUnits) -> ProtoUnits {
    ProtoUnits {
        line_id: units.line.to_string(),
        item_id: units.item.to_string(),
        quantity: units.quantity.into(),
    }
}
