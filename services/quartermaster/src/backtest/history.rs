//! What was asked for in the past, from a CSV file.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{Datelike as _, NaiveDate};
use qm_inventory::planning::Period;
use serde::Serialize;

use crate::dataset::{Error, Row, Table};

/// Periods times series that are held at most: some 1.5 GB with what is reckoned from them.
const LARGEST: usize = 30_000_000;
/// Periods at most: twenty years of days. A date with a wrong year would make millions.
const LONGEST: usize = 7_305;

/// All series of a file, over the same periods.
pub(super) struct History {
    pub(super) file: String,
    pub(super) period: Period,
    pub(super) periods: usize,
    pub(super) series: Vec<Series>,
}

/// What was asked for of one item at one location, in each period; none where the shelf was empty.
pub(super) type Series = Vec<Option<u64>>;

/// What a history is, in figures.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) file: String,
    pub(super) period: &'static str,
    pub(super) series: usize,
    pub(super) periods: usize,
    pub(super) units: u64,
}

impl History {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let mut table = Table::of_file(path)?;
        let file = path.display().to_string();
        let weekly = table.has("week");
        let placed = table.has("location");
        let mut cells: BTreeMap<(String, String), BTreeMap<i64, Option<u64>>> = BTreeMap::new();
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        while let Some(row) = table.next_row()? {
            let location = if placed { row.text("location")?.to_owned() } else { String::new() };
            let at = if weekly { row.count("week")? } else { row.parsed("date", date)? };
            (first, last) = (first.min(at), last.max(at));
            let cell = cells
                .entry((row.text("sku")?.to_owned(), location))
                .or_default()
                .entry(at)
                .or_insert(Some(0));
            *cell = match (*cell, row.parsed("units", units)?) {
                (Some(so_far), Some(units)) => Some(sum(&row, so_far, units)?),
                _ => None,
            };
        }
        let periods = usize::try_from(last.saturating_sub(first).saturating_add(1)).unwrap_or(0);
        let count = cells.len();
        if count == 0 {
            return Err(table.error("(rows)", "must be at least one"));
        }
        if periods > LONGEST || periods.saturating_mul(count) > LARGEST {
            let problem = format!(
                "must span at most {LONGEST} periods, and {LARGEST} of all series together, not {periods} of {count} series"
            );
            return Err(table.error("(rows)", problem));
        }
        let series = cells.into_values().map(|cells| laid_out(&cells, first, periods)).collect();
        let period = if weekly { Period::Week } else { Period::Day };
        Ok(Self { file, period, periods, series })
    }

    pub(super) fn summary(&self) -> Summary {
        let period = match self.period {
            Period::Day => "day",
            Period::Week => "week",
        };
        let units = self.series.iter().flatten().flatten().sum();
        Summary { file: self.file.clone(), period, series: self.series.len(), periods: self.periods, units }
    }
}

fn laid_out(cells: &BTreeMap<i64, Option<u64>>, first: i64, periods: usize) -> Series {
    let mut series = vec![Some(0); periods];
    for (at, units) in cells {
        if let Some(cell) = usize::try_from(at - first).ok().and_then(|n| series.get_mut(n)) {
            *cell = *units;
        }
    }
    series
}

fn date(text: &str) -> Result<i64, String> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    date.map(|date| i64::from(date.num_days_from_ce()))
        .map_err(|_| format!("must be a date like 2026-01-31, not {text:?}"))
}

/// The most units of one row: more is a mistake, and sums of such rows still fit.
const MOST: u64 = 1_000_000_000;

fn units(text: &str) -> Result<Option<u64>, String> {
    if text == "out" {
        return Ok(None);
    }
    let units = text.parse().ok().filter(|units: &u64| *units <= MOST);
    units.map(Some).ok_or_else(|| format!("must be a whole number from 0 to {MOST}, or out, not {text:?}"))
}

fn sum(row: &Row<'_>, so_far: u64, units: u64) -> Result<u64, Error> {
    let sum = so_far + units;
    if sum > MOST {
        Err(row.error("units", format!("come to more than {MOST} with earlier rows")))
    } else {
        Ok(sum)
    }
}
