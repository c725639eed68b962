//! What can happen to a fulfilment, and how the fulfilment is then.

use chrono::{DateTime, Utc};
use qm_ids::{ParcelId, ShipmentId, derive};

use super::{
    fulfilment::{Fulfilment, Kind, Labels, Parcel, State},
    shipment::{Shipment, ShipmentStatus, TrackingEvent},
    units::LineUnits,
};

/// Why a location rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// The units are not there: the books are wrong.
    ShortPick,
    /// The location cannot or will not do the work; the units are there.
    Declined,
}

impl RejectReason {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::ShortPick, Self::Declined];

    /// The reason as the store writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ShortPick => "short_pick",
            Self::Declined => "declined",
        }
    }
}

/// Something that happened to a fulfilment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The work is on the location's list.
    Requested,
    /// The location took the work.
    Accepted,
    /// Picking has begun.
    PickingStarted {
        /// The units being picked.
        units: Vec<LineUnits>,
    },
    /// These units will not be fulfilled here.
    Rejected {
        /// The units.
        units: Vec<LineUnits>,
        /// Why.
        reason: RejectReason,
    },
    /// All units left are in parcels for a carrier.
    Packed {
        /// The boxes.
        parcels: Vec<Parcel>,
    },
    /// All units left wait at the counter.
    ReadyForPickup {
        /// The boxes.
        parcels: Vec<Parcel>,
    },
    /// The carrier is being asked for labels.
    LabelsRequested,
    /// The carrier gave no label at all.
    LabelsWithdrawn,
    /// A parcel has a label.
    LabelPurchased {
        /// What travels by it.
        shipment: Box<Shipment>,
    },
    /// A label was given up.
    LabelVoided {
        /// Its shipment.
        shipment: ShipmentId,
    },
    /// The units left.
    Issued {
        /// The units.
        units: Vec<LineUnits>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The carrier reported something.
    Tracked {
        /// Of which shipment.
        shipment: ShipmentId,
        /// What.
        event: TrackingEvent,
    },
    /// A shipment stands elsewhere than before. Told to others; the fold knows it from what the shipment holds.
    ShipmentChanged {
        /// Which.
        shipment: ShipmentId,
        /// Where it stands.
        status: ShipmentStatus,
        /// Since when.
        at: DateTime<Utc>,
    },
    /// Every unit is delivered, collected or rejected.
    Completed {
        /// Units handed to the shopper at the counter; empty for shipped goods.
        units: Vec<LineUnits>,
    },
    /// Nothing more is to come, and some units were lost or go back.
    Incompleted,
    /// The work was recalled in time.
    Cancelled {
        /// The units that will not be fulfilled.
        units: Vec<LineUnits>,
    },
    /// What was told of a shipment before the fulfilment was restored to an earlier point.
    ShipmentRemembered {
        /// The shipment, as it was when it had its label.
        shipment: Box<Shipment>,
        /// Its parcel.
        parcel: Parcel,
    },
    /// A recall came too late.
    RecallRefused {
        /// In words.
        reason: &'static str,
    },
}

impl Event {
    /// True when whoever read the fulfilment before no longer knows it. That the carrier is being asked is nothing that
    /// a person could have seen, and a repeated request for labels must not fail on its own first try.
    pub const fn is_change(&self) -> bool {
        !matches!(self, Self::LabelsRequested | Self::LabelsWithdrawn | Self::ShipmentChanged { .. })
    }
}

impl Fulfilment {
    /// Folds an event. Pure; only what [`super::Step::emit`] decided comes here.
    pub(super) fn evolve(&mut self, event: &Event) {
        match event {
            Event::Requested => self.state = State::Requested,
            Event::Accepted => self.state = State::Accepted,
            Event::PickingStarted { .. } => self.state = State::Picking,
            Event::Rejected { units, reason } => {
                self.add(units, |line| &mut line.rejected);
                let is_packed = matches!(self.state, State::Packed { .. } | State::ReadyForPickup);
                if self.left().is_empty() {
                    self.state = State::Rejected { reason: *reason };
                } else if is_packed {
                    // The parcels no longer hold what is left.
                    self.state = State::Picking;
                    self.parcels.clear();
                }
            }
            Event::Packed { parcels } => {
                self.parcels.clone_from(parcels);
                self.state = State::Packed { labels: Labels::NotBought };
            }
            Event::ReadyForPickup { parcels } => {
                self.parcels.clone_from(parcels);
                self.state = State::ReadyForPickup;
            }
            Event::LabelsRequested => self.state = State::Packed { labels: Labels::Buying },
            Event::LabelsWithdrawn => self.state = State::Packed { labels: Labels::NotBought },
            Event::LabelPurchased { shipment } => {
                self.shipments.push((**shipment).clone());
                if self.parcels.iter().all(|parcel| self.shipment_of(parcel.id).is_some()) {
                    self.state = State::Packed { labels: Labels::Bought };
                }
            }
            Event::ShipmentRemembered { shipment, parcel } => {
                let mut shipment = (**shipment).clone();
                shipment.handed_over_at = self.state.issued_at();
                self.shipments.push(shipment);
                self.parcels.push(parcel.clone());
                self.pack_the_rest();
            }
            Event::LabelVoided { shipment } => self.on_shipment(*shipment, |it| it.is_voided = true),
            Event::Issued { units, at } => {
                self.add(units, |line| &mut line.issued);
                for shipment in self.shipments.iter_mut().filter(|shipment| !shipment.is_voided) {
                    shipment.handed_over_at = Some(*at);
                }
                self.state = State::Dispatched { issued_at: *at };
            }
            Event::Tracked { shipment, event } => self.on_shipment(*shipment, |it| {
                it.events.push(event.clone());
                it.events
                    .sort_by(|a, b| (a.occurred_at, a.status, &a.id).cmp(&(b.occurred_at, b.status, &b.id)));
            }),
            Event::Completed { .. } => {
                if let Some(issued_at) = self.state.issued_at() {
                    self.state = State::Completed { issued_at };
                }
            }
            Event::Incompleted => {
                if let Some(issued_at) = self.state.issued_at() {
                    self.state = State::Incomplete { issued_at };
                }
            }
            Event::Cancelled { units } => {
                self.add(units, |line| &mut line.cancelled);
                self.state = State::Cancelled;
            }
            Event::ShipmentChanged { .. } | Event::RecallRefused { .. } => {}
        }
    }

    fn add(&mut self, units: &[LineUnits], part: impl Fn(&mut super::Line) -> &mut i64) {
        for units in units {
            for line in self.lines.iter_mut().filter(|it| it.line == units.line && it.item == units.item) {
                *part(line) += units.quantity;
            }
        }
    }

    /// One more parcel for what is in none with a label: it still needs one.
    fn pack_the_rest(&mut self) {
        let labelled: Vec<ParcelId> = self.shipments.iter().map(|shipment| shipment.parcel).collect();
        self.parcels.retain(|parcel| labelled.contains(&parcel.id));
        match self.state {
            State::Requested
            | State::Accepted
            | State::Picking
            | State::Packed { .. }
            | State::ReadyForPickup => {}
            State::Dispatched { .. }
            | State::Completed { .. }
            | State::Incomplete { .. }
            | State::Rejected { .. }
            | State::Cancelled => return,
        }
        let mut rest = self.left();
        for units in self.parcels.iter().flat_map(|parcel| &parcel.units) {
            for left in rest.iter_mut().filter(|left| (left.line, left.item) == (units.line, units.item)) {
                left.quantity -= units.quantity;
            }
        }
        rest.retain(|units| units.quantity > 0);
        let labels = if rest.is_empty() { Labels::Bought } else { Labels::Buying };
        if !rest.is_empty() {
            let id = derive(self.id.as_uuid(), "parcel/rest", self.parcels.len() as u64);
            self.parcels.push(Parcel { id, units: rest, weight_grams: 0 });
        }
        self.state = State::Packed { labels };
    }

    fn on_shipment(&mut self, id: ShipmentId, change: impl FnOnce(&mut Shipment)) {
        if let Some(shipment) = self.shipments.iter_mut().find(|shipment| shipment.id == id) {
            change(shipment);
        }
    }

    /// True for kinds whose goods a carrier takes.
    pub fn has_carrier(&self) -> bool {
        match self.kind {
            Kind::Ship | Kind::DropShip => true,
            Kind::Pickup => false,
        }
    }
}
