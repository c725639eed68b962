//! Plans that inventory has reserved.
//!
//! An attempt may be answered in two parts, a reservation for some units and "unfillable" for others, in either order.
//! An answer to units that no longer wait for it is stale: its claim on stock is let go.

use chrono::NaiveDate;
use qm_ids::{FulfilmentId, LocationId, PlanId, ReservationId, derive};

use super::{
    broken::source_again,
    event::{Event, ReleaseReason},
    order::{LineUnits, sum_by_line},
    piece::{Bucket, UnitRange},
    sourcing::{release, request_fulfilments},
    step::Step,
    work::{Fulfilment, FulfilmentState},
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

    /// One of all assignments for the same location and group: they are one piece of work, which leaves by the earliest
    /// of their dates and is there by the latest.
    fn merged(assignments: &[Self]) -> Vec<Self> {
        let mut merged: Vec<Self> = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let same = |it: &&mut Self| (it.location, &it.group) == (assignment.location, &assignment.group);
            let Some(known) = merged.iter_mut().find(same) else {
                merged.push(assignment.clone());
                continue;
            };
            known.units.extend(assignment.units.iter().cloned());
            known.promised = known.promised.max(assignment.promised);
            // ISO 8601 dates sort as text.
            if known.ship_by.is_empty()
                || (!assignment.ship_by.is_empty() && assignment.ship_by < known.ship_by)
            {
                known.ship_by.clone_from(&assignment.ship_by);
            }
        }
        merged
    }
}

/// Stock is reserved for a plan.
pub fn record_reserved(step: &mut Step, reservation: &Reservation) -> String {
    if step.order().fulfilments.iter().any(|known| known.reservation == reservation.id) {
        return "known already".to_owned();
    }
    let mut unwanted = Vec::new();
    let mut planned = 0;
    for assignment in Assignment::merged(&reservation.assignments) {
        let mut units: Vec<UnitRange> = Vec::new();
        for (line, quantity) in sum_by_line(&assignment.units) {
            // Units of an earlier assignment are no longer open, so none is given twice.
            let taken = step.order().pick(line, quantity, |piece| {
                piece.bucket == Bucket::Open && piece.attempt == reservation.attempt
            });
            let rest = quantity - taken.iter().map(UnitRange::quantity).sum::<i64>();
            let item = assignment.units.iter().find(|it| it.line == line).map(|it| it.item);
            unwanted.extend(
                item.filter(|_| rest > 0)
                    .map(|item| (assignment.location, LineUnits { line, item, quantity: rest })),
            );
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
            group: assignment.group,
            kind: assignment.kind,
            ship_by: assignment.ship_by,
            promised: assignment.promised,
            state: FulfilmentState::Planned,
            reports: Vec::new(),
            journeys: Vec::new(),
            broken: Vec::new(),
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

/// The latest date that the plans that stand promise.
fn update_promise(step: &mut Step) {
    let promise = step
        .order()
        .fulfilments
        .iter()
        .filter(|fulfilment| !fulfilment.state.is_over())
        .filter_map(|fulfilment| fulfilment.promised)
        .max();
    if promise.is_some() && promise != step.order().current_promise {
        step.emit(Event::PromiseChanged { promise });
    }
}
