//! What the saga asks of stock.

use std::collections::BTreeSet;

use qm_database::Tx;
use qm_ids::{ItemId, LocationId, ReservationId, TenantId};
use qm_messaging::HandleError;

use super::Context;
use crate::{
    domain::{Book, Cause, Issue, LineUnits, Plan, Release, ReservationKey, reservation_id, stock_id},
    events::emit,
    store,
};

/// Claims the units of plans, in the order given.
pub async fn reserve(context: &Context, tx: &Tx, plans: &[(Plan, Cause)]) -> Result<(), HandleError> {
    let mut book = context.book();
    let wanted: Vec<ReservationKey> =
        plans.iter().map(|(plan, _)| (plan.tenant, reservation_id(plan.id))).collect();
    store::lock_reservations(tx, &mut book, &wanted).await?;
    // Of plans that were answered before, only whether anything is still claimed matters.
    let known: Vec<ReservationKey> = book.reservations().keys().copied().collect();
    store::put_legs(tx, &mut book, &known).await?;
    let (mut stock, mut items) = (BTreeSet::new(), Vec::<(TenantId, ItemId)>::new());
    let mut is_drawing = false;
    for (plan, _) in plans {
        is_drawing |= plan.for_backorder;
        for units in &plan.units {
            stock.insert((plan.tenant, stock_id(units.units.item, units.location)));
            items.push((plan.tenant, units.units.item));
        }
    }
    store::lock_stock(tx, &mut book, &stock).await?;
    store::put_items(tx, &mut book, &items).await?;
    if is_drawing {
        store::put_holds(tx, &mut book).await?;
    }
    for (plan, cause) in plans {
        book.reserve(plan, cause);
    }
    finish(context, tx, book).await
}

/// Lets reservations go, or some of their units.
pub async fn release(context: &Context, tx: &Tx, requests: &[(Release, Cause)]) -> Result<(), HandleError> {
    let mut book = context.book();
    let wanted: Vec<ReservationKey> =
        requests.iter().map(|(request, _)| (request.tenant, request.reservation)).collect();
    store::lock_legs(tx, &mut book, &wanted).await?;
    store::put_items(tx, &mut book, &[]).await?;
    store::put_holds(tx, &mut book).await?;
    store::put_waiting(tx, &mut book).await?;
    for (request, cause) in requests {
        book.release(request, cause);
    }
    finish(context, tx, book).await
}

/// Takes units that left out of the books.
pub async fn issue(context: &Context, tx: &Tx, issues: &[(Issue, Cause)]) -> Result<(), HandleError> {
    let mut book = context.book();
    let wanted: Vec<ReservationKey> =
        issues.iter().map(|(issue, _)| (issue.tenant, issue.reservation)).collect();
    store::lock_legs(tx, &mut book, &wanted).await?;
    store::put_items(tx, &mut book, &[]).await?;
    // What leaves never makes more available, so holds and waits are not needed: a recorded shortage only covers claims.
    for (issue, cause) in issues {
        if !book.issue(issue, cause) {
            return Err(unknown(issue.reservation));
        }
    }
    finish(context, tx, book).await
}

/// A location that has begun to pick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// Whose.
    pub tenant: TenantId,
    /// The claim.
    pub reservation: ReservationId,
    /// Where.
    pub location: LocationId,
    /// The units.
    pub units: Vec<LineUnits>,
}

/// Marks claims that cannot be broken any more.
pub async fn pick(context: &Context, tx: &Tx, picks: &[Pick]) -> Result<(), HandleError> {
    let mut book = context.book();
    let wanted: Vec<ReservationKey> = picks.iter().map(|pick| (pick.tenant, pick.reservation)).collect();
    store::lock_legs(tx, &mut book, &wanted).await?;
    for pick in picks {
        if !book.pick(pick.tenant, pick.reservation, pick.location, &pick.units) {
            return Err(unknown(pick.reservation));
        }
    }
    finish(context, tx, book).await
}

/// A fulfilment comes after its reservation, always: there is no order of events in which this one is early.
fn unknown(reservation: ReservationId) -> HandleError {
    HandleError::poison(format!("{reservation} does not exist"))
}

pub(super) async fn finish(context: &Context, tx: &Tx, mut book: Book) -> Result<(), HandleError> {
    store::save(tx, &book).await?;
    let events = emit::messages(book.take_events(), context.clock.now())?;
    context.outbox.append(tx, events).await?;
    Ok(())
}
