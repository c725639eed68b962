//! Rows to domain values and back.

use qm_database::{Error, Result};
use qm_ids::TenantId;
use sea_orm::DbErr;

use super::entity::{item, movement, reservation, reservation_leg, stock, stock_hold};
use crate::domain::{Hold, ItemFacts, Leg, Movement, Reservation, State, Stock};

/// A stock row.
pub fn stock(row: stock::Model) -> Stock {
    Stock {
        tenant: row.tenant_id,
        item: row.item_id,
        location: row.location_id,
        sellable: row.sellable,
        quarantine: row.quarantine,
        damaged: row.damaged,
        soft_reserved: row.soft_reserved,
        allocated: row.allocated,
        safety: row.safety,
        version: row.version,
    }
}

pub(super) fn stock_row(stock: &Stock) -> stock::Model {
    stock::Model {
        tenant_id: stock.tenant,
        stock_id: stock.key().1,
        item_id: stock.item,
        location_id: stock.location,
        sellable: stock.sellable,
        quarantine: stock.quarantine,
        damaged: stock.damaged,
        soft_reserved: stock.soft_reserved,
        allocated: stock.allocated,
        safety: stock.safety,
        version: stock.version,
    }
}

/// What a policy means for the books: services and what is made on demand have no stock to count.
pub(super) fn facts(row: &item::Model) -> ItemFacts {
    ItemFacts {
        sku: row.sku.clone(),
        stocked: !matches!(row.stock_policy.as_str(), "none" | "generated"),
        low_stock_threshold: row.low_stock_threshold,
    }
}

pub(super) fn reservation(row: reservation::Model) -> Result<Reservation> {
    let state = State::parse(&row.state)
        .ok_or_else(|| malformed(format!("state {:?} of {}", row.state, row.reservation_id)))?;
    Ok(Reservation {
        tenant: row.tenant_id,
        id: row.reservation_id,
        plan: row.plan_id,
        order: row.order_id,
        attempt: row.attempt,
        priority: row.priority,
        state,
        planned_at: row.planned_at,
        announced: row.plan,
    })
}

pub(super) fn reservation_row(it: &Reservation) -> reservation::Model {
    reservation::Model {
        tenant_id: it.tenant,
        reservation_id: it.id,
        plan_id: it.plan,
        order_id: it.order,
        attempt: it.attempt,
        priority: it.priority,
        state: it.state.word().to_owned(),
        planned_at: it.planned_at,
        plan: it.announced.clone(),
    }
}

pub(super) fn leg(row: reservation_leg::Model) -> Leg {
    Leg {
        tenant: row.tenant_id,
        reservation: row.reservation_id,
        position: row.leg,
        location: row.location_id,
        line: row.line_id,
        item: row.item_id,
        quantity: row.quantity,
        released: row.released,
        issued: row.issued,
        broken: row.broken,
        promised: row.promised_date,
        stocked: row.stocked,
        picked: row.picked,
    }
}

pub(super) fn leg_row(leg: &Leg) -> reservation_leg::Model {
    reservation_leg::Model {
        tenant_id: leg.tenant,
        reservation_id: leg.reservation,
        leg: leg.position,
        stock_id: leg.stock_key().1,
        location_id: leg.location,
        line_id: leg.line,
        item_id: leg.item,
        quantity: leg.quantity,
        released: leg.released,
        issued: leg.issued,
        broken: leg.broken,
        open_units: leg.open(),
        promised_date: leg.promised,
        stocked: leg.stocked,
        picked: leg.picked,
    }
}

pub(super) fn hold(row: stock_hold::Model) -> Hold {
    Hold {
        tenant: row.tenant_id,
        id: row.hold_id,
        item: row.item_id,
        location: row.location_id,
        quantity: row.quantity,
        expires_at: row.expires_at,
    }
}

pub(super) fn hold_row(hold: &Hold) -> stock_hold::Model {
    stock_hold::Model {
        tenant_id: hold.tenant,
        hold_id: hold.id,
        stock_id: hold.stock_key().1,
        item_id: hold.item,
        location_id: hold.location,
        quantity: hold.quantity,
        expires_at: hold.expires_at,
    }
}

pub(super) fn movement_row(it: &Movement) -> movement::Model {
    let (tenant_id, stock_id): (TenantId, _) = it.stock;
    movement::Model {
        tenant_id,
        stock_id,
        movement_id: it.id,
        kind: it.kind.to_owned(),
        sellable_delta: it.delta.sellable,
        allocated_delta: it.delta.allocated,
        soft_reserved_delta: it.delta.soft_reserved,
        reason: it.reason.clone(),
        reference: it.reference.clone(),
        actor_kind: it.actor.0.clone(),
        actor_id: it.actor.1.clone(),
        occurred_at: it.occurred_at,
        recorded_at: it.recorded_at,
    }
}

pub(super) fn malformed(what: String) -> Error {
    Error::Other(DbErr::Custom(format!("malformed row: {what}")))
}
