//! What the tracking page says: an order in a shopper's words. Pure.

use std::collections::BTreeMap;

use qm_proto::{
    inventory::v1::Location,
    order::v1::Order,
    shipping::v1::{Shipment, TrackingEvent},
    types::v1::{Address, FulfilmentKind},
};
use serde::Serialize;

/// An order.
#[derive(Debug, Serialize)]
pub struct Tracking {
    number: i64,
    headline: &'static str,
    /// 0 to 4: placed, being prepared, on its way, arrived; none when it goes no way.
    step: Option<usize>,
    steps: [&'static str; 4],
    placed_on: String,
    promise: Option<String>,
    destination: Option<String>,
    counter: Option<Counter>,
    lines: Vec<Line>,
    parcels: Vec<Parcel>,
    total: String,
}

#[derive(Debug, Serialize)]
struct Counter {
    name: String,
    address: String,
}

#[derive(Debug, Serialize)]
struct Line {
    title: String,
    quantity: i64,
    states: Vec<State>,
}

#[derive(Debug, Serialize)]
struct State {
    kind: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Parcel {
    status: &'static str,
    carrier: String,
    tracking_number: String,
    tracking_url: Option<String>,
    events: Vec<Event>,
}

#[derive(Debug, Serialize)]
struct Event {
    text: String,
    place: Option<String>,
    at: String,
}

/// An order as its shopper sees it. Personal data stays out, but for the town that it goes to.
pub fn tracking(order: &Order, shipments: &[Shipment], counter: Option<&Location>) -> Tracking {
    let is_pickup = order.fulfilment_kind() == FulfilmentKind::Pickup;
    let mut units: BTreeMap<&str, i64> = BTreeMap::new();
    for piece in order.lines.iter().flat_map(|line| &line.pieces) {
        *units.entry(&piece.bucket).or_default() += piece.quantity;
    }
    let has = |bucket: &str| units.get(bucket).copied().unwrap_or_default() > 0;
    let (headline, step) = headline(order, is_pickup, has);
    let promise = [&order.current_promise, &order.promise_by].into_iter().find(|date| !date.is_empty());
    Tracking {
        number: order.number,
        headline,
        step,
        steps: if is_pickup {
            ["Ordered", "Being prepared", "Ready to collect", "Collected"]
        } else {
            ["Ordered", "Being prepared", "On its way", "Delivered"]
        },
        placed_on: day(&order.placed_at),
        promise: promise.filter(|_| step.is_some_and(|step| step < 3)).map(|date| day(date)),
        destination: order.ship_to.as_ref().map(town).filter(|town| !town.is_empty()),
        counter: counter.map(|location| Counter {
            name: location.name.clone(),
            address: location.address.as_ref().map(street).unwrap_or_default(),
        }),
        lines: order.lines.iter().map(|line| self::line(line, is_pickup)).collect(),
        parcels: shipments.iter().filter(|it| it.status != "voided").map(parcel).collect(),
        total: amount(order.total_minor, &order.currency),
    }
}

/// In one sentence where the order stands, judged by what is furthest behind and still in play.
fn headline(order: &Order, is_pickup: bool, has: impl Fn(&str) -> bool) -> (&'static str, Option<usize>) {
    match order.status.as_str() {
        "cancelled" => return ("Your order was cancelled", None),
        "on_hold" => return ("Your order is being reviewed", Some(0)),
        "completed" if has("delivered") && is_pickup => return ("You collected your order", Some(3)),
        "completed" if has("delivered") => return ("Your order has arrived", Some(3)),
        "completed" if has("lost") => return ("A parcel was lost; we will be in touch", None),
        "completed" => return ("Your order is closed", None),
        _ => {}
    }
    let is_waiting = has("backordered");
    let is_moving = has("shipped") || has("delivered");
    let is_prepared = has("allocated") || has("in_fulfilment");
    match (is_waiting, is_moving, is_prepared) {
        (true, true, _) => ("A part is on its way, a part waits for stock", Some(2)),
        (true, false, true) => ("A part is being prepared, a part waits for stock", Some(1)),
        (true, false, false) => ("Your order waits for stock", Some(0)),
        (false, true, true) => ("A part is on its way, the rest is being prepared", Some(2)),
        (false, true, false) => ("Your order is on its way", Some(2)),
        (false, false, true) => ("Your order is being prepared", Some(1)),
        (false, false, false) => ("We have received your order", Some(0)),
    }
}

fn line(it: &qm_proto::order::v1::Line, is_pickup: bool) -> Line {
    let mut units: Vec<(&str, i64)> = Vec::new();
    for piece in &it.pieces {
        match units.iter_mut().find(|(bucket, _)| *bucket == piece.bucket) {
            Some((_, count)) => *count += piece.quantity,
            None => units.push((&piece.bucket, piece.quantity)),
        }
    }
    let is_mixed = units.len() > 1;
    let state = |(bucket, count): (&str, i64)| {
        let text = bucket_text(bucket, is_pickup);
        let text = if is_mixed { format!("{count} {text}") } else { text.to_owned() };
        State { kind: bucket.to_owned(), text }
    };
    Line { title: it.title.clone(), quantity: it.quantity, states: units.into_iter().map(state).collect() }
}

fn bucket_text(bucket: &str, is_pickup: bool) -> &'static str {
    match bucket {
        "open" => "received",
        "backordered" => "waiting for stock",
        "allocated" | "in_fulfilment" => "being prepared",
        "shipped" => "on its way",
        "delivered" if is_pickup => "collected",
        "delivered" => "delivered",
        "returning" => "on its way back",
        "returned" => "returned",
        "lost" => "lost",
        "cancelled" => "cancelled",
        _ => "being looked after",
    }
}

fn parcel(it: &Shipment) -> Parcel {
    Parcel {
        status: status_text(&it.status),
        carrier: it.carrier.clone(),
        tracking_number: it.tracking_number.clone(),
        // A carrier's address goes into a link: only one that a browser opens as a page.
        tracking_url: Some(it.tracking_url.clone()).filter(|url| url.starts_with("https://")),
        events: it.events.iter().rev().map(event).collect(),
    }
}

fn event(it: &TrackingEvent) -> Event {
    let text =
        if it.description.is_empty() { status_text(&it.status).to_owned() } else { it.description.clone() };
    Event {
        text,
        place: Some(it.place.clone()).filter(|place| !place.is_empty()),
        at: moment(&it.occurred_at),
    }
}

fn status_text(status: &str) -> &'static str {
    match status {
        "label_purchased" => "Ready for the carrier",
        "handed_over" => "With the carrier",
        "in_transit" => "On its way",
        "delayed" => "Delayed",
        "out_for_delivery" => "Arrives today",
        "attempted" => "Nobody was at home",
        "available_for_pickup" => "Waits to be collected",
        "delivered" => "Delivered",
        "returning" => "On its way back",
        "lost" => "Lost",
        _ => "Being looked after",
    }
}

fn town(address: &Address) -> String {
    [&address.city, &address.region]
        .into_iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(", ")
}

fn street(address: &Address) -> String {
    let parts = [&address.line1, &address.line2, &address.postal_code, &address.city];
    parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
}

fn amount(minor: i64, currency: &str) -> String {
    match qm_money::Currency::parse(currency) {
        Ok(known) => format!("{} {currency}", qm_money::Minor(minor).format(known)),
        Err(_) => format!("{minor} {currency}"),
    }
}

/// `2026-11-23` or a time as "23 November 2026".
fn day(text: &str) -> String {
    let date = text.get(..10).and_then(|date| date.parse::<chrono::NaiveDate>().ok());
    date.map_or_else(|| text.to_owned(), |date| date.format("%-d %B %Y").to_string())
}

/// A time as "23 November, 14:05 UTC".
fn moment(text: &str) -> String {
    let time = chrono::DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    time.map_or_else(|_| text.to_owned(), |time| time.format("%-d %B, %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use qm_proto::order::v1::{Line as ProtoLine, Piece};

    use super::*;

    fn order(status: &str, buckets: &[(&str, i64)]) -> Order {
        let pieces = buckets.iter().map(|(bucket, quantity)| Piece {
            bucket: (*bucket).to_owned(),
            quantity: *quantity,
            ..Piece::default()
        });
        Order {
            status: status.to_owned(),
            currency: "USD".to_owned(),
            total_minor: 1_250,
            placed_at: "2026-11-23T08:00:00Z".to_owned(),
            lines: vec![ProtoLine {
                title: "Mug".to_owned(),
                quantity: 3,
                pieces: pieces.collect(),
                ..ProtoLine::default()
            }],
            ..Order::default()
        }
    }

    #[test]
    fn the_headline_says_what_the_shopper_wants_to_know_first() {
        let headline =
            |status: &str, buckets: &[(&str, i64)]| tracking(&order(status, buckets), &[], None).headline;
        assert_eq!(headline("placed", &[("open", 3)]), "We have received your order");
        assert_eq!(headline("placed", &[("allocated", 3)]), "Your order is being prepared");
        assert_eq!(headline("placed", &[("backordered", 3)]), "Your order waits for stock");
        assert_eq!(
            headline("in_fulfilment", &[("shipped", 1), ("backordered", 2)]),
            "A part is on its way, a part waits for stock"
        );
        assert_eq!(headline("in_fulfilment", &[("shipped", 3)]), "Your order is on its way");
        assert_eq!(headline("completed", &[("delivered", 2), ("cancelled", 1)]), "Your order has arrived");
        assert_eq!(headline("completed", &[("lost", 3)]), "A parcel was lost; we will be in touch");
        assert_eq!(headline("cancelled", &[("cancelled", 3)]), "Your order was cancelled");
    }

    #[test]
    fn a_mixed_line_counts_its_units_by_state() {
        let page = tracking(
            &order("in_fulfilment", &[("shipped", 1), ("in_fulfilment", 1), ("allocated", 1)]),
            &[],
            None,
        );
        let texts: Vec<_> = page.lines[0].states.iter().map(|state| state.text.as_str()).collect();
        assert_eq!(texts, ["1 on its way", "1 being prepared", "1 being prepared"]);
        assert_eq!(page.total, "12.50 USD");
        assert_eq!(page.placed_on, "23 November 2026");
    }

    #[test]
    fn a_carriers_link_that_is_no_web_page_is_left_out() {
        let shipment = |url: &str| Shipment { tracking_url: url.to_owned(), ..Shipment::default() };
        let urls = [shipment("javascript:alert(1)"), shipment("https://carrier.example/1")];
        let page = tracking(&order("in_fulfilment", &[("shipped", 3)]), &urls, None);
        let shown: Vec<_> = page.parcels.iter().map(|parcel| parcel.tracking_url.as_deref()).collect();
        assert_eq!(shown, [None, Some("https://carrier.example/1")]);
    }
}
