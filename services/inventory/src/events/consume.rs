//! Subject → command.

use std::{collections::BTreeMap, pin::Pin};

use async_trait::async_trait;
use chrono::NaiveDate;
use prost::Message as _;
use qm_database::Tx;
use qm_ids::{ItemId, LineId, OrderId, ReservationId};
use qm_messaging::{HandleError, Handler, MessagingBuilder, Payload, Received};
use qm_proto::{
    order::v1::{self as order, ReleaseReason, SourcingReason},
    routing::v1 as routing,
    shipping::v1 as shipping,
    types::v1::LineUnits as ProtoUnits,
};

use crate::{
    commands::{self, Context, Pick},
    domain::{Cause, Issue, LineUnits, LocationUnits, Plan, PlannedUnits, Release, WaitEntry, WaitKind},
    store::{self, Note},
};

/// Consumes what others report.
pub fn consume(messaging: MessagingBuilder, context: &Context) -> MessagingBuilder {
    let context = || context.clone();
    messaging
        .consume("reserve", Apply { context: context(), read: plan, carry_out: reserve })
        .consume("release", Apply { context: context(), read: release, carry_out: release_all })
        .consume("issue", Apply { context: context(), read: issue, carry_out: issue_all })
        .consume("pick", Apply { context: context(), read: pick, carry_out: pick_all })
        .consume("note-backordered", Apply { context: context(), read: waits, carry_out: note })
        .consume_pattern(
            "note-backordered-again",
            "order.backordered_again",
            Apply { context: context(), read: waits, carry_out: note },
        )
        .consume("note-sourcing", Apply { context: context(), read: woken, carry_out: note })
        .consume("note-cancelled-units", Apply { context: context(), read: cancelled, carry_out: note })
        .consume("note-cancelled", Apply { context: context(), read: ended, carry_out: note })
}

/// What an event asks for.
type Read<P, C> = fn(&Received<P>) -> Result<C, HandleError>;
type Done<'a> = Pin<Box<dyn Future<Output = Result<(), HandleError>> + Send + 'a>>;
/// Carries out what a batch of events asks for.
type CarryOut<C> = for<'a> fn(&'a Context, &'a Tx, Vec<C>) -> Done<'a>;

/// Reads every event of a batch, then carries all of them out at once.
struct Apply<P, C> {
    context: Context,
    read: Read<P, C>,
    carry_out: CarryOut<C>,
}

#[async_trait]
impl<P: Payload, C: Send + 'static> Handler<P> for Apply<P, C> {
    type Prepared = ();

    async fn prepare(&self, _: &[Received<P>]) -> Result<(), HandleError> {
        Ok(())
    }

    async fn apply(&self, tx: &Tx, events: &[Received<P>], (): ()) -> Result<(), HandleError> {
        let asked = events.iter().map(self.read).collect::<Result<Vec<C>, _>>()?;
        (self.carry_out)(&self.context, tx, asked).await
    }
}

fn reserve<'a>(context: &'a Context, tx: &'a Tx, asked: Vec<(Plan, Cause)>) -> Done<'a> {
    Box::pin(async move { commands::reserve(context, tx, &asked).await })
}

fn release_all<'a>(context: &'a Context, tx: &'a Tx, asked: Vec<(Release, Cause)>) -> Done<'a> {
    Box::pin(async move { commands::release(context, tx, &asked).await })
}

fn issue_all<'a>(context: &'a Context, tx: &'a Tx, asked: Vec<(Issue, Cause)>) -> Done<'a> {
    Box::pin(async move { commands::issue(context, tx, &asked).await })
}

fn pick_all<'a>(context: &'a Context, tx: &'a Tx, asked: Vec<Pick>) -> Done<'a> {
    Box::pin(async move { commands::pick(context, tx, &asked).await })
}

fn note<'a>(context: &'a Context, tx: &'a Tx, asked: Vec<Vec<Note>>) -> Done<'a> {
    Box::pin(async move {
        let notes: Vec<Note> = asked.into_iter().flatten().collect();
        if !notes.is_empty() {
            let waiting = store::note(tx, &notes).await?;
            store::look_by(tx, waiting, context.clock.now() + context.look_again_after).await?;
        }
        Ok(())
    })
}

pub(super) fn cause<P>(event: &Received<P>) -> Cause {
    let source = event.event_type.split('.').next().unwrap_or_default();
    Cause {
        actor: ("service".to_owned(), source.to_owned()),
        occurred_at: event.occurred_at,
        trace: event.trace.clone(),
    }
}

fn line_units(units: &ProtoUnits) -> Result<LineUnits, HandleError> {
    Ok(LineUnits {
        line: units.line_id.parse()?,
        item: units.item_id.parse()?,
        quantity: positive(units.quantity, &units.line_id)?,
    })
}

pub(super) fn positive(quantity: i64, line: &str) -> Result<i64, HandleError> {
    match quantity {
        1.. => Ok(quantity),
        _ => Err(HandleError::poison(format!("quantity {quantity} of {line}"))),
    }
}

/// An ISO 8601 date; none when it is empty.
fn date(text: &str) -> Result<Option<NaiveDate>, HandleError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| HandleError::poison(format!("date {text:?}: {error}")))
}

pub(super) fn plan(event: &Received<routing::Planned>) -> Result<(Plan, Cause), HandleError> {
    let planned = &event.payload;
    let mut units = Vec::new();
    for assignment in &planned.assignments {
        let (location, promised) = (assignment.location_id.parse()?, date(&assignment.promised_date)?);
        for it in &assignment.units {
            units.push(PlannedUnits { location, units: line_units(it)?, promised });
        }
    }
    if units.is_empty() {
        return Err(HandleError::poison("the plan has no units"));
    }
    let plan = Plan {
        tenant: event.tenant,
        id: planned.plan_id.parse()?,
        order: planned.order_id.parse()?,
        attempt: planned.attempt,
        priority: planned.priority,
        for_backorder: planned.for_backorder,
        planned_at: event.occurred_at,
        announced: planned.encode_to_vec(),
        units,
    };
    Ok((plan, cause(event)))
}

fn release(event: &Received<order::ReleaseRequested>) -> Result<(Release, Cause), HandleError> {
    let asked = &event.payload;
    let units = asked
        .units
        .iter()
        .map(|it| {
            let units = LineUnits {
                line: it.line_id.parse()?,
                item: it.item_id.parse()?,
                quantity: positive(it.quantity, &it.line_id)?,
            };
            Ok(LocationUnits { location: it.location_id.parse()?, units })
        })
        .collect::<Result<_, HandleError>>()?;
    let release = Release {
        tenant: event.tenant,
        order: asked.order_id.parse()?,
        reservation: asked.reservation_id.parse()?,
        plan: asked.plan_id.parse()?,
        units,
        short_pick: asked.reason() == ReleaseReason::ShortPick,
    };
    Ok((release, cause(event)))
}

fn issue(event: &Received<shipping::FulfilmentIssued>) -> Result<(Issue, Cause), HandleError> {
    let (reservation, location) = named(event.payload.fulfilment.as_ref())?;
    let units = event.payload.units.iter().map(line_units).collect::<Result<_, _>>()?;
    Ok((Issue { tenant: event.tenant, reservation, location, units }, cause(event)))
}

fn pick(event: &Received<shipping::FulfilmentPicking>) -> Result<Pick, HandleError> {
    let (reservation, location) = named(event.payload.fulfilment.as_ref())?;
    let units = event.payload.units.iter().map(line_units).collect::<Result<_, _>>()?;
    Ok(Pick { tenant: event.tenant, reservation, location, units })
}

fn named(
    fulfilment: Option<&shipping::FulfilmentRef>,
) -> Result<(ReservationId, qm_ids::LocationId), HandleError> {
    let fulfilment = fulfilment.ok_or_else(|| HandleError::poison("fulfilment is missing"))?;
    Ok((fulfilment.reservation_id.parse()?, fulfilment.location_id.parse()?))
}

fn waits(event: &Received<order::Backordered>) -> Result<Vec<Note>, HandleError> {
    let it = &event.payload;
    notes(event, &it.order_id, it.revision, WaitKind::Waits, &it.units)
}

fn woken(event: &Received<order::SourcingRequested>) -> Result<Vec<Note>, HandleError> {
    let it = &event.payload;
    // Units whose plan was rejected do not wait between two attempts: they were woken once.
    if it.reason() != SourcingReason::Backorder || it.rejections > 0 {
        return Ok(Vec::new());
    }
    notes(event, &it.order_id, it.revision, WaitKind::Woken { attempt: it.attempt }, &it.units)
}

fn cancelled(event: &Received<order::UnitsCancelled>) -> Result<Vec<Note>, HandleError> {
    let it = &event.payload;
    notes(event, &it.order_id, it.revision, WaitKind::Cancelled, &it.units)
}

fn ended(event: &Received<order::Cancelled>) -> Result<Vec<Note>, HandleError> {
    let it = &event.payload;
    let entry = WaitEntry { revision: it.revision, kind: WaitKind::Ended, quantity: 0 };
    Ok(vec![Note { tenant: event.tenant, order: it.order_id.parse()?, line: None, entry }])
}

/// One note for each item of each line: an event may name a line several times.
fn notes<P>(
    event: &Received<P>,
    order: &str,
    revision: i64,
    kind: WaitKind,
    units: &[ProtoUnits],
) -> Result<Vec<Note>, HandleError> {
    let order: OrderId = order.parse()?;
    let mut sums: BTreeMap<(LineId, ItemId), i64> = BTreeMap::new();
    for units in units {
        let units = line_units(units)?;
        let sum = sums.entry((units.line, units.item)).or_default();
        *sum = sum.saturating_add(units.quantity);
    }
    let note = |(line, quantity)| {
        let entry = WaitEntry { revision, kind, quantity };
        Note { tenant: event.tenant, order, line: Some(line), entry }
    };
    Ok(sums.into_iter().map(note).collect())
}

#[cfg(test)]
mod tests {
    use qm_ids::{EventId, TenantId, Uuid};

    use super::*;

    fn asked(reason: SourcingReason, rejections: i32) -> Received<order::SourcingRequested> {
        let units = ProtoUnits {
            line_id: LineId::from_uuid(Uuid::from_u128(2)).to_string(),
            item_id: ItemId::from_uuid(Uuid::from_u128(3)).to_string(),
            quantity: 5,
        };
        Received {
            event_id: EventId::from_uuid(Uuid::from_u128(4)),
            tenant: TenantId::from_uuid(Uuid::from_u128(5)),
            event_type: "order.sourcing_requested".to_owned(),
            aggregate: Uuid::from_u128(1),
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            trace: None,
            payload: order::SourcingRequested {
                order_id: OrderId::from_uuid(Uuid::from_u128(1)).to_string(),
                revision: 7,
                attempt: 3,
                reason: reason.into(),
                units: vec![units],
                rejections,
                ..order::SourcingRequested::default()
            },
        }
    }

    #[test]
    fn units_that_waited_are_woken_once_however_often_their_plans_are_rejected() {
        let units = |reason, rejections| -> i64 {
            woken(&asked(reason, rejections)).unwrap().iter().map(|note| note.entry.quantity).sum()
        };
        assert_eq!(units(SourcingReason::Backorder, 0), 5);
        assert_eq!(units(SourcingReason::Backorder, 1), 0);
        assert_eq!(units(SourcingReason::Rejected, 1), 0, "they never waited");
    }
}
