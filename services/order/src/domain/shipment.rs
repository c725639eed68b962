//! What executors and carriers report of units that left: issued, delivered, lost, on their way back.
//!
//! A delivery may be told before the issue. Units that got somewhere are then taken for issued, and the issue, when it is
//! told, moves only the others: what has left is the greater of what was told to have left and what is known to have got
//! somewhere.

use qm_ids::{FulfilmentId, LineId, ShipmentId};

use super::{
    event::Event,
    fulfilment::{end_if_empty, pick, unknown},
    order::{LineUnits, sum_by_line},
    piece::{Bucket, UnitRange},
    step::Step,
    work::{Fate, Fulfilment, Journey, Report, ReportKind, UnitsByLine},
};

/// Units left the building; `at` is when, as the executor wrote it.
pub fn record_issued(step: &mut Step, fulfilment: FulfilmentId, at: &str, units: &[LineUnits]) -> String {
    let Some(known) = step.order().fulfilment(fulfilment).cloned() else { return unknown(fulfilment) };
    let report = Report { kind: ReportKind::Issued(at.to_owned()), units: sum_by_line(units) };
    if known.knows(&report) {
        return "told before".to_owned();
    }
    if report.units.iter().all(|(line, _)| known.issued(*line) >= units_ever(step, fulfilment, *line)) {
        return "all of it has left".to_owned();
    }
    let left: UnitsByLine = report.units.iter().map(|unit| newly_left(&known, *unit, 0)).collect();
    step.emit(Event::Reported { fulfilment, report });
    let ranges = pick(step, fulfilment, &left, Bucket::InFulfilment);
    advance(step, fulfilment, ranges, Bucket::Shipped)
}

/// A shipment (none: what was handed over at the counter) got somewhere.
pub fn record_journey(
    step: &mut Step,
    fulfilment: FulfilmentId,
    shipment: Option<ShipmentId>,
    fate: Fate,
    units: &[LineUnits],
) -> String {
    let Some(known) = step.order().fulfilment(fulfilment).cloned() else { return unknown(fulfilment) };
    let ranges = match known.journey(shipment) {
        Some(before) if before.fate >= fate => return "told before".to_owned(),
        // It is the same shipment: what it holds is known.
        Some(before) => pick(step, fulfilment, &before.units, before.fate.bucket()),
        None => {
            let units = sum_by_line(units);
            let left: UnitsByLine =
                units.iter().map(|unit| newly_left(&known, (unit.0, 0), unit.1)).collect();
            let on_their_way: UnitsByLine =
                units.iter().zip(&left).map(|(unit, left)| (unit.0, unit.1 - left.1)).collect();
            let mut ranges = pick(step, fulfilment, &left, Bucket::InFulfilment);
            ranges.extend(pick(step, fulfilment, &on_their_way, Bucket::Shipped));
            ranges
        }
    };
    if ranges.is_empty() {
        return format!("no unit of it becomes {}", fate.bucket().word());
    }
    let units = match known.journey(shipment) {
        Some(before) => before.units.clone(),
        None => sum_by_line(units),
    };
    step.emit(Event::Travelled { fulfilment, journey: Journey { shipment, fate, units } });
    advance(step, fulfilment, ranges, fate.bucket())
}

/// Nothing of the work is left to do; `units` were handed over at the counter.
pub fn record_completed(step: &mut Step, fulfilment: FulfilmentId, units: &[LineUnits]) -> String {
    if units.is_empty() {
        return "all is delivered".to_owned();
    }
    record_journey(step, fulfilment, None, Fate::Delivered, units)
}

/// Units of a line that count as having left for the first time when `issued` more are told to have left and `arrived`
/// more are known to have got somewhere.
fn newly_left(known: &Fulfilment, (line, issued): (LineId, i64), arrived: i64) -> (LineId, i64) {
    let before = known.issued(line).max(known.arrived(line));
    let after = known.issued(line).saturating_add(issued).max(known.arrived(line).saturating_add(arrived));
    (line, after - before)
}

/// Units of a line that are or were in the hands of this work and have not come back.
fn units_ever(step: &Step, fulfilment: FulfilmentId, line: LineId) -> i64 {
    let of_work = step
        .order()
        .pick(line, i64::MAX, |piece| piece.source.is_some_and(|source| source.fulfilment == fulfilment));
    of_work.iter().map(UnitRange::quantity).sum()
}

fn advance(step: &mut Step, fulfilment: FulfilmentId, ranges: Vec<UnitRange>, to: Bucket) -> String {
    let count: i64 = ranges.iter().map(UnitRange::quantity).sum();
    if count > 0 {
        step.emit(Event::Moved { units: ranges, to });
    }
    end_if_empty(step, fulfilment);
    step.settle("");
    format!("{count} units {}", to.word())
}
