//! Stock leaves.

use qm_ids::{LocationId, ReservationId, TenantId};

use super::{
    book::{Book, Cause, Delta},
    reservation::{LegKey, LineUnits, State},
};

/// Units that left a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Whose.
    pub tenant: TenantId,
    /// The claim that they left under.
    pub reservation: ReservationId,
    /// Where they left.
    pub location: LocationId,
    /// The units.
    pub units: Vec<LineUnits>,
}

impl Book {
    /// Takes units that left out of the books. Units whose claim was released or broken before have left all the same;
    /// if the books do not hold as much, the difference is a recorded shortage. Units beyond what was reserved left
    /// before, and are not taken out twice. False when there is no such reservation.
    pub fn issue(&mut self, issue: &Issue, cause: &Cause) -> bool {
        self.begin(issue.tenant, cause);
        let key = (issue.tenant, issue.reservation);
        if !self.reservations().contains_key(&key) {
            return false;
        }
        let was_live = self.is_live(key);
        for units in &issue.units {
            let legs: Vec<LegKey> = self
                .legs_of(key)
                .into_iter()
                .filter(|leg| self.legs()[leg].is_for(issue.location, units.line, units.item))
                .collect();
            let mut left = units.quantity;
            for leg in &legs {
                left -= self.issue_claimed(*leg, left);
            }
            for leg in &legs {
                left -= self.issue_unclaimed(*leg, left);
            }
        }
        if was_live && !self.is_live(key) {
            self.change_reservation(key, State::Ended);
        }
        self.settle();
        true
    }

    fn issue_claimed(&mut self, key: LegKey, units: i64) -> i64 {
        let leg = &self.legs()[&key];
        let taken = units.min(leg.open());
        if taken == 0 {
            return 0;
        }
        let (stock, stocked, reference) = (leg.stock_key(), leg.stocked, leg.reservation.to_string());
        self.change_leg(key, |leg| leg.issued += taken);
        if stocked {
            let delta = Delta { sellable: -taken, allocated: -taken, ..Delta::default() };
            self.record(stock, "issue", delta, "issued", &reference);
        }
        taken
    }

    fn issue_unclaimed(&mut self, key: LegKey, units: i64) -> i64 {
        let leg = &self.legs()[&key];
        let taken = units.min(leg.released + leg.broken);
        if taken == 0 {
            return 0;
        }
        let (stock_key, stocked, reference) = (leg.stock_key(), leg.stocked, leg.reservation.to_string());
        self.change_leg(key, |leg| {
            let broken = taken.min(leg.broken);
            leg.broken -= broken;
            leg.released -= taken - broken;
            leg.issued += taken;
        });
        if let Some(stock) = self.stock().get(&stock_key).filter(|_| stocked) {
            let missing = stock.claims() + taken - stock.sellable;
            if missing > 0 {
                let delta = Delta { sellable: missing, ..Delta::default() };
                self.record(stock_key, "adjust", delta, "recorded_shortage", &reference);
            }
            let delta = Delta { sellable: -taken, ..Delta::default() };
            self.record(stock_key, "issue", delta, "issued without a claim", &reference);
        }
        taken
    }
}
