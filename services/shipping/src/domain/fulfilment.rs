//! A fulfilment: the work of one location for one order, with its parcels and shipments.

use chrono::{DateTime, Utc};
use qm_ids::{
    FulfilmentId, ItemId, LineId, LocationId, OrderId, ParcelId, PlanId, ReservationId, ShipmentId, TenantId,
};

use super::{
    event::RejectReason,
    shipment::{Shipment, ShipmentStatus},
    units::LineUnits,
};

/// How the units reach the shopper, and with it where the point of no return lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A carrier takes parcels to the shopper. No return once a label is bought.
    Ship,
    /// The shopper collects. No return once the goods are handed over.
    Pickup,
    /// A supplier ships on our behalf. No return once the supplier has accepted.
    DropShip,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Ship, Self::Pickup, Self::DropShip];

    /// The kind in the project's vocabulary.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ship => "ship",
            Self::Pickup => "pickup",
            Self::DropShip => "drop_ship",
        }
    }
}

/// How far the labels of packed parcels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// Nobody asked for them.
    NotBought,
    /// The carrier is being asked; some may be there already.
    Buying,
    /// Every parcel has one.
    Bought,
}

impl Labels {
    /// Every stage.
    pub const ALL: [Self; 3] = [Self::NotBought, Self::Buying, Self::Bought];

    /// The stage as the store writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotBought => "not_bought",
            Self::Buying => "buying",
            Self::Bought => "bought",
        }
    }
}

/// Where a fulfilment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The work is on the location's list.
    Requested,
    /// The location took it.
    Accepted,
    /// Units are being picked; inventory no longer breaks their claims.
    Picking,
    /// All units left are in parcels for a carrier.
    Packed {
        /// How far their labels are.
        labels: Labels,
    },
    /// All units left wait at the counter.
    ReadyForPickup,
    /// The carrier has the goods.
    Dispatched {
        /// When the units left.
        issued_at: DateTime<Utc>,
    },
    /// Every unit is delivered, collected or rejected.
    Completed {
        /// When the units left.
        issued_at: DateTime<Utc>,
    },
    /// Nothing more is to come, and some units were lost or go back.
    Incomplete {
        /// When the units left.
        issued_at: DateTime<Utc>,
    },
    /// The location rejected all that was left.
    Rejected {
        /// Why the last of them were rejected.
        reason: RejectReason,
    },
    /// The work was recalled in time.
    Cancelled,
}

impl State {
    /// The status in the project's vocabulary.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Accepted => "accepted",
            Self::Picking => "picking",
            Self::Packed { .. } => "packed",
            Self::ReadyForPickup => "ready_for_pickup",
            Self::Dispatched { .. } => "dispatched",
            Self::Completed { .. } => "completed",
            Self::Incomplete { .. } => "incomplete",
            Self::Rejected { .. } => "rejected",
            Self::Cancelled => "cancelled",
        }
    }

    /// Every status.
    pub const WORDS: [&'static str; 10] = [
        "requested",
        "accepted",
        "picking",
        "packed",
        "ready_for_pickup",
        "dispatched",
        "completed",
        "incomplete",
        "rejected",
        "cancelled",
    ];

    /// When the units left; none while they are here.
    pub const fn issued_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Dispatched { issued_at }
            | Self::Completed { issued_at }
            | Self::Incomplete { issued_at } => Some(*issued_at),
            Self::Requested
            | Self::Accepted
            | Self::Picking
            | Self::Packed { .. }
            | Self::ReadyForPickup
            | Self::Rejected { .. }
            | Self::Cancelled => None,
        }
    }
}

/// A line of a fulfilment. What became of its units adds up to what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Order line.
    pub line: LineId,
    /// Item.
    pub item: ItemId,
    /// Units asked for, > 0.
    pub quantity: i64,
    /// Units that the location rejected.
    pub rejected: i64,
    /// Units recalled in time.
    pub cancelled: i64,
    /// Units that left.
    pub issued: i64,
}

impl Line {
    /// Units that are still to be fulfilled here.
    pub const fn left(&self) -> i64 {
        self.quantity - self.rejected - self.cancelled - self.issued
    }
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Derived from the fulfilment and its version when packed.
    pub id: ParcelId,
    /// What is inside.
    pub units: Vec<LineUnits>,
    /// Weight with packaging, grams.
    pub weight_grams: i64,
}

/// The work of one location for one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fulfilment {
    /// Whose it is.
    pub tenant: TenantId,
    /// Named by order.
    pub id: FulfilmentId,
    /// The order.
    pub order: OrderId,
    /// Number that people use for the order.
    pub order_number: i64,
    /// The plan that gave the work to the location.
    pub plan: PlanId,
    /// The claim on stock behind it.
    pub reservation: ReservationId,
    /// Who does it.
    pub location: LocationId,
    /// How the units reach the shopper.
    pub kind: Kind,
    /// Group within the plan.
    pub group: String,
    /// Service level.
    pub service_level: String,
    /// Local date by which it should leave.
    pub ship_by: String,
    /// Local date promised; may be empty.
    pub promise_by: String,
    /// The lines, by line and item.
    pub lines: Vec<Line>,
    /// Where it stands.
    pub state: State,
    /// Grows with every change.
    pub version: i64,
    /// Boxes packed.
    pub parcels: Vec<Parcel>,
    /// What is or was to travel, in the order of their labels.
    pub shipments: Vec<Shipment>,
    /// When the work was asked for.
    pub requested_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

impl Fulfilment {
    /// Units that are still to be fulfilled here.
    pub fn left(&self) -> Vec<LineUnits> {
        self.units(Line::left)
    }

    /// Units that left.
    pub fn issued(&self) -> Vec<LineUnits> {
        self.units(|line| line.issued)
    }

    /// Units that the location rejected.
    pub fn rejected(&self) -> Vec<LineUnits> {
        self.units(|line| line.rejected)
    }

    /// Units recalled in time.
    pub fn cancelled(&self) -> Vec<LineUnits> {
        self.units(|line| line.cancelled)
    }

    fn units(&self, quantity: impl Fn(&Line) -> i64) -> Vec<LineUnits> {
        self.lines
            .iter()
            .map(|line| LineUnits { line: line.line, item: line.item, quantity: quantity(line) })
            .filter(|units| units.quantity > 0)
            .collect()
    }

    /// Units of a line and item that the shopper has. None before the units left the books: a parcel may be at the door
    /// while a sister parcel still waits for its label.
    pub fn delivered(&self, line: LineId, item: ItemId) -> i64 {
        if self.state.issued_at().is_none() {
            return 0;
        }
        if self.kind == Kind::Pickup {
            return self
                .lines
                .iter()
                .filter(|it| it.line == line && it.item == item)
                .map(|line| line.issued)
                .sum();
        }
        self.shipments
            .iter()
            .filter(|shipment| shipment.status() == ShipmentStatus::Delivered)
            .flat_map(|shipment| self.contents(shipment))
            .filter(|units| units.line == line && units.item == item)
            .map(|units| units.quantity)
            .sum()
    }

    /// What is inside a shipment.
    pub fn contents(&self, shipment: &Shipment) -> &[LineUnits] {
        self.parcels.iter().find(|parcel| parcel.id == shipment.parcel).map_or(&[], |parcel| &parcel.units)
    }

    /// The shipment with this id.
    pub fn shipment(&self, id: ShipmentId) -> Option<&Shipment> {
        self.shipments.iter().find(|shipment| shipment.id == id)
    }

    /// The shipment of a parcel.
    pub fn shipment_of(&self, parcel: ParcelId) -> Option<&Shipment> {
        self.shipments.iter().find(|shipment| shipment.parcel == parcel)
    }

    /// Shipments whose labels are not voided.
    pub fn live_shipments(&self) -> impl Iterator<Item = &Shipment> {
        self.shipments.iter().filter(|shipment| !shipment.is_voided)
    }

    /// True when what became of the units adds up, with nothing left once the work is over and nothing gone before.
    pub fn units_add_up(&self) -> bool {
        let is_over = match self.state {
            State::Requested
            | State::Accepted
            | State::Picking
            | State::Packed { .. }
            | State::ReadyForPickup => false,
            State::Dispatched { .. }
            | State::Completed { .. }
            | State::Incomplete { .. }
            | State::Rejected { .. }
            | State::Cancelled => true,
        };
        let total = |quantity: fn(&Line) -> i64| self.lines.iter().map(quantity).sum::<i64>();
        self.lines.iter().all(|line| {
            line.quantity > 0
                && [line.rejected, line.cancelled, line.issued, line.left()].iter().all(|part| *part >= 0)
                && self.delivered(line.line, line.item) <= line.issued
        }) && (total(Line::left) == 0) == is_over
            && (total(|line| line.issued) > 0) == self.state.issued_at().is_some()
            && (total(|line| line.cancelled) > 0) == (self.state == State::Cancelled)
    }
}
