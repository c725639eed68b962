//! What stood in the books before they were restored to an earlier point, and has been told to others since.

use std::collections::BTreeMap;

use qm_ids::{ItemId, LineId, LocationId, ReservationId, TenantId};

use super::{
    book::{Book, Cause, Delta},
    event::Event,
    reservation::{LegKey, State, reservation_id},
    reserve::Plan,
};

/// Units that lost their claim, as others were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Whose.
    pub tenant: TenantId,
    /// The reservation.
    pub reservation: ReservationId,
    /// Where.
    pub location: LocationId,
    /// The order line.
    pub line: LineId,
    /// Of what.
    pub item: ItemId,
    /// Units, > 0.
    pub quantity: i64,
}

impl Book {
    /// Claims again what others were told is claimed. Stock that has come since the copy of the books was made, and of which
    /// they do not know any more, cannot be claimed: those units lose their claim, and that is told. A reservation that the
    /// books do know is left as it is.
    pub fn remember_reserved(&mut self, plan: &Plan, cause: &Cause) {
        self.begin(plan.tenant, cause);
        let reservation = reservation_id(plan.id);
        let key = (plan.tenant, reservation);
        if self.reservations().contains_key(&key) {
            return;
        }
        let wanted = self.wanted(plan);
        let shortages = self.shortages(plan, &wanted);
        let mut short: BTreeMap<_, _> = shortages
            .into_iter()
            .map(|(key, shortage)| (key, shortage.requested - shortage.available.max(0)))
            .collect();
        self.claim(plan, wanted, &mut short);
        for leg in self.legs_of(key) {
            let leg = &self.legs()[&leg];
            if leg.broken > 0 {
                self.tell(Event::ReservationBroken {
                    order: plan.order,
                    reservation,
                    plan: plan.id,
                    location: leg.location,
                    line: leg.line,
                    item: leg.item,
                    quantity: leg.broken,
                });
            }
        }
        if !self.is_live(key) {
            self.change_reservation(key, State::Broken);
        }
        // Availability fell when the units were claimed the first time, and whoever had to hear of it has.
        self.forget_increases();
    }

    /// Takes claims away of which others were told that they are lost. Tells nobody: a count told twice would take other units
    /// of the line.
    pub fn remember_broken(&mut self, broken: &Broken, cause: &Cause) {
        self.begin(broken.tenant, cause);
        let key = (broken.tenant, broken.reservation);
        let was_live = self.is_live(key);
        let legs: Vec<LegKey> = self
            .legs_of(key)
            .into_iter()
            .filter(|leg| self.legs()[leg].is_for(broken.location, broken.line, broken.item))
            .collect();
        let mut left = broken.quantity;
        for key in legs {
            let leg = &self.legs()[&key];
            let taken = left.min(leg.open());
            let (stock, stocked, reference) = (leg.stock_key(), leg.stocked, leg.reservation.to_string());
            left -= taken;
            if taken == 0 {
                continue;
            }
            self.change_leg(key, |leg| leg.broken += taken);
            if stocked {
                let delta = Delta { allocated: -taken, ..Delta::default() };
                self.record(stock, "release", delta, "reservation broken", &reference);
            }
        }
        if was_live && !self.is_live(key) {
            self.change_reservation(key, State::Broken);
        }
        self.forget_increases();
    }
}
