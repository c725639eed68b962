//! Rows and orders.

pub(in crate::store) mod attempt;
mod work;

use std::collections::HashMap;

use qm_database::Error;
use qm_ids::{LineId, OrderId, TenantId};
use qm_money::{Currency, Minor, UnitPrice};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};

use super::entity::{attempt as attempt_table, fulfilment, hold, line, order, piece, progress, timeline};
use crate::domain::{
    Address, Bucket, Customer, Entry, Fee, Hold, HoldKind, Kind, Line, Order, Piece, Source,
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

/// A row that no version of this service writes.
pub(super) fn damaged(what: impl std::fmt::Display) -> Error {
    Error::Other(DbErr::Custom(format!("damaged row: {what}")))
}

/// An order's rows but for its timeline: of the order and its progress there is one each, or none of anything.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) order: Vec<order::Model>,
    pub(super) progress: Vec<progress::Model>,
    pub(super) lines: Vec<line::Model>,
    pub(super) pieces: Vec<piece::Model>,
    pub(super) attempts: Vec<attempt_table::Model>,
    pub(super) fulfilments: Vec<fulfilment::Model>,
    pub(super) holds: Vec<hold::Model>,
}

pub(super) fn rows(order: &Order) -> Result<Rows, Error> {
    Ok(Rows {
        order: vec![order_row(order)?],
        progress: vec![progress_row(order)],
        lines: order.lines.iter().map(|line| line_row(order, line)).collect(),
        pieces: order.pieces().map(|(line, piece)| piece_row(order, line, piece)).collect(),
        attempts: order.attempts.iter().map(|it| attempt::row(order, it)).collect::<Result<_, _>>()?,
        fulfilments: order
            .fulfilments
            .iter()
            .zip(0..)
            .map(|(it, position)| work::row(order, it, position))
            .collect::<Result<_, _>>()?,
        holds: order.holds.iter().zip(0..).map(|(it, position)| hold_row(order, it, position)).collect(),
    })
}

fn order_row(order: &Order) -> Result<order::Model, Error> {
    let json = |error: serde_json::Error| damaged(error);
    let ship_to = order.ship_to.as_ref().map(stored_address);
    let fees: Vec<(&str, i64)> = order.fees.iter().map(|fee| (fee.code.as_str(), fee.amount.get())).collect();
    Ok(order::Model {
        tenant_id: order.tenant,
        order_id: order.id,
        number: order.number,
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
        priority: order.priority,
        shipping_minor: order.shipping.get(),
        fees: serde_json::to_string(&fees).map_err(json)?,
        discount_minor: order.discount.get(),
        total_minor: order.total.get(),
        placed_at: order.placed_at,
        created_at: order.created_at,
    })
}

pub(super) fn progress_row(order: &Order) -> progress::Model {
    progress::Model {
        tenant_id: order.tenant,
        order_id: order.id,
        revision: order.revision,
        timeline_length: order.timeline_length,
        status: order.status().word().to_owned(),
        fulfilment_status: order.fulfilment_status().word().to_owned(),
        current_promise: order.current_promise,
        told_allocated: order.told_allocated,
        told_end: order.told_end,
        placed_at: order.placed_at,
        updated_at: order.updated_at,
    }
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
        priority: order.priority,
        placed_at: order.placed_at,
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
    let Rows { mut order, mut progress, mut lines, pieces, mut attempts, mut fulfilments, mut holds } = rows;
    let order = order.pop().ok_or_else(|| damaged("progress without an order"))?;
    let progress = progress.pop().ok_or_else(|| damaged("an order without progress"))?;
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
        revision: progress.revision,
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
        current_promise: progress.current_promise,
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
        attempts: attempts.iter().map(attempt::attempt).collect::<Result<_, _>>()?,
        fulfilments: fulfilments.into_iter().map(work::fulfilment).collect::<Result<_, _>>()?,
        told_allocated: progress.told_allocated,
        told_end: progress.told_end,
        placed_at: order.placed_at,
        created_at: order.created_at,
        updated_at: progress.updated_at,
        timeline_length: progress.timeline_length,
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
