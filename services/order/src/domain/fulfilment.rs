//! What executors report: work begun, refused, issued, delivered, recalled.

use qm_ids::{FulfilmentId, LineId};

use super::{
    event::{Event, ReleaseReason, SourcingReason},
    order::{Exclusion, Fulfilment, FulfilmentState, LineUnits, RecallIntent},
    piece::{Bucket, Piece, UnitRange},
    sourcing::{release, request_sources, units_in_work},
    step::Step,
};

/// Why a location rejected units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// They are not there.
    ShortPick,
    /// The location cannot or will not do the work.
    Declined,
}

/// The executor has the work.
pub fn record_opened(step: &mut Step, fulfilment: FulfilmentId) -> String {
    let Some(known) = step.order().fulfilment(fulfilment) else { return unknown(fulfilment) };
    if let FulfilmentState::Requested { .. } = known.state {
        step.emit(Event::FulfilmentOpened { fulfilment });
        return "the location has the work".to_owned();
    }
    "known already".to_owned()
}

/// A location will not fulfil some units: they need another source, or are cancelled if that was asked for.
pub fn record_rejected(
    step: &mut Step,
    fulfilment: FulfilmentId,
    units: &[LineUnits],
    reason: RejectReason,
) -> String {
    let Some(known) = step.order().fulfilment(fulfilment).cloned() else { return unknown(fulfilment) };
    let ranges = pick(step, fulfilment, units, |bucket| bucket == Bucket::InFulfilment);
    if ranges.is_empty() {
        return "nothing of it is in fulfilment".to_owned();
    }
    let release_reason = match reason {
        RejectReason::ShortPick => ReleaseReason::ShortPick,
        RejectReason::Declined => ReleaseReason::Declined,
    };
    release_units(step, &known, &ranges, release_reason);
    // With those of the attempt that led here, or two locations that decline would be asked in turn for ever.
    let mut exclusions: Vec<Exclusion> = step
        .order()
        .pieces()
        .filter(|(_, piece)| piece.source.is_some_and(|source| source.fulfilment == fulfilment))
        .filter_map(|(_, piece)| step.order().attempt(piece.attempt))
        .flat_map(|attempt| attempt.exclusions.iter().copied())
        .collect();
    let rejected = step.order().units_of(&ranges);
    exclusions
        .extend(rejected.iter().map(|units| Exclusion { location: known.location, item: Some(units.item) }));
    exclusions.sort_unstable();
    exclusions.dedup();
    let outcome = if is_cancelled(&known) {
        cancel(step, ranges);
        "cancelled".to_owned()
    } else {
        let next = request_sources(step, ranges, SourcingReason::ShortPick, 0, exclusions);
        format!("attempt {next} asked for")
    };
    end_if_empty(step, fulfilment);
    step.settle("cancelled");
    outcome
}

/// A recall came in time for these units; none named means all. Others may have left before, and their issue may be told
/// later than this.
pub fn record_cancelled(step: &mut Step, fulfilment: FulfilmentId, units: &[LineUnits]) -> String {
    let Some(known) = step.order().fulfilment(fulfilment).cloned() else { return unknown(fulfilment) };
    let ranges = if units.is_empty() {
        units_in_work(step.order(), fulfilment)
    } else {
        pick(step, fulfilment, units, |bucket| bucket == Bucket::InFulfilment)
    };
    if ranges.is_empty() {
        return "nothing of it is in fulfilment".to_owned();
    }
    release_units(step, &known, &ranges, ReleaseReason::Cancelled);
    let outcome = if is_cancelled(&known) {
        cancel(step, ranges);
        "recalled and cancelled".to_owned()
    } else {
        let next = request_sources(step, ranges, SourcingReason::ReservationBroken, 0, Vec::new());
        format!("recalled, attempt {next} asked for")
    };
    end_if_empty(step, fulfilment);
    step.settle("cancelled");
    outcome
}

/// A recall came too late: the units go out.
pub fn record_recall_refused(step: &mut Step, fulfilment: FulfilmentId) -> String {
    let Some(known) = step.order().fulfilment(fulfilment) else { return unknown(fulfilment) };
    if let FulfilmentState::Recalling { intent, .. } = known.state {
        step.emit(Event::RecallRefused { fulfilment, intent });
        return "too late, the units go out".to_owned();
    }
    "no recall is under way".to_owned()
}

/// Units left the building.
pub fn record_issued(step: &mut Step, fulfilment: FulfilmentId, units: &[LineUnits]) -> String {
    advance(step, fulfilment, units, Bucket::Shipped, |bucket| bucket == Bucket::InFulfilment)
}

/// The shopper has units. May be told before it is told that they left.
pub fn record_delivered(step: &mut Step, fulfilment: FulfilmentId, units: &[LineUnits]) -> String {
    advance(step, fulfilment, units, Bucket::Delivered, |bucket| {
        matches!(bucket, Bucket::InFulfilment | Bucket::Shipped | Bucket::Returning)
    })
}

/// Nothing of the work is left to do; `units` were handed over at the counter.
pub fn record_completed(step: &mut Step, fulfilment: FulfilmentId, units: &[LineUnits]) -> String {
    if units.is_empty() {
        return "all is delivered".to_owned();
    }
    record_delivered(step, fulfilment, units)
}

/// Units went missing on the way.
pub fn record_lost(step: &mut Step, fulfilment: FulfilmentId, units: &[LineUnits]) -> String {
    advance(step, fulfilment, units, Bucket::Lost, |bucket| {
        matches!(bucket, Bucket::InFulfilment | Bucket::Shipped | Bucket::Returning)
    })
}

/// Units are on their way back without having been delivered.
pub fn record_returning(step: &mut Step, fulfilment: FulfilmentId, units: &[LineUnits]) -> String {
    advance(step, fulfilment, units, Bucket::Returning, |bucket| {
        matches!(bucket, Bucket::InFulfilment | Bucket::Shipped)
    })
}

fn advance(
    step: &mut Step,
    fulfilment: FulfilmentId,
    units: &[LineUnits],
    to: Bucket,
    from: impl Fn(Bucket) -> bool + Copy,
) -> String {
    if step.order().fulfilment(fulfilment).is_none() {
        return unknown(fulfilment);
    }
    let ranges = pick(step, fulfilment, units, from);
    if ranges.is_empty() {
        return format!("no unit of it becomes {}", to.word());
    }
    let count: i64 = ranges.iter().map(UnitRange::quantity).sum();
    step.emit(Event::Moved { units: ranges, to });
    end_if_empty(step, fulfilment);
    step.settle("");
    format!("{count} units {}", to.word())
}

fn pick(
    step: &Step,
    fulfilment: FulfilmentId,
    units: &[LineUnits],
    from: impl Fn(Bucket) -> bool + Copy,
) -> Vec<UnitRange> {
    let wanted = |piece: &Piece| {
        from(piece.bucket) && piece.source.is_some_and(|source| source.fulfilment == fulfilment)
    };
    summed(units).into_iter().flat_map(|(line, quantity)| step.order().pick(line, quantity, wanted)).collect()
}

/// Quantities by line: a message may name a line twice, once for each parcel.
fn summed(units: &[LineUnits]) -> Vec<(LineId, i64)> {
    let mut sums: Vec<(LineId, i64)> = Vec::new();
    for unit in units {
        match sums.iter_mut().find(|(line, _)| *line == unit.line) {
            Some((_, sum)) => *sum = sum.saturating_add(unit.quantity),
            None => sums.push((unit.line, unit.quantity)),
        }
    }
    sums
}

fn release_units(step: &mut Step, fulfilment: &Fulfilment, ranges: &[UnitRange], reason: ReleaseReason) {
    let units = step.order().units_of(ranges).into_iter().map(|units| (fulfilment.location, units)).collect();
    release(step, fulfilment.reservation, fulfilment.plan, units, reason);
}

/// True when the shopper cancelled what this work is for, also when the recall came too late: whatever of it comes back
/// is not looked for elsewhere.
fn is_cancelled(fulfilment: &Fulfilment) -> bool {
    matches!(
        fulfilment.state,
        FulfilmentState::Recalling { intent: RecallIntent::Cancel, .. }
            | FulfilmentState::RecallRefused { intent: RecallIntent::Cancel }
    )
}

fn cancel(step: &mut Step, units: Vec<UnitRange>) {
    step.emit(Event::UnitsCancelled { units, reason: "cancelled".to_owned() });
}

fn end_if_empty(step: &mut Step, fulfilment: FulfilmentId) {
    let is_over =
        step.order().fulfilment(fulfilment).is_some_and(|known| known.state != FulfilmentState::Ended);
    if is_over && units_in_work(step.order(), fulfilment).is_empty() {
        step.emit(Event::FulfilmentEnded { fulfilment });
    }
}

fn unknown(fulfilment: FulfilmentId) -> String {
    format!("{fulfilment} is not of this order")
}
