//! Attempts and their rows.

use qm_database::Error;
use qm_ids::{ItemId, LineId, LocationId};

use super::damaged;
use crate::{
    domain::{Attempt, AttemptState, Exclusion, LineUnits, Order, SourcingReason},
    store::entity::attempt::Model,
};

/// A broken claim in its column.
type StoredBreak = (LocationId, LineId, ItemId, i64);

const REASONS: [(SourcingReason, &str); 5] = [
    (SourcingReason::Placed, "placed"),
    (SourcingReason::Rejected, "rejected"),
    (SourcingReason::Backorder, "backorder"),
    (SourcingReason::ShortPick, "short_pick"),
    (SourcingReason::ReservationBroken, "reservation_broken"),
];

/// A reason in its column.
pub(in crate::store) fn reason_word(reason: SourcingReason) -> &'static str {
    REASONS.iter().find(|(it, _)| *it == reason).map_or("", |(_, word)| word)
}

pub(super) fn row(order: &Order, attempt: &Attempt) -> Result<Model, Error> {
    let exclusions: Vec<(LocationId, Option<ItemId>)> =
        attempt.exclusions.iter().map(|exclusion| (exclusion.location, exclusion.item)).collect();
    let broken: Vec<StoredBreak> = attempt
        .broken
        .iter()
        .map(|(location, units)| (*location, units.line, units.item, units.quantity))
        .collect();
    let (asks, due_at) = match attempt.state {
        AttemptState::Pending { asks, due_at } => (asks, Some(due_at)),
        AttemptState::Closed => (0, None),
    };
    Ok(Model {
        tenant_id: order.tenant,
        order_id: order.id,
        number: attempt.number,
        reason: reason_word(attempt.reason).to_owned(),
        rejections: attempt.rejections,
        exclusions: serde_json::to_string(&exclusions).map_err(damaged)?,
        sees_until: attempt.sees_until,
        told_unfillable: attempt.told_unfillable,
        broken: serde_json::to_string(&broken).map_err(damaged)?,
        asks,
        due_at,
    })
}

pub(super) fn attempt(row: &Model) -> Result<Attempt, Error> {
    let exclusions: Vec<(LocationId, Option<ItemId>)> =
        serde_json::from_str(&row.exclusions).map_err(damaged)?;
    let broken: Vec<StoredBreak> = serde_json::from_str(&row.broken).map_err(damaged)?;
    let reason = REASONS.iter().find(|(_, word)| *word == row.reason).map(|(reason, _)| *reason);
    Ok(Attempt {
        number: row.number,
        reason: reason.ok_or_else(|| damaged(&row.reason))?,
        rejections: row.rejections,
        exclusions: exclusions.into_iter().map(|(location, item)| Exclusion { location, item }).collect(),
        sees_until: row.sees_until,
        told_unfillable: row.told_unfillable,
        broken: broken
            .into_iter()
            .map(|(location, line, item, quantity)| (location, LineUnits { line, item, quantity }))
            .collect(),
        state: row
            .due_at
            .map_or(AttemptState::Closed, |due_at| AttemptState::Pending { asks: row.asks, due_at }),
    })
}
