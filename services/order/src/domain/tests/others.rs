//! The others, as far as an order meets them: routing and inventory answer attempts, executors do work and report, and
//! inventory keeps count of claims. What they know is the truth that the order's units must agree with in the end.

use std::collections::BTreeMap;

use qm_ids::{FulfilmentId, LineId, LocationId, ReservationId, ShipmentId};

use super::world::{location, reserved, shipment};
use crate::domain::{Event, Fate, LineUnits, Order, Reservation};

/// A message under way to the order.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Reserved(Reservation),
    Rejected(i32),
    Unfillable(i32, Vec<LineUnits>),
    Opened(FulfilmentId),
    FulfilmentRejected(FulfilmentId, i64, Vec<LineUnits>),
    Cancelled(FulfilmentId, i64, Vec<LineUnits>),
    RecallRefused(FulfilmentId),
    Issued(FulfilmentId, String, Vec<LineUnits>),
    Travelled(FulfilmentId, Option<ShipmentId>, Fate, Vec<LineUnits>),
}

/// A claim on stock: what of it ended, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claim {
    pub(super) quantity: i64,
    pub(super) released: i64,
    pub(super) issued: i64,
    pub(super) broken: i64,
}

impl Claim {
    pub(super) fn open(&self) -> i64 {
        self.quantity - self.released - self.issued - self.broken
    }
}

pub(super) type ClaimKey = (ReservationId, LocationId, LineId);

/// What an executor knows of its work.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) id: FulfilmentId,
    reservation: ReservationId,
    location: LocationId,
    version: i64,
    /// Units still to be fulfilled.
    left: Vec<LineUnits>,
    /// Units that left.
    pub(super) issued: BTreeMap<LineId, i64>,
    /// Where those got to that got anywhere.
    pub(super) ends: BTreeMap<(LineId, Fate), i64>,
}

impl Work {
    /// Takes up to so many units of one of the lines that are left.
    fn take(&mut self, dice: &mut dyn FnMut(usize) -> usize) -> LineUnits {
        let index = dice(self.left.len());
        let quantity = 1 + dice(usize::try_from(self.left[index].quantity).unwrap()) as i64;
        self.left[index].quantity -= quantity;
        let units = LineUnits { quantity, ..self.left[index].clone() };
        self.left.retain(|units| units.quantity > 0);
        self.version += 1;
        units
    }

    pub(super) fn is_over(&self) -> bool {
        self.left.is_empty()
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Messages under way.
    pub(super) mail: Vec<Message>,
    pub(super) works: Vec<Work>,
    pub(super) claims: BTreeMap<ClaimKey, Claim>,
    answered: Vec<i32>,
    shipments: u128,
}

impl Others {
    /// What follows from what the order tells.
    pub(super) fn react(&mut self, order: &Order, events: &[Event], dice: &mut dyn FnMut(usize) -> usize) {
        for event in events {
            match event {
                Event::SourcingRequested { attempt, units, .. } => {
                    self.answer(order, *attempt, &order.units_of(units), dice);
                }
                Event::FulfilmentRequested { fulfilment, units, .. } => {
                    let known = order.fulfilment(*fulfilment).unwrap();
                    self.mail.push(Message::Opened(*fulfilment));
                    self.works.push(Work {
                        id: *fulfilment,
                        reservation: known.reservation,
                        location: known.location,
                        version: 1,
                        left: units.clone(),
                        issued: BTreeMap::new(),
                        ends: BTreeMap::new(),
                    });
                }
                Event::FulfilmentRepeated { fulfilment, .. } => {
                    self.mail.push(Message::Opened(*fulfilment));
                }
                Event::RecallRequested { fulfilment, .. } | Event::RecallRepeated { fulfilment, .. } => {
                    self.recall(*fulfilment, dice);
                }
                Event::ReleaseRequested { reservation, units, .. } => self.release(*reservation, units),
                _ => {}
            }
        }
    }

    /// Routing and inventory: rejected, or some units at one or two locations and the rest unfillable.
    fn answer(
        &mut self,
        order: &Order,
        attempt: i32,
        units: &[LineUnits],
        dice: &mut dyn FnMut(usize) -> usize,
    ) {
        if self.answered.contains(&attempt) {
            return;
        }
        self.answered.push(attempt);
        if dice(4) == 0 {
            self.mail.push(Message::Rejected(attempt));
            return;
        }
        let mut at: Vec<(LocationId, Vec<LineUnits>)> =
            vec![(location(1), Vec::new()), (location(2), Vec::new()), (location(1), Vec::new())];
        let mut missing = Vec::new();
        for unit in units {
            let mut left = unit.quantity;
            for (_, given) in &mut at {
                let take = (dice(4) as i64).min(left);
                left -= take;
                if take > 0 {
                    given.push(LineUnits { quantity: take, ..unit.clone() });
                }
            }
            if left > 0 {
                missing.push(LineUnits { quantity: left, ..unit.clone() });
            }
        }
        at.retain(|(_, units)| !units.is_empty());
        if !at.is_empty() {
            let reservation = reserved(order, attempt, &at);
            for (location, units) in at {
                for units in units {
                    let claim = self.claims.entry((reservation.id, location, units.line)).or_default();
                    claim.quantity += units.quantity;
                }
            }
            self.mail.push(Message::Reserved(reservation));
        }
        if !missing.is_empty() {
            self.mail.push(Message::Unfillable(attempt, missing));
        }
    }

    /// Inventory lets go of what the order no longer wants, which must be no more than is claimed.
    fn release(&mut self, reservation: ReservationId, units: &[(LocationId, LineUnits)]) {
        if units.is_empty() {
            for (_, claim) in self.claims.iter_mut().filter(|((id, ..), _)| *id == reservation) {
                claim.released += claim.open();
            }
        }
        for (location, units) in units {
            let claim = self.claims.get_mut(&(reservation, *location, units.line)).unwrap();
            assert!(units.quantity <= claim.open(), "{} released of {claim:?}", units.quantity);
            claim.released += units.quantity;
        }
    }

    fn recall(&mut self, fulfilment: FulfilmentId, dice: &mut dyn FnMut(usize) -> usize) {
        let Some(work) = self.works.iter_mut().find(|work| work.id == fulfilment) else { return };
        if work.is_over() || dice(4) == 0 {
            self.mail.push(Message::RecallRefused(fulfilment));
            return;
        }
        work.version += 1;
        let units = std::mem::take(&mut work.left);
        self.mail.push(Message::Cancelled(fulfilment, work.version, units));
    }

    /// An executor goes on with work that is not over.
    pub(super) fn work(&mut self, index: usize, dice: &mut dyn FnMut(usize) -> usize) {
        let work = &mut self.works[index];
        let units = work.take(dice);
        if dice(4) == 0 {
            self.mail.push(Message::FulfilmentRejected(work.id, work.version, vec![units]));
            return;
        }
        *work.issued.entry(units.line).or_default() += units.quantity;
        let claim = self.claims.get_mut(&(work.reservation, work.location, units.line)).unwrap();
        let claimed = units.quantity.min(claim.open());
        // What lost its claim left all the same.
        claim.broken -= units.quantity - claimed;
        claim.issued += units.quantity;
        self.mail.push(Message::Issued(work.id, format!("version {}", work.version), vec![units.clone()]));
        // One parcel for some of them, one for the rest.
        let first = dice(usize::try_from(units.quantity).unwrap() + 1) as i64;
        for quantity in [first, units.quantity - first].into_iter().filter(|quantity| *quantity > 0) {
            self.shipments += 1;
            let inside = vec![LineUnits { quantity, ..units.clone() }];
            let told: &[Fate] = match dice(6) {
                0 => &[],
                1 => &[Fate::Lost],
                2 => &[Fate::Returning],
                3 => &[Fate::Lost, Fate::Delivered],
                _ => &[Fate::Delivered],
            };
            for fate in told {
                let id = shipment(self.shipments);
                self.mail.push(Message::Travelled(work.id, id, *fate, inside.clone()));
            }
            if let Some(end) = told.iter().max() {
                *work.ends.entry((units.line, *end)).or_default() += quantity;
            }
        }
    }

    /// Inventory finds less stock than was claimed.
    pub(super) fn break_claim(
        &mut self,
        order: &Order,
        dice: &mut dyn FnMut(usize) -> usize,
    ) -> Option<(ReservationId, LocationId, LineUnits)> {
        let open: Vec<ClaimKey> =
            self.claims.iter().filter(|(_, claim)| claim.open() > 0).map(|(key, _)| *key).collect();
        let key = *open.get(dice(open.len().max(1)))?;
        let claim = self.claims.get_mut(&key)?;
        let quantity = 1 + dice(usize::try_from(claim.open()).unwrap()) as i64;
        claim.broken += quantity;
        let item = order.line(key.2)?.item;
        Some((key.0, key.1, LineUnits { line: key.2, item, quantity }))
    }
}
