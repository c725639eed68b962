//! Domain to proto.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use qm_proto::{
    order::v1 as proto,
    types::v1::{self as types, FulfilmentKind, GeoPoint},
};
use qm_refusal::Refusal;

use crate::{
    domain::{Address, Hold, Kind, Line, Order, Piece},
    store::TimelineRow,
};

pub(super) fn order(order: &Order) -> proto::Order {
    let (kind, pickup) = match order.kind {
        Kind::Ship => (FulfilmentKind::Ship, String::new()),
        Kind::Pickup(location) => (FulfilmentKind::Pickup, location.to_string()),
    };
    proto::Order {
        id: order.id.to_string(),
        number: order.number,
        revision: order.revision,
        status: order.status().word().to_owned(),
        fulfilment_status: order.fulfilment_status().word().to_owned(),
        channel: order.channel.clone(),
        external_id: order.external_id.clone(),
        currency: order.currency.code().to_owned(),
        customer: Some(proto::Customer {
            reference: order.customer.reference.clone(),
            name: order.customer.name.clone(),
            email: order.customer.email.clone(),
            phone: order.customer.phone.clone(),
            locale: order.customer.locale.clone(),
        }),
        ship_to: order.ship_to.as_ref().map(address),
        fulfilment_kind: kind.into(),
        pickup_location_id: pickup,
        service_level: order.service_level.clone(),
        promise_by: date(order.promise_by),
        current_promise: date(order.current_promise),
        lines: order.lines.iter().map(line).collect(),
        shipping_minor: order.shipping.get(),
        fees: order
            .fees
            .iter()
            .map(|fee| proto::Fee { code: fee.code.clone(), amount_minor: fee.amount.get() })
            .collect(),
        discount_minor: order.discount.get(),
        total_minor: order.total.get(),
        holds: order.holds.iter().map(hold).collect(),
        priority: order.priority,
        placed_at: time(order.placed_at),
        created_at: time(order.created_at),
        updated_at: time(order.updated_at),
    }
}

fn line(line: &Line) -> proto::Line {
    proto::Line {
        id: line.id.to_string(),
        position: line.position,
        item_id: line.item.to_string(),
        sku: line.sku.clone(),
        title: line.title.clone(),
        quantity: line.quantity,
        unit_price: line.unit_price.to_string(),
        discount_minor: line.discount.get(),
        net_minor: line.net.get(),
        tax_minor: line.tax.get(),
        tax_inclusive: line.tax_inclusive,
        pieces: line.pieces.iter().map(|it| piece(line, it)).collect(),
    }
}

fn piece(line: &Line, piece: &Piece) -> proto::Piece {
    let text = |id: Option<String>| id.unwrap_or_default();
    // The range lies within the line, so its share always exists.
    let net = qm_money::share(line.net, line.quantity, piece.units()).map_or(0, |share| share.get());
    let id: qm_ids::PieceId = qm_ids::derive(line.id.as_uuid(), "piece", piece.first_unit.unsigned_abs());
    proto::Piece {
        id: id.to_string(),
        first_unit: piece.first_unit,
        quantity: piece.quantity,
        bucket: piece.bucket.word().to_owned(),
        attempt: piece.attempt,
        plan_id: text(piece.source.map(|source| source.plan.to_string())),
        reservation_id: text(piece.source.map(|source| source.reservation.to_string())),
        fulfilment_id: text(piece.source.map(|source| source.fulfilment.to_string())),
        location_id: text(piece.source.map(|source| source.location.to_string())),
        net_minor: net,
    }
}

fn hold(hold: &Hold) -> proto::Hold {
    let (kind, id) = hold.actor.clone();
    proto::Hold {
        id: hold.id.to_string(),
        kind: hold.kind.word().to_owned(),
        reason: hold.reason.clone(),
        actor: Some(types::Actor { kind, id }),
        placed_at: time(hold.placed_at),
        released_at: hold.released_at.map(time).unwrap_or_default(),
    }
}

pub(super) fn entry(row: &TimelineRow) -> proto::TimelineEntry {
    proto::TimelineEntry {
        sequence: row.sequence,
        command: row.command.clone(),
        outcome: row.outcome.clone(),
        cause_event_id: row.cause_event_id.map(|event| event.to_string()).unwrap_or_default(),
        actor: Some(types::Actor { kind: row.actor_kind.clone(), id: row.actor_id.clone() }),
        at: time(row.at),
    }
}

pub(super) fn refusal(refusal: &Refusal) -> proto::Refusal {
    proto::Refusal {
        code: refusal.code.clone(),
        message: refusal.message.clone(),
        field: refusal.field.clone().unwrap_or_default(),
        kind: refusal.kind.slug().to_owned(),
    }
}

fn address(address: &Address) -> types::Address {
    types::Address {
        name: address.name.clone(),
        line1: address.line1.clone(),
        line2: address.line2.clone(),
        city: address.city.clone(),
        region: address.region.clone(),
        postal_code: address.postal_code.clone(),
        country: address.country.clone(),
        phone: address.phone.clone(),
        point: address.point.map(|(latitude, longitude)| GeoPoint { latitude, longitude }),
    }
}

fn date(date: Option<NaiveDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
