//! Attempts that come to nothing: the next one looks elsewhere, or the units wait for stock.

use chrono::{DateTime, Utc};
use qm_ids::{ItemId, LineId, LocationId};

use super::{
    arrival::ArrivalsByItem,
    event::{Event, MAX_REJECTIONS, SourcingReason},
    order::{Attempt, Exclusion, LineUnits, Order, sum_by_line},
    piece::{Bucket, Piece, UnitRange},
    sourcing::{Need, request_sources},
    step::Step,
};

/// Nothing of a plan could be reserved. `arrivals` are those of the attempt's items.
pub fn record_rejected(
    step: &mut Step,
    attempt: i32,
    shortages: &[(LocationId, ItemId)],
    arrivals: &mut ArrivalsByItem,
) -> String {
    let units = step.order().ranges(|_, piece| is_open(piece, attempt));
    let Some(known) = step.order().attempt(attempt).filter(|_| !units.is_empty()).cloned() else {
        return format!("attempt {attempt} was superseded");
    };
    let rejections = known.rejections + 1;
    let outcome = if rejections >= MAX_REJECTIONS {
        pass_on(&known, &step.order().units_of(&units), arrivals);
        let outcome = fall_short(step, &known, units, arrivals);
        format!("rejected {rejections} times in a row, {outcome}")
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
        let next = request_sources(step, Need { rejections, exclusions, ..Need::new(units, reason) });
        format!("attempt {attempt} rejected, attempt {next} asked for")
    };
    step.settle("");
    outcome
}

/// No location can fill some units of an attempt now. `arrivals` are those of the attempt's items.
pub fn record_unfillable(
    step: &mut Step,
    attempt: i32,
    units: &[LineUnits],
    arrivals: &mut ArrivalsByItem,
) -> String {
    // From the end: a reservation for the rest of the attempt takes from the beginning, so both orders of arrival give
    // the same pieces.
    let ranges: Vec<UnitRange> = sum_by_line(units)
        .into_iter()
        .flat_map(|(line, quantity)| pick_last(step.order(), line, quantity, |it| is_open(it, attempt)))
        .collect();
    let known = step.order().attempt(attempt).filter(|known| {
        // Units that were woken and are gone meanwhile leave their stock to others.
        !known.told_unfillable && (!ranges.is_empty() || known.reason == SourcingReason::Backorder)
    });
    let Some(known) = known.cloned() else {
        return format!("attempt {attempt} was superseded, or told this before");
    };
    pass_on(&known, units, arrivals);
    let outcome = fall_short(step, &known, ranges, arrivals);
    step.settle("");
    outcome
}

/// What woke units that found nothing is to wake others.
fn pass_on(known: &Attempt, units: &[LineUnits], arrivals: &mut ArrivalsByItem) {
    for units in units.iter().filter(|_| known.reason == SourcingReason::Backorder) {
        if let Some(arrivals) = arrivals.get_mut(&units.item) {
            arrivals.pass_on(units.quantity);
        }
    }
}

/// Units for which an attempt found nothing: those for which stock came that it may have missed are looked for again,
/// the others wait.
///
/// Units that had waited before wait again in any case and are woken by [`look_again`] in a decision of its own, since
/// inventory counts who waits by the order's revisions.
fn fall_short(
    step: &mut Step,
    known: &Attempt,
    units: Vec<UnitRange>,
    arrivals: &mut ArrivalsByItem,
) -> String {
    let again = known.reason == SourcingReason::Backorder;
    let missed = if again { Missed::default() } else { missed(step.order(), known, &units, arrivals) };
    step.emit(Event::FoundNothing { attempt: known.number });
    let waiting = without(&units, &missed.units);
    let mut outcome = Vec::new();
    if !waiting.is_empty() {
        let count: i64 = waiting.iter().map(UnitRange::quantity).sum();
        outcome.push(format!("{count} units backordered"));
        step.emit(Event::Backordered { units: waiting, again });
    }
    if !missed.units.is_empty() {
        let need = Need::new(missed.units, known.reason);
        let next = request_sources(step, Need { sees_until: missed.sees_until, ..need });
        outcome.push(format!("stock arrived meanwhile, attempt {next} asked for"));
    }
    if outcome.is_empty() { "nothing of it is left".to_owned() } else { outcome.join(", ") }
}

/// Wakes the units that wait since `attempt` found nothing and for which stock came that it may have missed.
pub fn look_again(step: &mut Step, attempt: i32, arrivals: &mut ArrivalsByItem) -> String {
    let waiting =
        step.order().ranges(|_, piece| piece.bucket == Bucket::Backordered && piece.attempt == attempt);
    let Some(known) = step.order().attempt(attempt).cloned() else { return String::new() };
    let missed = missed(step.order(), &known, &waiting, arrivals);
    if missed.units.is_empty() {
        return "no stock arrived meanwhile".to_owned();
    }
    let need = Need::new(missed.units, SourcingReason::Backorder);
    let next = request_sources(step, Need { sees_until: missed.sees_until, ..need });
    format!("stock arrived meanwhile, attempt {next} asked for")
}

/// Units for which stock came that an attempt may have missed, and until when their next attempt sees all arrivals.
#[derive(Debug, Default)]
struct Missed {
    units: Vec<UnitRange>,
    sees_until: Option<DateTime<Utc>>,
}

fn missed(order: &Order, known: &Attempt, units: &[UnitRange], arrivals: &mut ArrivalsByItem) -> Missed {
    let mut missed = Missed::default();
    for range in units {
        let came = order.line(range.line).and_then(|line| arrivals.get_mut(&line.item));
        let Some(came) = came else { continue };
        let taken = came.spend(known.sees_until, range.quantity());
        if taken > 0 {
            let start = range.units.start;
            missed.units.push(UnitRange { line: range.line, units: start..start + taken });
            // The earliest of several items: to look once too often is better than to miss something.
            missed.sees_until = missed.sees_until.into_iter().chain(came.latest).min();
        }
    }
    missed
}

/// `units` without those of `taken`, which begin where some of them begin.
fn without(units: &[UnitRange], taken: &[UnitRange]) -> Vec<UnitRange> {
    units
        .iter()
        .filter_map(|range| {
            let start = taken
                .iter()
                .find(|it| it.line == range.line && it.units.start == range.units.start)
                .map_or(range.units.start, |it| it.units.end);
            (start < range.units.end).then_some(UnitRange { line: range.line, units: start..range.units.end })
        })
        .collect()
}

fn is_open(piece: &Piece, attempt: i32) -> bool {
    piece.bucket == Bucket::Open && piece.attempt == attempt
}

/// Up to `quantity` units of a line whose pieces satisfy `wanted`, highest first.
fn pick_last(order: &Order, line: LineId, quantity: i64, wanted: impl Fn(&Piece) -> bool) -> Vec<UnitRange> {
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
