//! The values of a dataset, as plain data. Amounts are cents of US dollars; no float holds money.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// One order of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetOrder {
    /// The order's id in the stream, unique: `CJ-34032703318`.
    pub reference: String,
    /// When the shopper ordered. Never earlier than the order before it.
    pub placed_at: DateTime<Utc>,
    /// `web`, `app`, `marketplace`, `store` or `call_centre`.
    pub channel: String,
    /// The household: `H0214`. It orders again and again.
    pub customer: String,
    /// Invented from `customer`, at `example.com`, which reaches nobody.
    pub email: String,
    /// Invented from `customer`: nobody's.
    pub name: String,
    /// How the goods reach the shopper.
    pub fulfilment: Fulfilment,
    /// `standard`, `two_day`, `next_day` or `pickup`.
    pub service: String,
    /// The date promised, local to the destination.
    pub promise_by: NaiveDate,
    /// Where a shipped order goes; for a pickup, where the shopper lives.
    pub ship_to: Address,
    /// The location that a pickup order is collected from; `None` for a shipped one.
    pub pickup_node: Option<String>,
    /// At least one.
    pub lines: Vec<DatasetLine>,
}

/// One line. `quantity × unit_price`, rounded to the cent (half away from zero), less `discount_minor`, is exactly
/// `line_total_minor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetLine {
    /// An item of the catalogue.
    pub sku: String,
    /// The item's name when the order was read.
    pub title: String,
    /// Between 1 and [`super::MAX_LINE_QUANTITY`].
    pub quantity: i64,
    /// Dollars as decimal text, as published, unless `price_adjusted`.
    pub unit_price: String,
    /// Cents off the line, at least 0.
    pub discount_minor: i64,
    /// Cents that the shop took: the figure that the others must agree with.
    pub line_total_minor: i64,
    /// The published price would have made the discount negative, and was raised to the total over the quantity, to
    /// six places. No line of the published stream needs it.
    pub price_adjusted: bool,
}

/// How the goods reach the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fulfilment {
    /// A parcel to `ship_to`.
    Ship,
    /// Collected from `pickup_node`.
    Pickup,
}

/// A place in the United States.
#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    /// A real street line from the region where the address file has one; it does not belong to the postal code.
    pub line1: String,
    /// City of the postal code.
    pub city: String,
    /// Two-letter state.
    pub region: String,
    /// Five-digit ZIP code, as text: it may start with 0.
    pub postal_code: String,
    /// Always `US`.
    pub country: &'static str,
    /// Degrees north, of the ZIP code's centre.
    pub latitude: f64,
    /// Degrees east, of the ZIP code's centre.
    pub longitude: f64,
}

/// One item of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueItem {
    /// Unique.
    pub sku: String,
    /// Brand class, type and size.
    pub name: String,
    /// What it must be kept in.
    pub storage: Storage,
    /// What limits its sale or carriage, if anything does.
    pub restricted: Option<Restriction>,
    /// With its packaging.
    pub weight_grams: i64,
    /// Longest side, packed.
    pub length_mm: i64,
    /// Middle side, packed.
    pub width_mm: i64,
    /// Shortest side, packed.
    pub height_mm: i64,
    /// The assortment of the supplier that ships it direct (a location's `assortment`), if one does.
    pub dropship: Option<String>,
}

/// The temperature an item needs and a location offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Shelf.
    Ambient,
    /// Refrigerated.
    Chilled,
    /// Deep-frozen.
    Frozen,
}

/// What limits an item's sale or carriage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Restriction {
    /// Age and place of sale.
    Alcohol,
    /// Age and place of sale.
    Tobacco,
    /// Carriage by air.
    Hazmat,
}

/// A place that holds stock.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Unique: `DC01`, `S289`, `V1`.
    pub code: String,
    /// What kind of place it is.
    pub kind: LocationKind,
    /// Where it stands.
    pub address: Address,
    /// IANA zone, from the published standard offset and the state.
    pub timezone: &'static str,
    /// What it can keep; at least one.
    pub storage: Vec<Storage>,
    /// Sends parcels.
    pub can_ship: bool,
    /// Hands orders over its counter.
    pub can_pickup: bool,
    /// Shipments it manages in a day. Suppliers have 9999, which stands for no practical limit.
    pub capacity_orders_day: i64,
    /// Cents of labour for each shipment.
    pub handling_order_minor: i64,
    /// Cents of labour for each unit.
    pub handling_unit_minor: i64,
    /// Work that comes later leaves the next day.
    pub cutoff_local: NaiveTime,
    /// Days before it ships; suppliers need some.
    pub lead_days: i64,
    /// Units of each item that it keeps back from orders.
    pub safety_units: i64,
    /// `all`, `own` (what its stock rows say), or a supplier's range.
    pub assortment: String,
}

/// What kind of place a location is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LocationKind {
    /// Published as `dc`.
    DistributionCentre,
    /// Published as `store`.
    Store,
    /// Published as `supplier`; it drop-ships.
    Supplier,
}

/// Opening stock of one item at one location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockRow {
    /// A location of the dataset.
    pub location_code: String,
    /// An item of the catalogue.
    pub sku: String,
    /// Units, at least 0.
    pub on_hand: i64,
}

/// What a parcel costs on one service to one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffRow {
    /// `standard`, `two_day` or `next_day`.
    pub service: String,
    /// 2 to 8 by distance; 9 is Alaska and Hawaii.
    pub zone: i64,
    /// Great-circle miles the zone reaches to; `None` for a zone that is not a matter of distance.
    pub max_miles: Option<i64>,
    /// Cents for the parcel.
    pub base_minor: i64,
    /// Millionths of a dollar for each pound.
    pub per_lb_micros: i64,
    /// Days on the way.
    pub transit_days: i64,
}

/// A carton to pack into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carton {
    /// Unique: `BOX-A`.
    pub code: String,
    /// Inside.
    pub length_mm: i64,
    /// Inside.
    pub width_mm: i64,
    /// Inside.
    pub height_mm: i64,
    /// What it carries at most.
    pub max_weight_grams: i64,
    /// Cents.
    pub cost_minor: i64,
}
