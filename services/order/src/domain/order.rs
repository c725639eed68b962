//! What an order is.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{FulfilmentId, HoldId, ItemId, LineId, LocationId, OrderId, TenantId};
use qm_money::{Currency, Minor, UnitPrice};

use super::{
    event::SourcingReason,
    hold::HoldKind,
    piece::{Bucket, Piece, UnitRange},
    work::{Fulfilment, UnitsByLine},
};

/// An order with all its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Whose it is.
    pub tenant: TenantId,
    /// Names it.
    pub id: OrderId,
    /// Number that people use, unique per tenant.
    pub number: i64,
    /// Grows with every change.
    pub revision: i64,
    /// Sales channel.
    pub channel: String,
    /// The channel's own number; may be empty.
    pub external_id: String,
    /// Of every amount.
    pub currency: Currency,
    /// Who buys.
    pub customer: Customer,
    /// Where to ship; none for a pickup.
    pub ship_to: Option<Address>,
    /// How the goods reach the shopper.
    pub kind: Kind,
    /// For example `standard`.
    pub service_level: String,
    /// Local date promised at first.
    pub promise_by: Option<NaiveDate>,
    /// Local date promised by the plans that stand.
    pub current_promise: Option<NaiveDate>,
    /// Higher goes first when stock is short.
    pub priority: i32,
    /// At least one.
    pub lines: Vec<Line>,
    /// Shipping charged.
    pub shipping: Minor,
    /// Fees charged.
    pub fees: Vec<Fee>,
    /// Discount on the order as a whole.
    pub discount: Minor,
    /// What the shopper pays.
    pub total: Minor,
    /// Open and lifted.
    pub holds: Vec<Hold>,
    /// Every attempt to find a source, oldest first.
    pub attempts: Vec<Attempt>,
    /// Every piece of work that a plan gave to a location.
    pub fulfilments: Vec<Fulfilment>,
    /// True once it was told that every unit is backed.
    pub told_allocated: bool,
    /// True once it was told that it ended.
    pub told_end: bool,
    /// When the shopper placed it.
    pub placed_at: DateTime<Utc>,
    /// When it was recorded here.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Entries of its timeline so far.
    pub timeline_length: i64,
}

/// Who buys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Customer {
    /// The platform's own id; may be empty.
    pub reference: String,
    /// Full name.
    pub name: String,
    /// Email address; may be empty.
    pub email: String,
    /// Phone number; may be empty.
    pub phone: String,
    /// Language tag; may be empty.
    pub locale: String,
}

/// Where to ship.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Address {
    pub name: String,
    pub line1: String,
    pub line2: String,
    pub city: String,
    pub region: String,
    pub postal_code: String,
    pub country: String,
    pub phone: String,
    /// Degrees north and east, when the channel knows them.
    pub point: Option<(f64, f64)>,
}

/// How the goods reach the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By carrier.
    Ship,
    /// Collected at a location.
    Pickup(LocationId),
}

/// A fee on the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fee {
    /// What for.
    pub code: String,
    /// >= 0.
    pub amount: Minor,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Names it.
    pub id: LineId,
    /// Position, from 1.
    pub position: i32,
    /// What was sold.
    pub item: ItemId,
    /// Stock keeping unit at the time of sale.
    pub sku: String,
    /// Title at the time of sale.
    pub title: String,
    /// Units ordered.
    pub quantity: i64,
    /// Price of one unit.
    pub unit_price: UnitPrice,
    /// Discount on the line.
    pub discount: Minor,
    /// Quantity × price, rounded, less the discount.
    pub net: Minor,
    /// Tax on the line.
    pub tax: Minor,
    /// True when the tax is inside the price.
    pub tax_inclusive: bool,
    /// They tile `0..quantity`.
    pub pieces: Vec<Piece>,
}

/// Something that keeps an order from being released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Names it.
    pub id: HoldId,
    /// What kind.
    pub kind: HoldKind,
    /// In words.
    pub reason: String,
    /// Who placed it: kind and id.
    pub actor: (String, String),
    /// When.
    pub placed_at: DateTime<Utc>,
    /// When it was lifted; none while it stands.
    pub released_at: Option<DateTime<Utc>>,
}

/// One try to find a source for units. The units are the pieces in [`Bucket::Open`] that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1 within the order.
    pub number: i32,
    /// Why units needed a source.
    pub reason: SourcingReason,
    /// Rejections in a row that led here.
    pub rejections: i32,
    /// Where not to look.
    pub exclusions: Vec<Exclusion>,
    /// It saw all stock whose arrival was handled until then; later arrivals may have escaped it.
    pub sees_until: DateTime<Utc>,
    /// True once it was told what no location can fill: told again, it means the same units.
    pub told_unfillable: bool,
    /// Units whose claim was broken before the reservation was told of.
    pub broken: Vec<(LocationId, LineUnits)>,
    /// How it stands.
    pub state: AttemptState,
}

/// How an attempt, or a question about a fulfilment, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// Asked `asks` times; asked again at `due_at` if units still wait.
    Pending {
        /// Times asked.
        asks: i32,
        /// When to ask again.
        due_at: DateTime<Utc>,
    },
    /// No unit waits for it any more.
    Closed,
}

/// A source that failed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exclusion {
    /// Where not to look.
    pub location: LocationId,
    /// For this item; none for all.
    pub item: Option<ItemId>,
}

/// Units of a line, by number only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineUnits {
    /// The line.
    pub line: LineId,
    /// Its item.
    pub item: ItemId,
    /// How many, > 0.
    pub quantity: i64,
}

impl Order {
    /// The line with this id.
    pub fn line(&self, id: LineId) -> Option<&Line> {
        self.lines.iter().find(|line| line.id == id)
    }

    /// The fulfilment with this id.
    pub fn fulfilment(&self, id: FulfilmentId) -> Option<&Fulfilment> {
        self.fulfilments.iter().find(|fulfilment| fulfilment.id == id)
    }

    /// The attempt with this number.
    pub fn attempt(&self, number: i32) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.number == number)
    }

    /// Units in a bucket.
    pub fn count(&self, bucket: Bucket) -> i64 {
        self.pieces().filter(|(_, piece)| piece.bucket == bucket).map(|(_, piece)| piece.quantity).sum()
    }

    /// Every piece with its line.
    pub fn pieces(&self) -> impl Iterator<Item = (&Line, &Piece)> {
        self.lines.iter().flat_map(|line| line.pieces.iter().map(move |piece| (line, piece)))
    }

    /// True while a hold stands.
    pub fn is_held(&self) -> bool {
        self.holds.iter().any(|hold| hold.released_at.is_none())
    }

    /// The units whose pieces satisfy `wanted`.
    pub(super) fn ranges(&self, wanted: impl Fn(&Line, &Piece) -> bool) -> Vec<UnitRange> {
        self.pieces()
            .filter(|(line, piece)| wanted(line, piece))
            .map(|(line, piece)| UnitRange { line: line.id, units: piece.units() })
            .collect()
    }

    /// Up to `quantity` units of a line whose pieces satisfy `wanted`, lowest first.
    pub(super) fn pick(
        &self,
        line: LineId,
        quantity: i64,
        wanted: impl Fn(&Piece) -> bool,
    ) -> Vec<UnitRange> {
        let mut left = quantity;
        let mut picked = Vec::new();
        let pieces = self.line(line).map(|line| line.pieces.as_slice()).unwrap_or_default();
        for piece in pieces.iter().filter(|piece| wanted(piece)) {
            let take = piece.quantity.min(left);
            if take > 0 {
                picked.push(UnitRange { line, units: piece.first_unit..piece.first_unit + take });
                left -= take;
            }
        }
        picked
    }

    /// Ranges summed by line, in the order of lines.
    pub fn units_of(&self, ranges: &[UnitRange]) -> Vec<LineUnits> {
        self.lines
            .iter()
            .filter_map(|line| {
                let quantity =
                    ranges.iter().filter(|range| range.line == line.id).map(UnitRange::quantity).sum();
                (quantity > 0).then_some(LineUnits { line: line.id, item: line.item, quantity })
            })
            .collect()
    }
}

/// Quantities by line, in the order of lines' ids: a message may name a line twice, once for each parcel.
pub(super) fn sum_by_line(units: &[LineUnits]) -> UnitsByLine {
    let mut sums: BTreeMap<LineId, i64> = BTreeMap::new();
    for unit in units {
        let sum = sums.entry(unit.line).or_default();
        *sum = sum.saturating_add(unit.quantity);
    }
    sums.into_iter().collect()
}
