//! Asking: routing for sources, executors for work and for recalls, inventory to let claims go.

use chrono::{DateTime, Utc};
use qm_ids::{FulfilmentId, LocationId, PlanId, ReservationId};

use super::{
    arrival::SKEW,
    event::{Event, ReleaseReason, SourcingReason},
    order::{Exclusion, LineUnits, Order},
    piece::{Bucket, UnitRange},
    step::Step,
    work::{FulfilmentState, RecallIntent},
};

/// Units that need a source.
#[derive(Debug)]
pub(super) struct Need {
    pub(super) units: Vec<UnitRange>,
    pub(super) reason: SourcingReason,
    /// Rejections in a row that led here.
    pub(super) rejections: i32,
    /// Where not to look.
    pub(super) exclusions: Vec<Exclusion>,
    /// All stock whose arrival was handled until then is seen; none when nobody looked which that is.
    pub(super) sees_until: Option<DateTime<Utc>>,
}

impl Need {
    /// A need that no rejection led to and that may be met anywhere.
    pub(super) fn new(units: Vec<UnitRange>, reason: SourcingReason) -> Self {
        Self { units, reason, rejections: 0, exclusions: Vec::new(), sees_until: None }
    }
}

/// Asks routing for units: mints an attempt. Returns its number.
pub(super) fn request_sources(step: &mut Step, need: Need) -> i32 {
    let Need { units, reason, rejections, exclusions, sees_until } = need;
    let last = step.order().attempts.iter().map(|attempt| attempt.number).max().unwrap_or(0);
    let attempt = last + 1;
    let due_at = step.ask_again_at();
    let sees_until = sees_until.unwrap_or(step.now() - SKEW);
    step.emit(Event::SourcingRequested {
        attempt,
        reason,
        rejections,
        exclusions,
        units,
        sees_until,
        due_at,
    });
    attempt
}

pub(super) fn release(
    step: &mut Step,
    reservation: ReservationId,
    plan: PlanId,
    units: Vec<(LocationId, LineUnits)>,
    reason: ReleaseReason,
) {
    step.emit(Event::ReleaseRequested { reservation, plan, units, reason });
}

/// Asks for a recall unless one is under way for as strong a reason, or was refused. True when it asked.
pub(super) fn recall(step: &mut Step, fulfilment: FulfilmentId, intent: RecallIntent) -> bool {
    let Some(known) = step.order().fulfilment(fulfilment) else { return false };
    let may = match known.state {
        FulfilmentState::Requested { .. } | FulfilmentState::Opened => true,
        FulfilmentState::Recalling { intent: known, .. } => known < intent,
        FulfilmentState::Planned
        | FulfilmentState::RecallRefused { .. }
        | FulfilmentState::Ended
        | FulfilmentState::Dropped => false,
    };
    if may {
        let due_at = step.ask_again_at();
        step.emit(Event::RecallRequested { fulfilment, intent, due_at });
    }
    may
}

/// Releases what may go: planned work of an order without a hold.
pub(super) fn request_fulfilments(step: &mut Step) {
    if step.order().is_held() {
        return;
    }
    for fulfilment in planned(step.order()) {
        let units = step.order().units_in_work(fulfilment);
        if !units.is_empty() {
            let due_at = step.ask_again_at();
            step.emit(Event::FulfilmentRequested { fulfilment, units, due_at });
        }
    }
}

/// Ends planned work of which no unit is left.
pub(super) fn end_empty_fulfilments(step: &mut Step) {
    for fulfilment in planned(step.order()) {
        if ranges_in_work(step.order(), fulfilment).is_empty() {
            step.emit(Event::FulfilmentEnded { fulfilment });
        }
    }
}

fn planned(order: &Order) -> Vec<FulfilmentId> {
    let planned = order.fulfilments.iter().filter(|known| known.state == FulfilmentState::Planned);
    planned.map(|known| known.id).collect()
}

/// Where the units are that a fulfilment is to do or is doing.
pub(super) fn ranges_in_work(order: &Order, fulfilment: FulfilmentId) -> Vec<UnitRange> {
    order.ranges(|_, piece| {
        matches!(piece.bucket, Bucket::Allocated | Bucket::InFulfilment)
            && piece.source.is_some_and(|source| source.fulfilment == fulfilment)
    })
}

impl Order {
    /// Units that a fulfilment is to do or is doing, by line.
    pub fn units_in_work(&self, fulfilment: FulfilmentId) -> Vec<LineUnits> {
        self.units_of(&ranges_in_work(self, fulfilment))
    }
}
