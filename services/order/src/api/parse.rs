//! Proto to domain. Everything that a caller may get wrong is refused here, naming its field.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use qm_clock::truncate_to_micros;
use qm_ids::{LocationId, ParseIdError};
use qm_money::{Currency, Minor, UnitPrice};
use qm_proto::{
    order::v1 as proto,
    types::v1::{self as types, FulfilmentKind},
};
use qm_refusal::Refusal;

use super::cursor;
use crate::{
    domain::{Address, Customer, Fee, Kind, NewLine, NewOrder},
    store::Filter,
};

const CHANNELS: &[&str] = &["web", "app", "store", "marketplace", "call_centre", "b2b"];
const MAX_TEXT: usize = 200;
const MAX_EMAIL: usize = 254;
const MAX_FEES: usize = 50;
const OUT_OF_RANGE: &str = "must be in a year from 1 to 9999";
const MAX_PRIORITY: i32 = 1_000;

pub(super) fn id<T: std::str::FromStr<Err = ParseIdError>>(field: &str, text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|error: ParseIdError| Refusal::invalid(field, "malformed_id", error.to_string()))
}

/// Refuses text that is too long or holds control characters.
pub(super) fn text(field: &str, text: &str, max: usize) -> Result<String, Refusal> {
    if text.chars().count() > max {
        return Err(Refusal::invalid(field, "too_long", format!("must be at most {max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::invalid(field, "malformed_text", "must not hold control characters"));
    }
    Ok(text.trim().to_owned())
}

fn required(field: &str, value: &str, max: usize) -> Result<String, Refusal> {
    let value = text(field, value, max)?;
    if value.is_empty() { Err(Refusal::invalid(field, "required", "must not be empty")) } else { Ok(value) }
}

/// Kind and id of who asks; both are empty when nobody is named.
pub(super) fn actor(actor: Option<&types::Actor>) -> Result<(String, String), Refusal> {
    let within = |refusal: Refusal| refusal.within("actor");
    let Some(actor) = actor else { return Ok(<_>::default()) };
    Ok((text("kind", &actor.kind, 50).map_err(within)?, text("id", &actor.id, MAX_TEXT).map_err(within)?))
}

/// A sku as it is looked up; refuses what no item can have.
pub(super) fn sku(sku: &str) -> Result<String, Refusal> {
    required("sku", sku, 100)
}

/// An email address as shoppers' are kept, for a search.
pub(super) fn email(email: &str) -> Result<String, Refusal> {
    Ok(required("email", email, MAX_EMAIL)?.to_lowercase())
}

fn time(field: &str, text: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = DateTime::parse_from_rfc3339(text).map_err(|error| {
        Refusal::invalid(field, "malformed_time", format!("must be like 2026-11-22T10:00:00Z: {error}"))
    })?;
    let parsed = truncate_to_micros(parsed.to_utc());
    if !is_plausible(parsed.year()) {
        return Err(Refusal::invalid(field, "out_of_range", OUT_OF_RANGE));
    }
    Ok(Some(parsed))
}

fn date(field: &str, text: &str) -> Result<Option<NaiveDate>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let date: NaiveDate = text.parse().map_err(|error| {
        Refusal::invalid(field, "malformed_date", format!("must be like 2026-11-22: {error}"))
    })?;
    if !is_plausible(date.year()) {
        return Err(Refusal::invalid(field, "out_of_range", OUT_OF_RANGE));
    }
    Ok(Some(date))
}

/// True for years that every database holds and sorts.
pub(super) fn is_plausible(year: i32) -> bool {
    (1..=9_999).contains(&year)
}

pub(super) fn filter(request: &proto::ListOrdersRequest) -> Result<(u64, Filter), Refusal> {
    let (limit, after) = cursor::read(request.page.as_ref())?;
    let given = |field, value: &str| {
        Ok::<_, Refusal>(Some(text(field, value, MAX_EMAIL)?).filter(|it| !it.is_empty()))
    };
    Ok((
        limit,
        Filter {
            status: given("status", &request.status)?,
            channel: given("channel", &request.channel)?,
            external_id: given("external_id", &request.external_id)?,
            email: given("email", &request.email)?.map(|email| email.to_lowercase()),
            number: Some(request.number).filter(|number| *number != 0),
            placed_from: time("placed_from", &request.placed_from)?,
            placed_until: time("placed_until", &request.placed_until)?,
            after,
        },
    ))
}

/// The code of the location that a pickup order names, if it is one and a location can have such a code.
pub(super) fn pickup_code(order: &proto::NewOrder) -> Option<String> {
    let is_pickup = order.fulfilment_kind() == FulfilmentKind::Pickup;
    is_pickup.then(|| required("pickup_location", &order.pickup_location_code, 100).ok()).flatten()
}

/// An order as a channel gives it. `pickup` is the location of its code, if it is known and shoppers may collect there.
pub(super) fn new_order(
    order: &proto::NewOrder,
    pickup: Option<LocationId>,
    now: DateTime<Utc>,
) -> Result<NewOrder, Refusal> {
    if !CHANNELS.contains(&order.channel.as_str()) {
        let message = format!("must be one of {}", CHANNELS.join(", "));
        return Err(Refusal::invalid("channel", "unknown_channel", message));
    }
    let currency = Currency::parse(&order.currency)
        .map_err(|error| Refusal::invalid("currency", "unknown_currency", error.to_string()))?;
    if !(-MAX_PRIORITY..=MAX_PRIORITY).contains(&order.priority) {
        let message = format!("must be -{MAX_PRIORITY} to {MAX_PRIORITY}");
        return Err(Refusal::invalid("priority", "out_of_range", message));
    }
    let (kind, ship_to) = match order.fulfilment_kind() {
        FulfilmentKind::Ship => (Kind::Ship, Some(ship_to(order.ship_to.as_ref())?)),
        FulfilmentKind::Pickup => {
            let code = required("pickup_location", &order.pickup_location_code, 100)?;
            let unknown = || {
                let message = format!("no location {code:?} hands orders over");
                Refusal::invalid("pickup_location", "unknown_location", message)
            };
            (Kind::Pickup(pickup.ok_or_else(unknown)?), None)
        }
        _ => return Err(Refusal::invalid("fulfilment", "unsupported", "must be ship or pickup")),
    };
    if order.fees.len() > MAX_FEES {
        return Err(Refusal::invalid("fees", "too_many", format!("must be at most {MAX_FEES}")));
    }
    Ok(NewOrder {
        channel: order.channel.clone(),
        external_id: text("external_id", &order.external_id, MAX_TEXT)?,
        currency,
        customer: customer(order.customer.as_ref())?,
        ship_to,
        kind,
        service_level: required("service_level", &order.service_level, 50)?,
        promise_by: date("promise_by", &order.promise_by)?,
        priority: order.priority,
        lines: order
            .lines
            .iter()
            .enumerate()
            .map(|(index, it)| line(it).map_err(|refusal| refusal.within(&format!("lines[{index}]"))))
            .collect::<Result<_, _>>()?,
        shipping: Minor(order.shipping_minor),
        fees: order
            .fees
            .iter()
            .enumerate()
            .map(|(index, fee)| {
                let code =
                    required("code", &fee.code, 50).map_err(|it| it.within(&format!("fees[{index}]")))?;
                Ok(Fee { code, amount: Minor(fee.amount_minor) })
            })
            .collect::<Result<_, Refusal>>()?,
        discount: Minor(order.discount_minor),
        total: Minor(order.total_minor),
        placed_at: time("placed_at", &order.placed_at)?.unwrap_or(now),
    })
}

fn line(line: &proto::NewLine) -> Result<NewLine, Refusal> {
    let unit_price = UnitPrice::parse(&line.unit_price)
        .map_err(|error| Refusal::invalid("unit_price", "malformed_price", error.to_string()))?;
    Ok(NewLine {
        sku: sku(&line.sku)?,
        title: text("title", &line.title, 500)?,
        quantity: line.quantity,
        unit_price,
        discount: Minor(line.discount_minor),
        tax: Minor(line.tax_minor),
        tax_inclusive: line.tax_inclusive,
    })
}

fn customer(customer: Option<&proto::Customer>) -> Result<Customer, Refusal> {
    let within = |refusal: Refusal| refusal.within("customer");
    let Some(customer) = customer else { return Ok(Customer::default()) };
    let email = text("email", &customer.email, MAX_EMAIL).map_err(within)?.to_lowercase();
    let is_address = email.split_once('@').is_some_and(|(user, domain)| {
        !user.is_empty()
            && !domain.is_empty()
            && !email.contains(char::is_whitespace)
            && !domain.contains('@')
    });
    if !email.is_empty() && !is_address {
        return Err(within(Refusal::invalid("email", "malformed_email", "must be like someone@example.com")));
    }
    Ok(Customer {
        reference: text("reference", &customer.reference, MAX_TEXT).map_err(within)?,
        name: text("name", &customer.name, MAX_TEXT).map_err(within)?,
        email,
        phone: text("phone", &customer.phone, 50).map_err(within)?,
        locale: text("locale", &customer.locale, 35).map_err(within)?,
    })
}

fn ship_to(address: Option<&types::Address>) -> Result<Address, Refusal> {
    let address = address
        .ok_or_else(|| Refusal::invalid("ship_to", "required", "an order that ships needs an address"))?;
    parse_address(address).map_err(|refusal| refusal.within("ship_to"))
}

fn parse_address(address: &types::Address) -> Result<Address, Refusal> {
    let country = required("country", &address.country, 2)?;
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(Refusal::invalid(
            "country",
            "malformed_country",
            "must be a code of two capitals such as US",
        ));
    }
    let point = address.point.as_ref().map(|point| (point.latitude, point.longitude));
    if let Some((latitude, longitude)) = point {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(Refusal::invalid("latitude", "out_of_range", "must be -90 to 90"));
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(Refusal::invalid("longitude", "out_of_range", "must be -180 to 180"));
        }
    }
    Ok(Address {
        name: text("name", &address.name, MAX_TEXT)?,
        line1: required("line1", &address.line1, MAX_TEXT)?,
        line2: text("line2", &address.line2, MAX_TEXT)?,
        city: required("city", &address.city, MAX_TEXT)?,
        region: text("region", &address.region, MAX_TEXT)?,
        postal_code: text("postal_code", &address.postal_code, 20)?,
        country,
        phone: text("phone", &address.phone, 50)?,
        point,
    })
}
