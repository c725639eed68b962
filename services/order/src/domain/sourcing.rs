//! Finding sources: what routing and inventory answer, and what follows.
//!
//! An attempt may be answered in two parts, a reservation for some units and "unfillable" for others, in either order.
//! An answer to units that no longer wait for it is stale: its claim on stock is let go.

use chrono::NaiveDate;
use qm_ids::{FulfilmentId, ItemId, LineId, LocationId, PlanId, ReservationId, derive};

use super::{
    event::{Event, MAX_REJECTIONS, ReleaseReason, SourcingReason},
    order::{Exclusion, Fulfilment, FulfilmentState, LineUnits, Order, RecallIntent},
    piece::{Bucket, UnitRange},
    step::Step,
};

/// A plan that inventory has reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The claim on stock.
    pub id: ReservationId,
    /// The plan.
    pub plan: PlanId,
    /// The attempt that it answers.
    pub attempt: i32,
    /// What each location shall do.
    pub assignments: Vec<Assignment>,
}

/// Work for one location, in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Where.
    pub location: LocationId,
    /// Group within the plan.
    pub group: String,
    /// Number of the kind in the contract.
    pub kind: i32,
    /// The units.
    pub units: Vec<LineUnits>,
    /// Local date by which it leaves.
    pub ship_by: String,
    /// Local date by which it arrives.
    pub promised: Option<NaiveDate>,
}

impl Assignment {
    /// The fulfilment that this becomes: one per (order, plan, location, group).
    fn fulfilment(&self, plan: PlanId) -> FulfilmentId {
        derive(plan.as_uuid(), &format!("fulfilment/{}/{}", self.location, self.group), 0)
    }
}

/// Stock is reserved for a plan.
pub fn record_reserved(step: &mut Step, reservation: &Reservation) -> String {
    if step.order().fulfilments.iter().any(|known| known.reservation == reservation.id) {
        return "known already".to_owned();
    }
    let mut unwanted = Vec::new();
    let mut planned = 0;
    for assignment in &reservation.assignments {
        let mut units = Vec::new();
        for wanted in &assignment.units {
            let open =
                |piece: &super::Piece| piece.bucket == Bucket::Open && piece.attempt == reservation.attempt;
            // Units of an earlier assignment are no longer open, so none is given twice.
            let taken = units_left(step.order(), wanted, &units, open);
            let count: i64 = taken.iter().map(UnitRange::quantity).sum();
            if count < wanted.quantity {
                let rest = LineUnits { quantity: wanted.quantity - count, ..wanted.clone() };
                unwanted.push((assignment.location, rest));
            }
            units.extend(taken);
        }
        if units.is_empty() {
            continue;
        }
        planned += 1;
        let fulfilment = Fulfilment {
            id: assignment.fulfilment(reservation.plan),
            plan: reservation.plan,
            reservation: reservation.id,
            location: assignment.location,
            group: assignment.group.clone(),
            kind: assignment.kind,
            ship_by: assignment.ship_by.clone(),
            promised: assignment.promised,
            state: FulfilmentState::Planned,
        };
        step.emit(Event::FulfilmentPlanned { fulfilment, units });
    }
    let outcome = if planned == 0 {
        release(step, reservation.id, reservation.plan, Vec::new(), ReleaseReason::Stale);
        format!("attempt {} was superseded, its reservation is released", reservation.attempt)
    } else if unwanted.is_empty() {
        format!("{planned} fulfilments planned")
    } else {
        release(step, reservation.id, reservation.plan, unwanted, ReleaseReason::Cancelled);
        format!("{planned} fulfilments planned, unwanted units released")
    };
    update_promise(step);
    let broken =
        step.order().attempt(reservation.attempt).map(|attempt| attempt.broken.clone()).unwrap_or_default();
    for (location, units) in broken {
        source_again(step, reservation.id, location, &units);
    }
    request_fulfilments(step);
    step.settle("");
    outcome
}

/// Units of `wanted` that satisfy `open` and are not among `taken`.
fn units_left(
    order: &Order,
    wanted: &LineUnits,
    taken: &[UnitRange],
    open: impl Fn(&super::Piece) -> bool,
) -> Vec<UnitRange> {
    let already: i64 = taken.iter().filter(|range| range.line == wanted.line).map(UnitRange::quantity).sum();
    let mut skip = already;
    let mut found = Vec::new();
    for range in order.pick(wanted.line, wanted.quantity + already, open) {
        let skipped = skip.min(range.quantity());
        skip -= skipped;
        if skipped < range.quantity() {
            found.push(UnitRange { line: range.line, units: range.units.start + skipped..range.units.end });
        }
    }
    found
}

/// Nothing of a plan could be reserved: the next attempt looks elsewhere, or the units wait for stock.
pub fn record_rejected(step: &mut Step, attempt: i32, shortages: &[(LocationId, ItemId)]) -> String {
    let units = open_units(step.order(), attempt);
    let Some(known) = step.order().attempt(attempt).filter(|_| !units.is_empty()).cloned() else {
        return format!("attempt {attempt} was superseded");
    };
    let rejections = known.rejections + 1;
    let outcome = if rejections >= MAX_REJECTIONS {
        let again = known.reason == SourcingReason::Backorder;
        step.emit(Event::Backordered { attempt, units, again });
        format!("rejected {rejections} times in a row, backordered")
    } else {
        let mut exclusions = known.exclusions;
        exclusions.extend(
            shortages.iter().map(|(location, item)| Exclusion { location: *location, item: Some(*item) }),
        );
        exclusions.sort_unstable();
        exclusions.dedup();
        // The reason is kept for those who waited for stock: they may draw on what is held for them.
        let reason = match known.reason {
            SourcingReason::Backorder => SourcingReason::Backorder,
            _ => SourcingReason::Rejected,
        };
        let next = request_sources(step, units, reason, rejections, exclusions);
        format!("attempt {attempt} rejected, attempt {next} asked for")
    };
    step.settle("");
    outcome
}

/// No location can fill some units of an attempt now.
pub fn record_unfillable(step: &mut Step, attempt: i32, units: &[LineUnits]) -> String {
    let open = |piece: &super::Piece| piece.bucket == Bucket::Open && piece.attempt == attempt;
    // From the end: a reservation for the rest of the attempt takes from the beginning, so both orders of arrival give
    // the same pieces.
    let ranges: Vec<UnitRange> =
        units.iter().flat_map(|units| pick_last(step.order(), units.line, units.quantity, open)).collect();
    let known = step.order().attempt(attempt);
    if ranges.is_empty() || known.is_none_or(|known| known.told_unfillable) {
        return format!("attempt {attempt} was superseded, or told this before");
    }
    let count: i64 = ranges.iter().map(UnitRange::quantity).sum();
    let again = known.is_some_and(|known| known.reason == SourcingReason::Backorder);
    step.emit(Event::Backordered { attempt, units: ranges, again });
    step.settle("");
    format!("{count} units backordered")
}

/// Up to `quantity` units of a line whose pieces satisfy `wanted`, highest first.
fn pick_last(
    order: &Order,
    line: LineId,
    quantity: i64,
    wanted: impl Fn(&super::Piece) -> bool,
) -> Vec<UnitRange> {
    let mut left = quantity;
    let mut picked = Vec::new();
    let pieces = order.line(line).map(|line| line.pieces.as_slice()).unwrap_or_default();
    for piece in pieces.iter().rev().filter(|piece| wanted(piece)) {
        let take = piece.quantity.min(left);
        if take > 0 {
            let end = piece.first_unit + piece.quantity;
            picked.push(UnitRange { line, units: end - take..end });
            left -= take;
        }
    }
    picked
}

/// A fact left less stock than was claimed, and these units lost their claim.
pub fn record_broken(
    step: &mut Step,
    reservation: ReservationId,
    location: LocationId,
    units: &LineUnits,
) -> String {
    if !step.order().fulfilments.iter().any(|known| known.reservation == reservation) {
        return remember_broken(step, reservation, location, units);
    }
    let backed = |piece: &super::Piece| {
        piece.source.is_some_and(|source| source.reservation == reservation && source.location == location)
    };
    let moved = source_again(step, reservation, location, units);
    let mut outcome = Vec::new();
    if moved > 0 {
        outcome.push(format!("{moved} units lost their stock, another source is asked for"));
    }
    if moved < units.quantity {
        // A location works on the rest. Whether it can still stop, it must say.
        let working: Vec<FulfilmentId> = step
            .order()
            .pieces()
            .filter(|(line, piece)| {
                line.id == units.line && piece.bucket == Bucket::InFulfilment && backed(piece)
            })
            .filter_map(|(_, piece)| Some(piece.source?.fulfilment))
            .collect();
        for fulfilment in working {
            if recall(step, fulfilment, RecallIntent::Resource) {
                outcome.push(format!("{fulfilment} recalled"));
            }
        }
    }
    step.settle("");
    if outcome.is_empty() { "nothing is left of it".to_owned() } else { outcome.join(", ") }
}

/// The claim is not known yet: its reservation is told later than its break. Kept with the attempt that it answers.
fn remember_broken(
    step: &mut Step,
    reservation: ReservationId,
    location: LocationId,
    units: &LineUnits,
) -> String {
    let order = step.order().id;
    let answers = |attempt: i32| {
        let plan: PlanId = derive(order.as_uuid(), "plan", attempt.unsigned_abs().into());
        derive::<ReservationId>(plan.as_uuid(), "reservation", 0) == reservation
    };
    let pending = step.order().attempts.iter().map(|attempt| attempt.number).find(|number| answers(*number));
    let Some(attempt) = pending else { return "no such claim".to_owned() };
    step.emit(Event::BrokenEarly { attempt, location, units: units.clone() });
    format!("attempt {attempt} lost {} units before it was reserved", units.quantity)
}

/// Looks elsewhere for allocated units that lost their claim. Returns how many those are.
fn source_again(step: &mut Step, reservation: ReservationId, location: LocationId, units: &LineUnits) -> i64 {
    let allocated = step.order().pick(units.line, units.quantity, |piece| {
        piece.bucket == Bucket::Allocated
            && piece
                .source
                .is_some_and(|source| source.reservation == reservation && source.location == location)
    });
    let count = allocated.iter().map(UnitRange::quantity).sum();
    if count > 0 {
        request_sources(step, allocated, SourcingReason::ReservationBroken, 0, Vec::new());
        end_empty_fulfilments(step);
    }
    count
}

/// Asks routing for units: mints an attempt. Returns its number.
pub(super) fn request_sources(
    step: &mut Step,
    units: Vec<UnitRange>,
    reason: SourcingReason,
    rejections: i32,
    exclusions: Vec<Exclusion>,
) -> i32 {
    let last = step.order().attempts.iter().map(|attempt| attempt.number).max().unwrap_or(0);
    let attempt = last + 1;
    let due_at = step.ask_again_at();
    step.emit(Event::SourcingRequested { attempt, reason, rejections, exclusions, units, due_at });
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
        FulfilmentState::Planned | FulfilmentState::RecallRefused { .. } | FulfilmentState::Ended => false,
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
    let planned: Vec<FulfilmentId> = step
        .order()
        .fulfilments
        .iter()
        .filter(|fulfilment| fulfilment.state == FulfilmentState::Planned)
        .map(|fulfilment| fulfilment.id)
        .collect();
    for fulfilment in planned {
        let ranges = units_in_work(step.order(), fulfilment);
        let units = step.order().units_of(&ranges);
        if !units.is_empty() {
            let due_at = step.ask_again_at();
            step.emit(Event::FulfilmentRequested { fulfilment, units, due_at });
        }
    }
}

/// Units that a fulfilment is to do or is doing.
pub(super) fn units_in_work(order: &Order, fulfilment: FulfilmentId) -> Vec<UnitRange> {
    order.ranges(|_, piece| {
        matches!(piece.bucket, Bucket::Allocated | Bucket::InFulfilment)
            && piece.source.is_some_and(|source| source.fulfilment == fulfilment)
    })
}

/// Ends planned work of which no unit is left.
pub(super) fn end_empty_fulfilments(step: &mut Step) {
    let empty: Vec<FulfilmentId> = step
        .order()
        .fulfilments
        .iter()
        .filter(|fulfilment| fulfilment.state == FulfilmentState::Planned)
        .filter(|fulfilment| units_in_work(step.order(), fulfilment.id).is_empty())
        .map(|fulfilment| fulfilment.id)
        .collect();
    for fulfilment in empty {
        step.emit(Event::FulfilmentEnded { fulfilment });
    }
}

/// The latest date that the plans that stand promise.
fn update_promise(step: &mut Step) {
    let promise = step
        .order()
        .fulfilments
        .iter()
        .filter(|fulfilment| fulfilment.state != FulfilmentState::Ended)
        .filter_map(|fulfilment| fulfilment.promised)
        .max();
    if promise.is_some() && promise != step.order().current_promise {
        step.emit(Event::PromiseChanged { promise });
    }
}

fn open_units(order: &Order, attempt: i32) -> Vec<UnitRange> {
    order.ranges(|_, piece| piece.bucket == Bucket::Open && piece.attempt == attempt)
}
