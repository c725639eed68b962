//! What happened, in a page that a person reads.

use std::{collections::BTreeMap, fmt, time::Duration};

use chrono::{DateTime, Utc};

use super::{
    measure::{Measured, Percentiles},
    rest::Counts,
};
use crate::verify::Report;

/// Orders that are named when they are not at rest.
const MAX_NAMED: usize = 10;

/// What happened.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) measured: Measured,
    pub(super) counts: Counts,
    /// Demo time of the first order and at the end.
    pub(super) span: (DateTime<Utc>, DateTime<Utc>),
    /// Requests that were sent again because the API was busy.
    pub(super) retries: u64,
    pub(super) report: Report,
    /// Orders that are not at rest, each in a line.
    pub(super) restless: Vec<String>,
}

impl Summary {
    /// True when every order that was placed came to rest, none was refused, and all laws hold.
    pub(super) fn is_good(&self) -> bool {
        self.measured.refused == 0
            && self.restless.is_empty()
            && self.counts.notifications.mails_failed == 0
            && self.report.is_clean()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (measured, counts) = (&self.measured, &self.counts);
        let seconds = measured.took.as_secs_f64();
        let rate = if seconds > 0.0 { measured.placed as f64 / seconds } else { 0.0 };
        let orders = format!("{} placed in {seconds:.1} s, {rate:.1} orders/s", thousands(measured.placed));
        row(f, "orders", &orders)?;
        breakdown(f, &counts.orders)?;
        row(f, "units", &thousands(total(&counts.units)))?;
        breakdown(f, &counts.units)?;
        let (split, sourced) = (counts.split_orders, counts.sourced_orders);
        row(
            f,
            "split",
            &format!(
                "{split} of {sourced} sourced orders from more than one location{}",
                share(split, sourced)
            ),
        )?;
        row(f, "shipping cost", &shipping_cost(counts.plans.cost_minor, sourced))?;
        row(f, "POST /v1/orders", &percentiles(measured.post))?;
        row(f, "placed → allocated", &percentiles(measured.allocation))?;
        let warehouses = format!(
            "{} fulfilments handed over, {} short picks",
            thousands(measured.handed_over),
            measured.short_picks
        );
        row(f, "warehouses", &warehouses)?;
        row(
            f,
            "notifications",
            &format!("{} mails sent", thousands(counts.notifications.mails_sent.unsigned_abs())),
        )?;
        let (from, until) = self.span;
        row(f, "demo time", &format!("{} to {}", from.format("%F %H:%M"), until.format("%F %H:%M UTC")))?;
        if self.restless.is_empty() {
            row(f, "at rest", "every order: done, or waiting for stock that no location has")?;
        }
        row(f, "verify", &verdict(&self.report))?;
        self.problems(f)
    }
}

impl Summary {
    fn problems(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = &self.measured;
        if self.retries > 0 {
            row(f, "sent again", &format!("{} requests, because the API was busy", self.retries))?;
        }
        if self.counts.notifications.mails_failed > 0 {
            row(f, "mails failed", &self.counts.notifications.mails_failed.to_string())?;
        }
        if measured.refused > 0 {
            row(f, "orders refused", &measured.refused.to_string())?;
            named(f, &measured.refusals, measured.refused)?;
        }
        if !self.restless.is_empty() {
            row(f, "not at rest", &format!("{} orders", self.restless.len()))?;
            named(f, &self.restless, self.restless.len() as u64)?;
        }
        if !self.report.is_clean() {
            write!(f, "\n{}", self.report)?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {name:<20} {value}")
}

/// Each kind that there is, in its own line.
fn breakdown(f: &mut fmt::Formatter<'_>, counts: &BTreeMap<String, i64>) -> fmt::Result {
    let all = total(counts);
    for (name, count) in counts.iter().filter(|(_, count)| **count != 0) {
        let words = name.replace('_', " ");
        let share = *count as f64 * 100.0 / all.max(1) as f64;
        writeln!(f, "    {words:<18} {:>8}  {share:>5.1} %", thousands(count.unsigned_abs()))?;
    }
    Ok(())
}

fn named(f: &mut fmt::Formatter<'_>, lines: &[String], all: u64) -> fmt::Result {
    for line in lines.iter().take(MAX_NAMED) {
        writeln!(f, "    {line}")?;
    }
    match all.saturating_sub(lines.len().min(MAX_NAMED) as u64) {
        0 => Ok(()),
        more => writeln!(f, "    and {more} more"),
    }
}

fn total(counts: &BTreeMap<String, i64>) -> u64 {
    counts.values().sum::<i64>().unsigned_abs()
}

fn share(part: i64, whole: i64) -> String {
    if whole == 0 { String::new() } else { format!(" ({:.1} %)", part as f64 * 100.0 / whole as f64) }
}

fn shipping_cost(cost_minor: i64, orders: i64) -> String {
    let dollars = |minor: i64| {
        let minor = minor.unsigned_abs();
        format!("{}.{:02} USD", thousands(minor / 100), minor % 100)
    };
    match orders {
        0 => dollars(cost_minor),
        orders => format!(
            "{}, {} an order (carriage and handling)",
            dollars(cost_minor),
            dollars(cost_minor / orders)
        ),
    }
}

fn percentiles(measured: Option<Percentiles>) -> String {
    match measured {
        Some(Percentiles { p50, p99 }) => format!("p50 {}, p99 {}", milliseconds(p50), milliseconds(p99)),
        None => "nothing measured".to_owned(),
    }
}

fn milliseconds(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 100.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

fn verdict(report: &Report) -> String {
    let laws = report.within.len() + report.across.len();
    let within: i64 = report.within.iter().map(|(_, law)| law.checked).sum();
    let across: u64 = report.across.iter().map(|law| law.checked).sum();
    let checked = thousands(within.unsigned_abs() + across);
    match (report.violations(), report.dead_letters) {
        (0, 0) => format!("all {laws} laws hold, {checked} things checked, no dead letters"),
        (violations, dead) => {
            format!("{violations} violations and {dead} dead letters; {checked} things checked")
        }
    }
}

/// Digits in groups of three.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::CrossLaw;

    const MS: Duration = Duration::from_millis(1);

    fn summary() -> Summary {
        let counts = serde_json::json!({
            "orders": { "completed": 1_180, "placed": 20, "on_hold": 0 },
            "units": { "delivered": 9_950, "backordered": 50 },
            "split_orders": 400, "sourced_orders": 1_200,
            "plans": { "cost_minor": 1_200_060 },
            "notifications": { "mails_sent": 3_600, "mails_pending": 0, "mails_failed": 0,
                               "webhooks_delivered": 0 },
        });
        let time = |text: &str| text.parse().unwrap();
        let law = CrossLaw {
            law: "claims",
            statement: "law 4",
            checked: 12_345,
            in_flight: 0,
            violations: Vec::new(),
        };
        Summary {
            measured: Measured {
                placed: 1_200,
                took: 60_000 * MS,
                post: Some(Percentiles { p50: 4 * MS, p99: 250 * MS }),
                handed_over: 1_700,
                short_picks: 36,
                ..Measured::default()
            },
            counts: serde_json::from_value(counts).unwrap(),
            span: (time("2017-07-10T00:04:10Z"), time("2017-07-14T09:30:00Z")),
            retries: 0,
            report: Report { across: vec![law], ..Report::default() },
            restless: Vec::new(),
        }
    }

    #[test]
    fn a_good_run_is_told_in_numbers_and_nothing_else() {
        let summary = summary();
        assert!(summary.is_good());
        let text = summary.to_string();
        for line in [
            "  orders               1,200 placed in 60.0 s, 20.0 orders/s",
            "    completed             1,180   98.3 %",
            "    backordered              50    0.5 %",
            "  split                400 of 1200 sourced orders from more than one location (33.3 %)",
            "  shipping cost        12,000.60 USD, 10.00 USD an order (carriage and handling)",
            "  POST /v1/orders      p50 4.0 ms, p99 250 ms",
            "  placed → allocated   nothing measured",
            "  warehouses           1,700 fulfilments handed over, 36 short picks",
            "  demo time            2017-07-10 00:04 to 2017-07-14 09:30 UTC",
            "  at rest              every order: done, or waiting for stock that no location has",
            "  verify               all 1 laws hold, 12,345 things checked, no dead letters",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\nis missing in\n{text}");
        }
        assert!(
            !text.contains("on hold") && !text.contains("refused") && !text.contains("not at rest"),
            "{text}"
        );
    }

    #[test]
    fn what_went_wrong_is_named_and_makes_the_run_a_bad_one() {
        let refused = Summary {
            measured: Measured {
                refused: 30,
                refusals: vec!["CJ-1: sku unknown".to_owned()],
                ..Measured::default()
            },
            ..summary()
        };
        let text = refused.to_string();
        assert!(
            !refused.is_good() && text.contains("CJ-1: sku unknown") && text.contains("and 29 more"),
            "{text}"
        );

        let restless = Summary { restless: vec!["order 7 is placed: 1 open".to_owned()], ..summary() };
        let text = restless.to_string();
        assert!(!restless.is_good() && text.contains("order 7 is placed: 1 open"), "{text}");
        assert!(!text.contains("every order"), "{text}");

        let mut broken = summary();
        broken.report.across[0].violations.push("order says 1, inventory says 0".to_owned());
        let text = broken.to_string();
        assert!(
            !broken.is_good() && text.contains("1 violations") && text.contains("inventory says 0"),
            "{text}"
        );

        let mut given_up = summary();
        given_up.report.dead_letters = 2;
        assert!(!given_up.is_good() && given_up.to_string().contains("2 dead letters"));
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        let numbers = [0, 999, 1_000, 12_345, 1_234_567].map(thousands);
        assert_eq!(numbers, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
