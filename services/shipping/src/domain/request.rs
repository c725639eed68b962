//! Order asks a location for work, and may ask again.

use chrono::{DateTime, Utc};
use qm_ids::{FulfilmentId, LocationId, OrderId, PlanId, ReservationId, TenantId};

use super::{
    event::Event,
    fulfilment::{Fulfilment, Kind, Line, State},
    step::Step,
    units::{LineUnits, merged},
};

/// Work as order asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose it is.
    pub tenant: TenantId,
    /// Named by order, the same in every repetition.
    pub id: FulfilmentId,
    /// The order.
    pub order: OrderId,
    /// Number that people use for the order.
    pub order_number: i64,
    /// The plan that gave the work to the location.
    pub plan: PlanId,
    /// The claim on stock behind it.
    pub reservation: ReservationId,
    /// Who shall do it.
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
    /// The units, at least one, each > 0.
    pub units: Vec<LineUnits>,
}

/// Puts work on a location's list. When its recall came first (`is_recalled`), it is cancelled at once.
pub fn request(request: &Request, is_recalled: bool, now: DateTime<Utc>) -> Step {
    let lines = merged(&request.units)
        .into_iter()
        .map(|units| Line {
            line: units.line,
            item: units.item,
            quantity: units.quantity,
            rejected: 0,
            cancelled: 0,
            issued: 0,
        })
        .collect();
    let fulfilment = Fulfilment {
        tenant: request.tenant,
        id: request.id,
        order: request.order,
        order_number: request.order_number,
        plan: request.plan,
        reservation: request.reservation,
        location: request.location,
        kind: request.kind,
        group: request.group.clone(),
        service_level: request.service_level.clone(),
        ship_by: request.ship_by.clone(),
        promise_by: request.promise_by.clone(),
        lines,
        state: State::Requested,
        version: 0,
        parcels: Vec::new(),
        shipments: Vec::new(),
        requested_at: now,
        updated_at: now,
    };
    let mut step = Step::new(fulfilment, now);
    step.emit(Event::Requested);
    if is_recalled {
        let units = step.fulfilment().left();
        step.emit(Event::Cancelled { units });
    }
    step
}

/// Tells again where the work stands, for somebody who asked again.
///
/// Only what the saga and the stock rest on is repeated, never what becomes a mail to the shopper. Units that were
/// rejected in part are not told twice, and with them neither is the issue: others move units by count, and a count told
/// twice would move other units of the line.
pub fn repeat(step: &mut Step) {
    let fulfilment = step.fulfilment();
    let left = fulfilment.left();
    let mut repeats = vec![Event::Requested];
    match &fulfilment.state {
        State::Requested => {}
        State::Accepted => repeats.push(Event::Accepted),
        State::Picking | State::Packed { .. } | State::ReadyForPickup => {
            repeats.push(Event::PickingStarted { units: left });
        }
        State::Dispatched { issued_at }
        | State::Completed { issued_at }
        | State::Incomplete { issued_at } => {
            if fulfilment.rejected().is_empty() {
                repeats.push(Event::Issued { units: fulfilment.issued(), at: *issued_at });
            }
            if let (State::Completed { .. }, Kind::Pickup) = (&fulfilment.state, fulfilment.kind) {
                repeats.push(Event::Completed { units: fulfilment.issued() });
            }
        }
        State::Rejected { reason } => {
            repeats.push(Event::Rejected { units: fulfilment.rejected(), reason: *reason });
        }
        State::Cancelled => repeats.push(Event::Cancelled { units: fulfilment.cancelled() }),
    }
    for event in repeats {
        step.repeat(event);
    }
}
