//! Letting claims go, and marking those that cannot be broken any more.

use qm_ids::{LocationId, OrderId, PlanId, ReservationId, TenantId};

use super::{
    book::{Book, Cause, Delta},
    event::Event,
    reservation::{LineUnits, LocationUnits, Reservation, State},
};

/// A reservation, or some of its units, to let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Whose.
    pub tenant: TenantId,
    /// The order.
    pub order: OrderId,
    /// The reservation, which need not exist yet.
    pub reservation: ReservationId,
    /// Its plan.
    pub plan: PlanId,
    /// The units; empty for all.
    pub units: Vec<LocationUnits>,
    /// True when the units were not found: they leave the books as well.
    pub short_pick: bool,
}

impl Book {
    /// Lets units go that are still claimed; of others nothing is left to let go. A reservation that does not exist gets
    /// a tombstone, which the plan finds when it comes.
    pub fn release(&mut self, request: &Release, cause: &Cause) {
        self.begin(request.tenant, cause);
        let key = (request.tenant, request.reservation);
        if !self.reservations().contains_key(&key) {
            self.add_reservation(Reservation {
                tenant: request.tenant,
                id: request.reservation,
                plan: request.plan,
                order: request.order,
                attempt: 0,
                priority: 0,
                state: State::Released,
                planned_at: self.now(),
                announced: Vec::new(),
            });
            self.tell_released(request, true);
            return;
        }
        let was_live = self.is_live(key);
        let mut released = 0;
        if request.units.is_empty() {
            for leg in self.legs_of(key) {
                released += self.release_leg(leg, i64::MAX, request.short_pick);
            }
        }
        for LocationUnits { location, units } in &request.units {
            let mut left = units.quantity;
            for leg in self.legs_of(key) {
                if left > 0 && self.legs()[&leg].is_for(*location, units.line, units.item) {
                    left -= self.release_leg(leg, left, request.short_pick);
                }
            }
            released += units.quantity - left;
        }
        let ended = !self.is_live(key);
        if ended && was_live {
            let whole = request.units.is_empty();
            self.change_reservation(key, if whole { State::Released } else { State::Ended });
        }
        if released > 0 {
            self.tell_released(request, ended);
        }
        self.settle();
    }

    fn tell_released(&mut self, request: &Release, ended: bool) {
        let (order, reservation, plan) = (request.order, request.reservation, request.plan);
        self.tell(Event::Released { order, reservation, plan, ended });
    }

    /// Lets up to `units` of a leg go and says how many those were.
    fn release_leg(&mut self, key: super::LegKey, units: i64, short_pick: bool) -> i64 {
        let Some(leg) = self.legs().get(&key) else { return 0 };
        let taken = units.min(leg.open());
        if taken == 0 {
            return 0;
        }
        let (stock, stocked, reference) = (leg.stock_key(), leg.stocked, leg.reservation.to_string());
        self.change_leg(key, |leg| leg.released += taken);
        if stocked {
            let delta = Delta { allocated: -taken, ..Delta::default() };
            self.record(stock, "release", delta, "released", &reference);
            // Units that nobody found must not be offered again. They were claimed by this leg, so that no other claim
            // loses its backing.
            if short_pick {
                let delta = Delta { sellable: -taken, ..Delta::default() };
                self.record(stock, "adjust", delta, "short_pick", &reference);
            }
        }
        taken
    }

    /// Picking has begun: the claims of these lines at the location are not broken any more. False when there is no
    /// such reservation.
    pub fn pick(
        &mut self,
        tenant: TenantId,
        reservation: ReservationId,
        location: LocationId,
        units: &[LineUnits],
    ) -> bool {
        let key = (tenant, reservation);
        for leg in self.legs_of(key) {
            let known = &self.legs()[&leg];
            let is_meant = units.iter().any(|units| known.is_for(location, units.line, units.item));
            if is_meant && !known.picked {
                self.change_leg(leg, |leg| leg.picked = true);
            }
        }
        self.reservations().contains_key(&key)
    }
}
