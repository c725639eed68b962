//! The order stream: one JSON object a line, read and judged one at a time, so that memory does not grow with it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Dataset;
use super::amounts::{minor, settle};
use super::error::{Error, Place};
use super::model::{Address, DatasetLine, DatasetOrder, Fulfilment};
use super::people;
use super::source::Opened;
use super::streets::Spot;
use super::table::{count, degrees};

/// The most units a line may have. The rounding of an adjusted price rests on it.
pub const MAX_LINE_QUANTITY: i64 = 9_999;

/// The longest line of the file, in bytes; the published stream's longest is under 20 KiB.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// Places whose nearest streets are remembered. The published stream has 2,144 ZIP codes.
const MAX_PLACES: usize = 16_384;

/// A JSON value as its own text: numbers stay the decimals that were published.
type Raw<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct RawOrder<'a> {
    #[serde(borrow, default)]
    order_id: Raw<'a>,
    #[serde(borrow, default)]
    placed_at: Raw<'a>,
    #[serde(borrow, default)]
    channel: Raw<'a>,
    #[serde(borrow, default)]
    customer: Raw<'a>,
    #[serde(borrow, default)]
    fulfilment: Raw<'a>,
    #[serde(borrow, default)]
    service: Raw<'a>,
    #[serde(borrow, default)]
    promise_by: Raw<'a>,
    #[serde(borrow, default)]
    ship_to: Raw<'a>,
    #[serde(borrow, default)]
    pickup_node: Raw<'a>,
    #[serde(borrow, default)]
    lines: Raw<'a>,
}

#[derive(Deserialize)]
struct RawShipTo<'a> {
    #[serde(borrow, default)]
    zip: Raw<'a>,
    #[serde(borrow, default)]
    city: Raw<'a>,
    #[serde(borrow, default)]
    state: Raw<'a>,
    #[serde(borrow, default)]
    lat: Raw<'a>,
    #[serde(borrow, default)]
    lon: Raw<'a>,
}

#[derive(Deserialize)]
struct RawLine<'a> {
    #[serde(borrow, default)]
    sku: Raw<'a>,
    #[serde(borrow, default)]
    qty: Raw<'a>,
    #[serde(borrow, default)]
    unit_price: Raw<'a>,
    #[serde(borrow, default)]
    line_total: Raw<'a>,
}

/// Orders as they are read. Ends after the first error.
pub struct Orders<'a> {
    dataset: &'a Dataset,
    file: String,
    bytes: BufReader<Box<dyn Read + Send>>,
    line: u64,
    left: usize,
    last_placed_at: Option<DateTime<Utc>>,
    near: HashMap<(String, u64, u64), Vec<usize>>,
}

impl<'a> Orders<'a> {
    pub(super) fn open(dataset: &'a Dataset, opened: Opened, limit: usize) -> Result<Self, Error> {
        let Opened { file, bytes } = opened;
        let bytes = BufReader::new(bytes);
        Ok(Self { dataset, file, bytes, line: 0, left: limit, last_placed_at: None, near: HashMap::new() })
    }

    fn read(&mut self) -> Result<Option<DatasetOrder>, Error> {
        let mut text = Vec::new();
        self.line += 1;
        let read = self.bytes.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut text);
        read.map_err(|source| Error::Read { file: self.file.clone(), line: self.line, source })?;
        if text.is_empty() {
            return Ok(None);
        }
        let file = std::mem::take(&mut self.file);
        let parsed = self.parse(Place { file: &file, line: self.line }, &text);
        self.file = file;
        parsed.map(Some)
    }

    fn parse(&mut self, place: Place<'_>, text: &[u8]) -> Result<DatasetOrder, Error> {
        if text.len() as u64 >= MAX_LINE_BYTES {
            return Err(place.field("(line)", format!("must be shorter than {MAX_LINE_BYTES} bytes")));
        }
        let raw: RawOrder<'_> = serde_json::from_slice(text)
            .map_err(|error| place.field("(line)", format!("must be one JSON object: {error}")))?;

        let reference: String = value(place, "order_id", raw.order_id)?;
        let placed_at = self.placed_at(place, raw.placed_at)?;
        let customer: String = value(place, "customer", raw.customer)?;
        if !people::is_customer_id(&customer) {
            return Err(place.field("customer", "must be 1 to 64 letters, digits, hyphens or underscores"));
        }
        let (fulfilment, pickup_node) = self.fulfilment(place, &raw)?;
        let promise_by: String = value(place, "promise_by", raw.promise_by)?;
        let promise_by = NaiveDate::parse_from_str(&promise_by, "%Y-%m-%d")
            .map_err(|_| place.field("promise_by", format!("must be a date, not {promise_by:?}")))?;

        Ok(DatasetOrder {
            channel: value(place, "channel", raw.channel)?,
            email: people::email(&customer),
            name: people::name(&customer),
            service: value(place, "service", raw.service)?,
            ship_to: self.ship_to(place, raw.ship_to, &customer)?,
            lines: self.lines(place, raw.lines)?,
            reference,
            placed_at,
            customer,
            fulfilment,
            promise_by,
            pickup_node,
        })
    }

    fn placed_at(&mut self, place: Place<'_>, raw: Raw<'_>) -> Result<DateTime<Utc>, Error> {
        let text: String = value(place, "placed_at", raw)?;
        let placed_at = DateTime::parse_from_rfc3339(&text)
            .map_err(|_| place.field("placed_at", format!("must be an RFC 3339 time, not {text:?}")))?
            .to_utc();
        if self.last_placed_at.is_some_and(|last| placed_at < last) {
            return Err(place.field("placed_at", "must not be earlier than the order before it"));
        }
        self.last_placed_at = Some(placed_at);
        Ok(placed_at)
    }

    fn fulfilment(
        &self,
        place: Place<'_>,
        raw: &RawOrder<'_>,
    ) -> Result<(Fulfilment, Option<String>), Error> {
        let text: String = value(place, "fulfilment", raw.fulfilment)?;
        match text.as_str() {
            "ship" => Ok((Fulfilment::Ship, None)),
            "pickup" => {
                let code: String = value(place, "pickup_node", raw.pickup_node)?;
                match self.dataset.location(&code) {
                    Some(location) if location.can_pickup => Ok((Fulfilment::Pickup, Some(code))),
                    _ => Err(place.field("pickup_node", format!("must be a pickup location, not {code:?}"))),
                }
            }
            _ => Err(place.field("fulfilment", format!("must be ship or pickup, not {text:?}"))),
        }
    }

    fn ship_to(&mut self, place: Place<'_>, raw: Raw<'_>, customer: &str) -> Result<Address, Error> {
        let raw: RawShipTo<'_> = object(place, "ship_to", raw)?;
        let postal_code: String = value(place, "ship_to.zip", raw.zip)?;
        let region: String = value(place, "ship_to.state", raw.state)?;
        let latitude = number(place, "ship_to.lat", raw.lat, |text| degrees(text, 90.0))?;
        let longitude = number(place, "ship_to.lon", raw.lon, |text| degrees(text, 180.0))?;
        let spot = Spot { region: &region, postal_code: &postal_code, latitude, longitude };

        let streets = &self.dataset.streets;
        if self.near.len() >= MAX_PLACES {
            self.near.clear();
        }
        let key = (region.clone(), latitude.to_bits(), longitude.to_bits());
        let near = self.near.entry(key).or_insert_with(|| streets.near(spot));
        let line1 = streets.line1(near, customer, spot);
        let city = value(place, "ship_to.city", raw.city)?;
        Ok(Address { line1, city, region, postal_code, country: "US", latitude, longitude })
    }

    fn lines(&self, place: Place<'_>, raw: Raw<'_>) -> Result<Vec<DatasetLine>, Error> {
        let raw: Vec<RawLine<'_>> = object(place, "lines", raw)?;
        if raw.is_empty() {
            return Err(place.field("lines", "must have at least one line"));
        }
        raw.iter().enumerate().map(|(index, line)| self.order_line(place, index, line)).collect()
    }

    fn order_line(&self, place: Place<'_>, index: usize, raw: &RawLine<'_>) -> Result<DatasetLine, Error> {
        let at = |field: &str| format!("lines[{index}].{field}");
        let sku: String = value(place, &at("sku"), raw.sku)?;
        let Some(item) = self.dataset.item(&sku) else {
            return Err(place.field(at("sku"), format!("must be an item of the catalogue, not {sku:?}")));
        };
        let quantity = number(place, &at("qty"), raw.qty, |text| match count(text) {
            Ok(quantity @ 1..=MAX_LINE_QUANTITY) => Ok(quantity),
            _ => Err(format!("must be a whole number from 1 to {MAX_LINE_QUANTITY}, not {text:?}")),
        })?;
        let line_total_minor = number(place, &at("line_total"), raw.line_total, minor)?;
        let settled = number(place, &at("unit_price"), raw.unit_price, |text| {
            settle(text, quantity, line_total_minor)
        })?;
        Ok(DatasetLine {
            sku,
            title: item.name.clone(),
            quantity,
            unit_price: settled.unit_price,
            discount_minor: settled.discount_minor,
            line_total_minor,
            price_adjusted: settled.price_adjusted,
        })
    }
}

impl Iterator for Orders<'_> {
    type Item = Result<DatasetOrder, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let read = self.read().transpose();
        self.left = if matches!(read, Some(Ok(_))) { self.left - 1 } else { 0 };
        read
    }
}

fn present<'a>(place: Place<'_>, field: &str, raw: Raw<'a>) -> Result<&'a RawValue, Error> {
    raw.ok_or_else(|| place.field(field, "must be there"))
}

/// A JSON string that is not empty.
fn value(place: Place<'_>, field: &str, raw: Raw<'_>) -> Result<String, Error> {
    match serde_json::from_str::<String>(present(place, field, raw)?.get()) {
        Ok(text) if !text.is_empty() => Ok(text),
        _ => Err(place.field(field, "must be a text that is not empty")),
    }
}

/// A JSON number, parsed from the text that was published.
fn number<T>(
    place: Place<'_>,
    field: &str,
    raw: Raw<'_>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Error> {
    parse(present(place, field, raw)?.get()).map_err(|problem| place.field(field, problem))
}

/// A JSON object or array of raw parts.
fn object<'a, T: Deserialize<'a>>(place: Place<'_>, field: &str, raw: Raw<'a>) -> Result<T, Error> {
    serde_json::from_str(present(place, field, raw)?.get())
        .map_err(|error| place.field(field, format!("has the wrong shape: {error}")))
}
