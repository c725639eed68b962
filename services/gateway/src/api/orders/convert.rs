//! Orders: JSON to proto and back.

use qm_ids::TenantId;
use qm_proto::{order::v1 as proto, types::v1::FulfilmentKind};
use qm_refusal::{Kind, Refusal};
use qm_tracking_link::TrackingLinks;

use super::model::{Customer, Fee, Hold, Line, NewLine, NewOrder, NewOrderKind, Order, Piece, TimelineEntry};
use crate::{api::common::some, http::public_field};

/// What a channel gave, as the order service takes it.
pub fn new_order(it: NewOrder) -> Result<proto::NewOrder, Refusal> {
    let ship_to = it.ship_to.map(TryInto::try_into).transpose();
    let kind = match it.fulfilment.unwrap_or(NewOrderKind::Ship) {
        NewOrderKind::Ship => FulfilmentKind::Ship,
        NewOrderKind::Pickup => FulfilmentKind::Pickup,
    };
    Ok(proto::NewOrder {
        channel: it.channel,
        external_id: it.external_id.unwrap_or_default(),
        currency: it.currency,
        customer: Some(proto::Customer {
            reference: it.customer.reference.unwrap_or_default(),
            name: it.customer.name,
            email: it.customer.email,
            phone: it.customer.phone.unwrap_or_default(),
            locale: it.customer.locale.unwrap_or_default(),
        }),
        ship_to: ship_to.map_err(|refusal: Refusal| refusal.within("ship_to"))?,
        fulfilment_kind: kind.into(),
        pickup_location_code: it.pickup_location.unwrap_or_default(),
        service_level: it.service_level.unwrap_or_else(|| "standard".to_owned()),
        promise_by: it.promise_by.unwrap_or_default(),
        lines: it.lines.into_iter().map(new_line).collect(),
        shipping_minor: it.shipping_minor.unwrap_or_default(),
        fees: it
            .fees
            .unwrap_or_default()
            .into_iter()
            .map(|fee| proto::Fee { code: fee.code, amount_minor: fee.amount_minor })
            .collect(),
        discount_minor: it.discount_minor.unwrap_or_default(),
        total_minor: it.total_minor,
        placed_at: it.placed_at.unwrap_or_default(),
        priority: it.priority.unwrap_or_default(),
    })
}

fn new_line(it: NewLine) -> proto::NewLine {
    proto::NewLine {
        sku: it.sku,
        title: it.title.unwrap_or_default(),
        quantity: it.quantity,
        unit_price: it.unit_price,
        discount_minor: it.discount_minor.unwrap_or_default(),
        tax_minor: it.tax_minor.unwrap_or_default(),
        tax_inclusive: it.tax_inclusive.unwrap_or_default(),
    }
}

/// An order with the way to its tracking page.
pub fn order(it: proto::Order, tenant: TenantId, links: &TrackingLinks) -> Order {
    let tracking_path = it.id.parse().map(|id| format!("/t/{}", links.token(tenant, id))).unwrap_or_default();
    let fulfilment = it.fulfilment_kind().into();
    Order {
        id: it.id,
        number: it.number,
        revision: it.revision,
        status: it.status,
        fulfilment_status: it.fulfilment_status,
        channel: it.channel,
        external_id: some(it.external_id),
        currency: it.currency,
        customer: it.customer.map(|customer| Customer {
            reference: some(customer.reference),
            name: customer.name,
            email: customer.email,
            phone: some(customer.phone),
            locale: some(customer.locale),
        }),
        ship_to: it.ship_to.map(Into::into),
        fulfilment,
        pickup_location_id: some(it.pickup_location_id),
        service_level: it.service_level,
        promise_by: some(it.promise_by),
        current_promise: some(it.current_promise),
        lines: it.lines.into_iter().map(line).collect(),
        shipping_minor: it.shipping_minor,
        fees: it.fees.into_iter().map(|fee| Fee { code: fee.code, amount_minor: fee.amount_minor }).collect(),
        discount_minor: it.discount_minor,
        total_minor: it.total_minor,
        holds: it.holds.into_iter().map(hold).collect(),
        priority: it.priority,
        placed_at: it.placed_at,
        created_at: it.created_at,
        updated_at: it.updated_at,
        tracking_path,
    }
}

fn line(it: proto::Line) -> Line {
    Line {
        id: it.id,
        position: it.position,
        item_id: it.item_id,
        sku: it.sku,
        title: it.title,
        quantity: it.quantity,
        unit_price: it.unit_price,
        discount_minor: it.discount_minor,
        net_minor: it.net_minor,
        tax_minor: it.tax_minor,
        tax_inclusive: it.tax_inclusive,
        pieces: it.pieces.into_iter().map(piece).collect(),
    }
}

fn piece(it: proto::Piece) -> Piece {
    Piece {
        id: it.id,
        first_unit: it.first_unit,
        quantity: it.quantity,
        bucket: it.bucket,
        attempt: it.attempt,
        plan_id: some(it.plan_id),
        reservation_id: some(it.reservation_id),
        fulfilment_id: some(it.fulfilment_id),
        location_id: some(it.location_id),
        net_minor: it.net_minor,
    }
}

fn hold(it: proto::Hold) -> Hold {
    Hold {
        id: it.id,
        kind: it.kind,
        reason: some(it.reason),
        actor: it.actor.map(Into::into),
        placed_at: it.placed_at,
        released_at: some(it.released_at),
    }
}

/// An entry of the timeline.
pub fn timeline_entry(it: proto::TimelineEntry) -> TimelineEntry {
    TimelineEntry {
        sequence: it.sequence,
        command: it.command,
        outcome: it.outcome,
        cause_event_id: some(it.cause_event_id),
        actor: it.actor.map(Into::into),
        at: it.at,
    }
}

/// A refusal that travelled inside an answer.
pub fn refusal(it: proto::Refusal) -> Refusal {
    // A kind that a newer peer knows and we do not is still a refusal of this request.
    let kind = Kind::from_slug(&it.kind.replace('_', "-")).unwrap_or(Kind::Conflict);
    let refusal = Refusal::new(kind, it.code, it.message);
    match some(it.field) {
        Some(field) => refusal.at(public_field(&field)),
        None => refusal,
    }
}
