//! Rows and orders.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use qm_database::Error;
use qm_ids::{ItemId, LineId, LocationId, OrderId, TenantId};
use qm_money::{Currency, Minor, UnitPrice};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};

use super::entity::{attempt, fulfilment, hold, line, order, piece, timeline};
use crate::domain::{
    Address, Attempt, AttemptState, Bucket, Customer, Entry, Exclusion, Fee, Fulfilment, FulfilmentState,
    Hold, HoldKind, Kind, Line, LineUnits, Order, Piece, RecallIntent, Source, SourcingReason,
};

/// An address in its column.
#[derive(Serialize, Deserialize)]
struct StoredAddress {
    name: String,
    line1: String,
    line2: String,
    city: String,
    region: String,
    postal_code: String,
    country: String,
    phone: String,
    point: Option<(f64, f64)>,
}

/// A broken claim in its column.
type StoredBreak = (LocationId, LineId, ItemId, i64);

/// A row that no version of this service writes.
fn damaged(what: impl std::fmt::Display) -> Error {
    Error::Other(DbErr::Custom(format!("damaged row: {what}")))
}

const REASONS: [(SourcingReason, &str); 5] = [
    (SourcingReason::Placed, "placed"),
    (SourcingReason::Rejected, "rejected"),
    (SourcingReason::Backorder, "backorder"),
    (SourcingReason::ShortPick, "short_pick"),
    (SourcingReason::ReservationBroken, "reservation_broken"),
];

/// An order's rows but for its timeline.
pub(super) struct Rows {
    pub(super) order: order::Model,
    pub(super) lines: Vec<line::Model>,
    pub(super) pieces: Vec<piece::Model>,
    pub(super) attempts: Vec<attempt::Model>,
    pub(super) fulfilments: Vec<fulfilment::Model>,
    pub(super) holds: Vec<hold::Model>,
}

pub(super) fn rows(order: &Order) -> Result<Rows, Error> {
    let json = |error: serde_json::Error| damaged(error);
    let ship_to = order.ship_to.as_ref().map(stored_address);
    let fees: Vec<(&str, i64)> = order.fees.iter().map(|fee| (fee.code.as_str(), fee.amount.get())).collect();
    Ok(Rows {
        order: order::Model {
            tenant_id: order.tenant,
            order_id: order.id,
            number: order.number,
            revision: order.revision,
            status: order.status().word().to_owned(),
            fulfilment_status: order.fulfilment_status().word().to_owned(),
            channel: order.channel.clone(),
            external_id: Some(order.external_id.clone()).filter(|id| !id.is_empty()),
            currency: order.currency.code().to_owned(),
            customer_reference: order.customer.reference.clone(),
            customer_name: order.customer.name.clone(),
            customer_email: order.customer.email.clone(),
            customer_phone: order.customer.phone.clone(),
            customer_locale: order.customer.locale.clone(),
            ship_to: ship_to.map(|address| serde_json::to_string(&address)).transpose().map_err(json)?,
            pickup_location_id: match order.kind {
                Kind::Ship => None,
                Kind::Pickup(location) => Some(location),
            },
            service_level: order.service_level.clone(),
            promise_by: order.promise_by,
            current_promise: order.current_promise,
            priority: order.priority,
            shipping_minor: order.shipping.get(),
            fees: serde_json::to_string(&fees).map_err(json)?,
            discount_minor: order.discount.get(),
            total_minor: order.total.get(),
            told_allocated: order.told_allocated,
            told_end: order.told_end,
            timeline_length: order.timeline_length,
            due_at: order.next_due(),
            placed_at: order.placed_at,
            created_at: order.created_at,
            updated_at: order.updated_at,
        },
        lines: order.lines.iter().map(|line| line_row(order, line)).collect(),
        pieces: order.pieces().map(|(line, piece)| piece_row(order, line, piece)).collect(),
        attempts: order
            .attempts
            .iter()
            .map(|attempt| attempt_row(order, attempt))
            .collect::<Result<_, _>>()?,
        fulfilments: order
            .fulfilments
            .iter()
            .zip(0..)
            .map(|(it, position)| fulfilment_row(order, it, position))
            .collect(),
        holds: order.holds.iter().zip(0..).map(|(it, position)| hold_row(order, it, position)).collect(),
    })
}

fn line_row(order: &Order, line: &Line) -> line::Model {
    line::Model {
        tenant_id: order.tenant,
        order_id: order.id,
        line_id: line.id,
        position: line.position,
        item_id: line.item,
        sku: line.sku.clone(),
        title: line.title.clone(),
        quantity: line.quantity,
        unit_price_micros: line.unit_price.micros(),
        discount_minor: line.discount.get(),
        net_minor: line.net.get(),
        tax_minor: line.tax.get(),
        tax_inclusive: line.tax_inclusive,
    }
}

fn piece_row(order: &Order, line: &Line, piece: &Piece) -> piece::Model {
    piece::Model {
        tenant_id: order.tenant,
        order_id: order.id,
        line_id: line.id,
        first_unit: piece.first_unit,
        quantity: piece.quantity,
        bucket: piece.bucket.word().to_owned(),
        attempt: piece.attempt,
        plan_id: piece.source.map(|source| source.plan),
        reservation_id: piece.source.map(|source| source.reservation),
        location_id: piece.source.map(|source| source.location),
        fulfilment_id: piece.source.map(|source| source.fulfilment),
        item_id: line.item,
    }
}

fn attempt_row(order: &Order, attempt: &Attempt) -> Result<attempt::Model, Error> {
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
    Ok(attempt::Model {
        tenant_id: order.tenant,
        order_id: order.id,
        number: attempt.number,
        reason: REASONS.iter().find(|(it, _)| *it == attempt.reason).map_or("", |(_, word)| word).to_owned(),
        rejections: attempt.rejections,
        exclusions: serde_json::to_string(&exclusions).map_err(damaged)?,
        told_unfillable: attempt.told_unfillable,
        broken: serde_json::to_string(&broken).map_err(damaged)?,
        asks,
        due_at,
    })
}

fn fulfilment_row(order: &Order, fulfilment: &Fulfilment, position: i32) -> fulfilment::Model {
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
    };
    fulfilment::Model {
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
    }
}

fn hold_row(order: &Order, hold: &Hold, position: i32) -> hold::Model {
    hold::Model {
        tenant_id: order.tenant,
        order_id: order.id,
        hold_id: hold.id,
        position,
        kind: hold.kind.word().to_owned(),
        reason: hold.reason.clone(),
        actor_kind: hold.actor.0.clone(),
        actor_id: hold.actor.1.clone(),
        placed_at: hold.placed_at,
        released_at: hold.released_at,
    }
}

pub(super) fn timeline_row((tenant_id, order_id): (TenantId, OrderId), entry: &Entry) -> timeline::Model {
    timeline::Model {
        tenant_id,
        order_id,
        sequence: entry.sequence,
        command: entry.command.to_owned(),
        outcome: entry.outcome.clone(),
        cause_event_id: entry.cause,
        actor_kind: entry.actor.0.clone(),
        actor_id: entry.actor.1.clone(),
        at: entry.at,
    }
}

/// The order of its rows, which come in any order.
pub(super) fn order(rows: Rows) -> Result<Order, Error> {
    let Rows { order, mut lines, pieces, mut attempts, mut fulfilments, mut holds } = rows;
    let currency = Currency::parse(&order.currency).map_err(damaged)?;
    let mut pieces_of: HashMap<LineId, Vec<Piece>> = HashMap::new();
    for row in pieces {
        pieces_of.entry(row.line_id).or_default().push(piece(&row)?);
    }
    lines.sort_by_key(|line| line.position);
    attempts.sort_by_key(|attempt| attempt.number);
    fulfilments.sort_by_key(|fulfilment| fulfilment.position);
    holds.sort_by_key(|hold| hold.position);
    let fees: Vec<(String, i64)> = serde_json::from_str(&order.fees).map_err(damaged)?;
    Ok(Order {
        tenant: order.tenant_id,
        id: order.order_id,
        number: order.number,
        revision: order.revision,
        channel: order.channel,
        external_id: order.external_id.unwrap_or_default(),
        currency,
        customer: Customer {
            reference: order.customer_reference,
            name: order.customer_name,
            email: order.customer_email,
            phone: order.customer_phone,
            locale: order.customer_locale,
        },
        ship_to: order.ship_to.as_deref().map(address).transpose()?,
        kind: order.pickup_location_id.map_or(Kind::Ship, Kind::Pickup),
        service_level: order.service_level,
        promise_by: order.promise_by,
        current_promise: order.current_promise,
        priority: order.priority,
        lines: lines
            .into_iter()
            .map(|row| {
                let pieces = pieces_of.remove(&row.line_id).unwrap_or_default();
                line(row, pieces)
            })
            .collect::<Result<_, _>>()?,
        shipping: Minor(order.shipping_minor),
        fees: fees.into_iter().map(|(code, amount)| Fee { code, amount: Minor(amount) }).collect(),
        discount: Minor(order.discount_minor),
        total: Minor(order.total_minor),
        holds: holds.into_iter().map(hold).collect::<Result<_, _>>()?,
        attempts: attempts.iter().map(attempt).collect::<Result<_, _>>()?,
        fulfilments: fulfilments.into_iter().map(fulfilment).collect::<Result<_, _>>()?,
        told_allocated: order.told_allocated,
        told_end: order.told_end,
        placed_at: order.placed_at,
        created_at: order.created_at,
        updated_at: order.updated_at,
        timeline_length: order.timeline_length,
    })
}

fn line(row: line::Model, mut pieces: Vec<Piece>) -> Result<Line, Error> {
    pieces.sort_by_key(|piece| piece.first_unit);
    Ok(Line {
        id: row.line_id,
        position: row.position,
        item: row.item_id,
        sku: row.sku,
        title: row.title,
        quantity: row.quantity,
        unit_price: UnitPrice::from_micros(row.unit_price_micros).map_err(damaged)?,
        discount: Minor(row.discount_minor),
        net: Minor(row.net_minor),
        tax: Minor(row.tax_minor),
        tax_inclusive: row.tax_inclusive,
        pieces,
    })
}

fn piece(row: &piece::Model) -> Result<Piece, Error> {
    let source = match (row.plan_id, row.reservation_id, row.location_id, row.fulfilment_id) {
        (Some(plan), Some(reservation), Some(location), Some(fulfilment)) => {
            Some(Source { plan, reservation, location, fulfilment })
        }
        (None, None, None, None) => None,
        _ => return Err(damaged("a piece with half a source")),
    };
    Ok(Piece {
        first_unit: row.first_unit,
        quantity: row.quantity,
        bucket: Bucket::from_word(&row.bucket).ok_or_else(|| damaged(&row.bucket))?,
        attempt: row.attempt,
        source,
    })
}

fn attempt(row: &attempt::Model) -> Result<Attempt, Error> {
    let exclusions: Vec<(LocationId, Option<ItemId>)> =
        serde_json::from_str(&row.exclusions).map_err(damaged)?;
    let broken: Vec<StoredBreak> = serde_json::from_str(&row.broken).map_err(damaged)?;
    let reason = REASONS.iter().find(|(_, word)| *word == row.reason).map(|(reason, _)| *reason);
    Ok(Attempt {
        number: row.number,
        reason: reason.ok_or_else(|| damaged(&row.reason))?,
        rejections: row.rejections,
        exclusions: exclusions.into_iter().map(|(location, item)| Exclusion { location, item }).collect(),
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

fn fulfilment(row: fulfilment::Model) -> Result<Fulfilment, Error> {
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
        other => return Err(damaged(other)),
    };
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
    })
}

fn hold(row: hold::Model) -> Result<Hold, Error> {
    Ok(Hold {
        id: row.hold_id,
        kind: HoldKind::parse(&row.kind).map_err(damaged)?,
        reason: row.reason,
        actor: (row.actor_kind, row.actor_id),
        placed_at: row.placed_at,
        released_at: row.released_at,
    })
}

fn stored_address(address: &Address) -> StoredAddress {
    StoredAddress {
        name: address.name.clone(),
        line1: address.line1.clone(),
        line2: address.line2.clone(),
        city: address.city.clone(),
        region: address.region.clone(),
        postal_code: address.postal_code.clone(),
        country: address.country.clone(),
        phone: address.phone.clone(),
        point: address.point,
    }
}

fn address(text: &str) -> Result<Address, Error> {
    let stored: StoredAddress = serde_json::from_str(text).map_err(damaged)?;
    Ok(Address {
        name: stored.name,
        line1: stored.line1,
        line2: stored.line2,
        city: stored.city,
        region: stored.region,
        postal_code: stored.postal_code,
        country: stored.country,
        phone: stored.phone,
        point: stored.point,
    })
}
