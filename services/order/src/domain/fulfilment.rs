//! What executors report of work: begun, refused, recalled.

use qm_ids::FulfilmentId;

use super::{
    event::{Event, ReleaseReason, SourcingReason},
    order::{Exclusion, LineUnits, sum_by_line},
    piece::{Bucket, UnitRange},
    sourcing::{Need, ranges_in_work, release, request_sources},
    step::Step,
    work::{Fulfilment, FulfilmentState, RecallIntent, Report, ReportKind, UnitsByLine},
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

/// A location will not fulfil some units: they need another source, or are cancelled if that was asked for. `version` is
/// the fulfilment's when it said so.
pub fn record_rejected(
    step: &mut Step,
    fulfilment: FulfilmentId,
    version: i64,
    units: &[LineUnits],
    reason: RejectReason,
) -> String {
    let Some(known) = step.order().fulfilment(fulfilment).cloned() else { return unknown(fulfilment) };
    let report = Report { kind: ReportKind::Rejected(version), units: sum_by_line(units) };
    let ranges = match returned(step, &known, report) {
        Ok(ranges) => ranges,
        Err(outcome) => return outcome,
    };
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
        let next = request_sources(step, Need { exclusions, ..Need::new(ranges, SourcingReason::ShortPick) });
        format!("attempt {next} asked for")
    };
    end_if_empty(step, fulfilment);
    step.settle("cancelled");
    outcome
}

/// A recall came in time for these units; none named means all. Others may have left before, and their issue may be told
/// later than this. `version` is the fulfilment's when it said so.
pub fn record_cancelled(
    step: &mut Step,
    fulfilment: FulfilmentId,
    version: i64,
    units: &[LineUnits],
) -> String {
    let Some(known) = step.order().fulfilment(fulfilment).cloned() else { return unknown(fulfilment) };
    let all = step.order().units_in_work(fulfilment);
    let units = sum_by_line(if units.is_empty() { &all } else { units });
    let report = Report { kind: ReportKind::Cancelled(version), units };
    let ranges = match returned(step, &known, report) {
        Ok(ranges) => ranges,
        Err(outcome) => return outcome,
    };
    release_units(step, &known, &ranges, ReleaseReason::Cancelled);
    let outcome = if is_cancelled(&known) {
        cancel(step, ranges);
        "recalled and cancelled".to_owned()
    } else {
        let next = request_sources(step, Need::new(ranges, SourcingReason::ReservationBroken));
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

/// Units that a report gives back, with the report kept; or why there are none.
fn returned(step: &mut Step, known: &Fulfilment, report: Report) -> Result<Vec<UnitRange>, String> {
    if known.knows(&report) {
        return Err("told before".to_owned());
    }
    let ranges = pick(step, known.id, &report.units, Bucket::InFulfilment);
    if ranges.is_empty() {
        return Err("nothing of it is in fulfilment".to_owned());
    }
    step.emit(Event::Reported { fulfilment: known.id, report });
    Ok(ranges)
}

/// Where units are that are in this work and bucket.
pub(super) fn pick(
    step: &Step,
    fulfilment: FulfilmentId,
    units: &UnitsByLine,
    bucket: Bucket,
) -> Vec<UnitRange> {
    let pick = |(line, quantity): &(_, i64)| {
        step.order().pick(*line, *quantity, |piece| {
            piece.bucket == bucket && piece.source.is_some_and(|source| source.fulfilment == fulfilment)
        })
    };
    units.iter().flat_map(pick).collect()
}

/// Lets go of what is claimed for units that leave the work. Those whose claim was broken have none.
fn release_units(step: &mut Step, known: &Fulfilment, ranges: &[UnitRange], reason: ReleaseReason) {
    let mut claimed = Vec::new();
    for mut units in step.order().units_of(ranges) {
        let broken = known.broken(units.line).min(units.quantity);
        if broken > 0 {
            step.emit(Event::BrokenLeft { fulfilment: known.id, line: units.line, quantity: broken });
            units.quantity -= broken;
        }
        if units.quantity > 0 {
            claimed.push((known.location, units));
        }
    }
    // To name no units would mean all.
    if !claimed.is_empty() {
        release(step, known.reservation, known.plan, claimed, reason);
    }
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

/// Ends work of which nothing is left to do.
pub(super) fn end_if_empty(step: &mut Step, fulfilment: FulfilmentId) {
    let is_open = step.order().fulfilment(fulfilment).is_some_and(|known| !known.state.is_over());
    if is_open && ranges_in_work(step.order(), fulfilment).is_empty() {
        step.emit(Event::FulfilmentEnded { fulfilment });
    }
}

pub(super) fn unknown(fulfilment: FulfilmentId) -> String {
    format!("{fulfilment} is not of this order")
}
