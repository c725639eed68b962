//! Fulfilments, as far as order must know them: how the work stands, and what was reported of it.
//!
//! Reports come late, twice under different names, and in any order. Each is therefore kept by what it says, and counts
//! once; what became of a shipment counts by the shipment.

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{FulfilmentId, LineId, LocationId, PlanId, ReservationId, ShipmentId};

use super::piece::Bucket;

/// Units by line.
pub type UnitsByLine = Vec<(LineId, i64)>;

/// Work that a plan gave to a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fulfilment {
    /// Derived from plan, location and group.
    pub id: FulfilmentId,
    /// The plan.
    pub plan: PlanId,
    /// The claim on stock.
    pub reservation: ReservationId,
    /// Where.
    pub location: LocationId,
    /// Group within the plan.
    pub group: String,
    /// Number of the kind in the contract, passed on as routing said it.
    pub kind: i32,
    /// Local date by which it should leave.
    pub ship_by: String,
    /// Local date promised.
    pub promised: Option<NaiveDate>,
    /// How it stands.
    pub state: FulfilmentState,
    /// What was reported and had an effect.
    pub reports: Vec<Report>,
    /// What became of its shipments, as far as that moved units.
    pub journeys: Vec<Journey>,
    /// Units in its work whose claim on stock was broken: when they leave it, there is nothing to release.
    pub broken: UnitsByLine,
}

/// How work stands, as far as order must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FulfilmentState {
    /// Its units are allocated; nobody was asked yet.
    Planned,
    /// Asked; asked again at `due_at`.
    Requested {
        /// Times asked.
        asks: i32,
        /// When to ask again.
        due_at: DateTime<Utc>,
    },
    /// The executor has it.
    Opened,
    /// It shall not be done, if that is still possible; asked again at `due_at`.
    Recalling {
        /// What becomes of the units.
        intent: RecallIntent,
        /// Times asked.
        asks: i32,
        /// When to ask again.
        due_at: DateTime<Utc>,
    },
    /// It was too late for a recall.
    RecallRefused {
        /// What was to become of the units.
        intent: RecallIntent,
    },
    /// Nothing of it is left to do.
    Ended,
    /// Nothing of it was left to do before anybody was asked: no executor has ever heard of it.
    Dropped,
}

impl FulfilmentState {
    /// Whether it stays as it is.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Dropped)
    }
}

/// What becomes of the units of a recalled fulfilment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecallIntent {
    /// They need another source.
    Resource,
    /// Nobody wants them; wins over the other.
    Cancel,
}

/// What an executor reported. Equal reports are one report told again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What happened to the units.
    pub kind: ReportKind,
    /// The units, by line.
    pub units: UnitsByLine,
}

/// What happened, and what tells it from the same happening to as many units another time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportKind {
    /// The location will not fulfil them; the fulfilment's version then.
    Rejected(i64),
    /// They were recalled in time; the fulfilment's version then.
    Cancelled(i64),
    /// They left; when, as the executor wrote it.
    Issued(String),
}

/// What became of a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// Which; none for what was handed over at the counter.
    pub shipment: Option<ShipmentId>,
    /// Where it got to.
    pub fate: Fate,
    /// What is inside, by line.
    pub units: UnitsByLine,
}

/// Where a shipment got to. Of two that are reported the later in this list counts, in whatever order they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// On its way back without having been delivered.
    Returning,
    /// Nobody knows where it is.
    Lost,
    /// The shopper has it.
    Delivered,
}

impl Fate {
    /// Where its units are then.
    pub fn bucket(self) -> Bucket {
        match self {
            Self::Returning => Bucket::Returning,
            Self::Lost => Bucket::Lost,
            Self::Delivered => Bucket::Delivered,
        }
    }
}

impl Fulfilment {
    /// True when this was reported before.
    pub fn knows(&self, report: &Report) -> bool {
        self.reports.contains(report)
    }

    /// What is known of a shipment.
    pub fn journey(&self, shipment: Option<ShipmentId>) -> Option<&Journey> {
        self.journeys.iter().find(|journey| journey.shipment == shipment)
    }

    /// Units of a line that were reported to have left.
    pub(super) fn issued(&self, line: LineId) -> i64 {
        self.reports
            .iter()
            .filter(|report| matches!(report.kind, ReportKind::Issued(_)))
            .map(|report| units_of(&report.units, line))
            .fold(0, i64::saturating_add)
    }

    /// Units of a line that are known to have got somewhere, whether or not it was told before that they left.
    pub(super) fn arrived(&self, line: LineId) -> i64 {
        let arrived = self.journeys.iter().map(|journey| units_of(&journey.units, line));
        arrived.fold(0, i64::saturating_add)
    }

    /// Units of a line in this work whose claim was broken.
    pub(super) fn broken(&self, line: LineId) -> i64 {
        units_of(&self.broken, line)
    }
}

fn units_of(units: &[(LineId, i64)], line: LineId) -> i64 {
    units.iter().filter(|(known, _)| *known == line).map(|(_, quantity)| *quantity).sum()
}
