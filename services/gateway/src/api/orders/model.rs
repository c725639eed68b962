//! Orders in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::common::{Actor, Address, FulfilmentKind};

/// An order as the sales channel gives it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// web, app, store, marketplace, call_centre or b2b.
    #[schema(example = "web")]
    #[schema(pattern = r"^(web|app|store|marketplace|call_centre|b2b)$")]
    pub channel: String,
    /// The channel's own number; unique per channel when given.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub external_id: Option<String>,
    /// ISO 4217 currency of every amount.
    #[schema(example = "USD")]
    #[schema(pattern = r"^[A-Z]{3}$")]
    pub currency: String,
    /// Who buys.
    pub customer: Customer,
    /// Where to ship; required for ship.
    #[serde(default)]
    pub ship_to: Option<Address>,
    /// ship (unless told) or pickup.
    #[serde(default)]
    pub fulfilment: Option<NewOrderKind>,
    /// Code of the location to collect from; required for pickup.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub pickup_location: Option<String>,
    /// standard unless told.
    #[serde(default)]
    #[schema(example = "standard")]
    #[schema(min_length = 1, max_length = 50)]
    pub service_level: Option<String>,
    /// Local date by which the shopper was promised delivery.
    #[serde(default)]
    #[schema(example = "2026-12-24")]
    #[schema(format = Date)]
    pub promise_by: Option<String>,
    /// 1 to 1,000 lines.
    #[schema(min_items = 1, max_items = 1000)]
    pub lines: Vec<NewLine>,
    /// Shipping charged, minor units.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub shipping_minor: Option<i64>,
    /// Fees charged on top.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub fees: Option<Vec<Fee>>,
    /// Discount on the order as a whole, minor units.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub discount_minor: Option<i64>,
    /// What the shopper pays, minor units: sum of line nets + fees + shipping + exclusive tax − discount.
    #[schema(minimum = 0)]
    pub total_minor: i64,
    /// When the shopper placed it; now unless told.
    #[serde(default)]
    #[schema(example = "2026-11-23T08:00:00Z")]
    #[schema(format = DateTime)]
    pub placed_at: Option<String>,
    /// Higher goes first when stock is short.
    #[serde(default)]
    #[schema(minimum = -1000, maximum = 1000)]
    pub priority: Option<i32>,
}

/// How the units of a new order reach the shopper.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewOrderKind {
    /// A carrier takes parcels to the shopper's address.
    Ship,
    /// The shopper collects from a location.
    Pickup,
}

/// Who buys.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// The platform's own id for the customer.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub reference: Option<String>,
    /// Full name.
    #[schema(max_length = 200)]
    pub name: String,
    /// Messages go there.
    #[schema(max_length = 254, pattern = r"^([^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+)?$")]
    pub email: String,
    /// E.164 form.
    #[serde(default)]
    #[schema(max_length = 50)]
    pub phone: Option<String>,
    /// BCP 47 language tag for messages.
    #[serde(default)]
    #[schema(max_length = 35)]
    pub locale: Option<String>,
}

/// A line as the sales channel gives it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// Stock keeping unit; must be known.
    #[schema(min_length = 1, max_length = 100)]
    pub sku: String,
    /// Title at the time of sale; the item's own unless told.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub title: Option<String>,
    /// Units, 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1000000)]
    pub quantity: i64,
    /// Price of one unit in major units: a decimal with at most six places, as a string.
    #[schema(example = "12.50")]
    #[schema(pattern = r"^[0-9]{1,12}(\.[0-9]{1,6})?$")]
    pub unit_price: String,
    /// Discount on the line, minor units.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub discount_minor: Option<i64>,
    /// Tax on the line, minor units.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub tax_minor: Option<i64>,
    /// True when the tax is already inside the price.
    #[serde(default)]
    pub tax_inclusive: Option<bool>,
}

/// A fee on the order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// What for.
    #[schema(example = "gift_wrap")]
    #[schema(min_length = 1, max_length = 50)]
    pub code: String,
    /// Minor units.
    #[schema(minimum = 0)]
    pub amount_minor: i64,
}

/// An order, whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct Order {
    /// Id.
    #[schema(example = "order_01jz8w6e9vfk4a1k7m1v0t9x2c")]
    pub id: String,
    /// Number that people use.
    pub number: i64,
    /// Grows with every change; the `ETag`.
    pub revision: i64,
    /// placed, on_hold, in_fulfilment, completed or cancelled.
    pub status: String,
    /// unfulfilled, partially_fulfilled, fulfilled or cancelled.
    pub fulfilment_status: String,
    /// Sales channel.
    pub channel: String,
    /// The channel's own number.
    pub external_id: Option<String>,
    /// ISO 4217.
    pub currency: String,
    /// Who buys.
    pub customer: Option<Customer>,
    /// Where to ship.
    pub ship_to: Option<Address>,
    /// ship or pickup.
    pub fulfilment: FulfilmentKind,
    /// Location to collect from.
    pub pickup_location_id: Option<String>,
    /// Service level.
    pub service_level: String,
    /// Local date promised at first.
    pub promise_by: Option<String>,
    /// Local date promised now.
    pub current_promise: Option<String>,
    /// The lines.
    pub lines: Vec<Line>,
    /// Shipping charged, minor units.
    pub shipping_minor: i64,
    /// Fees.
    pub fees: Vec<Fee>,
    /// Discount on the order as a whole, minor units.
    pub discount_minor: i64,
    /// What the shopper pays, minor units.
    pub total_minor: i64,
    /// Holds, open and lifted.
    pub holds: Vec<Hold>,
    /// Higher goes first when stock is short.
    pub priority: i32,
    /// When the shopper placed it.
    pub placed_at: String,
    /// When it was recorded here.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// The shopper's tracking page on this host; whoever has it can see the order.
    pub tracking_path: String,
}

/// An order line.
#[derive(Debug, Serialize, ToSchema)]
pub struct Line {
    /// Id.
    pub id: String,
    /// Position, from 1.
    pub position: i32,
    /// Item.
    pub item_id: String,
    /// Stock keeping unit.
    pub sku: String,
    /// Title at the time of sale.
    pub title: String,
    /// Units ordered.
    pub quantity: i64,
    /// Price of one unit, major units.
    pub unit_price: String,
    /// Discount, minor units.
    pub discount_minor: i64,
    /// quantity × price, rounded, less discount: minor units.
    pub net_minor: i64,
    /// Tax, minor units.
    pub tax_minor: i64,
    /// True when the tax is inside the price.
    pub tax_inclusive: bool,
    /// Where the units are: pieces that add up to the quantity.
    pub pieces: Vec<Piece>,
}

/// Consecutive units of a line that share a fate.
#[derive(Debug, Serialize, ToSchema)]
pub struct Piece {
    /// Id.
    pub id: String,
    /// First unit, counted from 0 within the line.
    pub first_unit: i64,
    /// Units.
    pub quantity: i64,
    /// open, backordered, allocated, in_fulfilment, shipped, delivered, returning, returned, lost or cancelled.
    pub bucket: String,
    /// Sourcing attempt; 0 before the first.
    pub attempt: i32,
    /// Plan.
    pub plan_id: Option<String>,
    /// Reservation.
    pub reservation_id: Option<String>,
    /// Fulfilment.
    pub fulfilment_id: Option<String>,
    /// Location that serves it.
    pub location_id: Option<String>,
    /// The line's net that belongs to these units, minor units.
    pub net_minor: i64,
}

/// Something that keeps an order from being released.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hold {
    /// Id.
    pub id: String,
    /// payment, fraud, credit, approval, address, stock, compliance, customer_request, awaiting_return, release_date,
    /// configuration or manual.
    pub kind: String,
    /// In words.
    pub reason: Option<String>,
    /// Who placed it.
    pub actor: Option<Actor>,
    /// When it was placed.
    pub placed_at: String,
    /// When it was lifted; null while it stands.
    pub released_at: Option<String>,
}

/// Orders to place together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrders {
    /// 1 to 500 orders; each is accepted or refused on its own.
    #[schema(min_items = 1, max_items = 500)]
    pub orders: Vec<NewOrder>,
}

/// What became of orders placed together.
#[derive(Debug, Serialize, ToSchema)]
pub struct Placed {
    /// One result per order, in the same sequence.
    pub results: Vec<PlacedOrder>,
}

/// What became of one order.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlacedOrder {
    /// The HTTP status that the order would have had on its own.
    pub status: u16,
    /// The order, if it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Why not, otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::http::ProblemDetails>)]
    pub problem: Option<crate::http::Problem>,
}

/// Why to cancel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// In words; kept in the timeline.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// What to hold for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Kind of hold, see `Hold`.
    #[schema(example = "manual")]
    #[schema(
        pattern = r"^(payment|fraud|credit|approval|address|stock|compliance|customer_request|awaiting_return|release_date|configuration|manual)$"
    )]
    pub kind: String,
    /// In words.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// Which hold to lift.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftHold {
    /// The hold; every open one unless told.
    #[serde(default)]
    pub hold_id: Option<String>,
}

/// Something that happened to an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// From 1, without gaps.
    pub sequence: i64,
    /// What was asked or reported.
    pub command: String,
    /// What came of it.
    pub outcome: String,
    /// Event that caused it.
    pub cause_event_id: Option<String>,
    /// Who.
    pub actor: Option<Actor>,
    /// When.
    pub at: String,
}
