//! What is printed.

use std::fmt;

use qm_inventory::planning::{DemandClass, Method, Practice};
use serde::Serialize;

use super::accuracy::Accuracy;
use super::history::Summary;
use super::stock::{Figures, Stock};

/// What a back-test found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) history: Summary,
    pub(super) weeks_learnt: usize,
    pub(super) weeks_replayed: usize,
    pub(super) horizon_weeks: usize,
    pub(super) service: f64,
    /// How it was forecast.
    pub(super) practice: Practised,
    pub(super) accuracy: Accuracy,
    pub(super) stock: Stock,
}

#[derive(Debug, Serialize)]
pub(super) struct Practised {
    /// Whether the weeks of a year have a profile.
    pub(super) yearly: bool,
    pub(super) classes: Vec<PractisedClass>,
}

#[derive(Debug, Serialize)]
pub(super) struct PractisedClass {
    pub(super) class: &'static str,
    pub(super) method: &'static str,
    /// Whether each series takes the one that did best on itself.
    pub(super) each_its_own: bool,
}

pub(super) fn practised(practice: &Practice) -> Practised {
    let class = |(class, method, each_its_own)| PractisedClass {
        class: match class {
            DemandClass::Smooth => "smooth",
            DemandClass::Erratic => "erratic",
            DemandClass::Intermittent => "intermittent",
            DemandClass::Lumpy => "lumpy",
        },
        method: match method {
            Method::Steady => "steady",
            Method::Level => "level",
            Method::Moving => "moving",
            Method::Rare => "rare",
        },
        each_its_own,
    };
    Practised { yearly: practice.is_yearly(), classes: practice.methods().map(class).collect() }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { file, period, series, periods, units } = &self.history;
        writeln!(f, "{file}: {series} series of {periods} {period}s, {units} units")?;
        writeln!(
            f,
            "learnt from the first {} weeks; the last {} were not looked at\n",
            self.weeks_learnt, self.weeks_replayed
        )?;
        writeln!(
            f,
            "Forecasts of {} weeks, mean scaled error of {} series",
            self.horizon_weeks, self.accuracy.series
        )?;
        for (name, error) in [
            ("planning", self.accuracy.planned),
            ("mean of the last four weeks", self.accuracy.last_four_weeks),
            ("mean of all weeks", self.accuracy.mean),
            ("the last week again", self.accuracy.last_week),
        ] {
            match error {
                Some(error) => writeln!(f, "  {name:<28} {error:>8.3}")?,
                None => writeln!(f, "  {name:<28} {:>8}", "-")?,
            }
        }
        let own = |own| if own { ", or what did best on a series itself" } else { "" };
        for PractisedClass { class, method, each_its_own } in &self.practice.classes {
            writeln!(f, "  {class} demand: method {method}{}", own(*each_its_own))?;
        }
        if self.practice.yearly {
            writeln!(f, "  with what the weeks of a year showed")?;
        }
        let Stock { planned, fixed, fixed_safety_factor, fixed_sells_as_much } = &self.stock;
        writeln!(
            f,
            "\nStock, replayed over the last {} weeks for a service of {}",
            self.weeks_replayed, self.service
        )?;
        writeln!(f, "  {:<28} {:>14} {:>14}", "", "planned", "fixed point")?;
        let mut row = |name: &str, of: &dyn Fn(&Figures) -> String| {
            writeln!(f, "  {name:<28} {:>14} {:>14}", of(planned), of(fixed))
        };
        row("units sold of those asked", &|it| format!("{:.2} %", 100.0 * it.fill_rate))?;
        row("times that stock lasted", &|it| format!("{:.2} %", 100.0 * it.service))?;
        row("units not sold", &|it| it.not_sold.to_string())?;
        row("periods out of stock", &|it| format!("{:.2} %", 100.0 * it.stockouts))?;
        row("average stock, units", &|it| format!("{:.0}", it.average_stock))?;
        row("average stock, value", &|it| format!("{:.0}", it.average_stock_value))?;
        row("turns a year", &|it| format!("{:.2}", it.turns))?;
        row("orders", &|it| it.orders.to_string())?;
        row("cost of ordering", &|it| format!("{:.0}", it.ordering_cost))?;
        row("cost of holding", &|it| format!("{:.0}", it.holding_cost))?;
        let than = match (planned.average_stock, fixed.average_stock) {
            (_, 0.0) => return Ok(()),
            (planned, fixed) if planned <= fixed => format!("{:.1} % less", 100.0 * (1.0 - planned / fixed)),
            (planned, fixed) => format!("{:.1} % more", 100.0 * (planned / fixed - 1.0)),
        };
        let sells = if *fixed_sells_as_much { "sells as much" } else { "still sells less" };
        writeln!(
            f,
            "planning keeps {than} stock than a fixed point that {sells} (safety factor {fixed_safety_factor:.2})"
        )
    }
}
