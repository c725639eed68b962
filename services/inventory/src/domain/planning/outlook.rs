//! What will be asked for.

use super::demand::Period;
use super::levels::LeadTime;
use super::methods::Method;
use super::profile::Profile;
use super::units_asked::UnitsAsked;

/// Weeks that a smoothed level remembers, as an error of it: with factors of 0.1 to 0.3 its variance is that of a mean of 6 to
/// 19 periods, (2 − a) / a.
const REMEMBERED: f64 = 12.0;

/// What will be asked for of one item at one location, from the end of its history on.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    pub(super) period: Period,
    pub(super) method: Method,
    /// Units of each week to come; the last stands for all that follow. At least one.
    pub(super) weeks: Vec<f64>,
    /// What days of a week have of it, if history shows days.
    pub(super) weekdays: Option<Profile>,
    /// Of a week's units around their mean.
    pub(super) variance: f64,
    /// Weeks of history behind it.
    pub(super) history: usize,
}

impl Outlook {
    /// How it was made.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The units of each of the next periods, days or weeks as the history was.
    pub fn periods(&self, periods: usize) -> Vec<f64> {
        let day =
            |n: usize| self.week(n / 7) / 7.0 * self.weekdays.as_ref().map_or(1.0, |days| days.share(n));
        match self.period {
            Period::Day => (0..periods).map(day).collect(),
            Period::Week => (0..periods).map(|n| self.week(n)).collect(),
        }
    }

    /// The mean of a week's units, over the next four.
    pub fn weekly(&self) -> f64 {
        (0..4).map(|n| self.week(n)).sum::<f64>() / 4.0
    }

    /// What may be asked for from now until goods come that are ordered after `review_days` at the latest.
    ///
    /// The variance has three parts: of the weeks themselves; of their mean, which is only known from so many weeks, and off in
    /// the same direction in all of them; and of the lead time, in which a week more or less has a week's mean.
    pub fn until_replenished(&self, lead: LeadTime, review_days: f64) -> UnitsAsked {
        let weeks = (lead.days() + review_days.max(0.0)) / 7.0;
        let mean = self.mean_over(weeks);
        let known_from = (self.history as f64).clamp(1.0, REMEMBERED);
        let per_week = if weeks > 0.0 { mean / weeks } else { 0.0 };
        let late = per_week * lead.deviation() / 7.0;
        UnitsAsked::new(mean, self.variance * weeks * (1.0 + weeks / known_from) + late * late)
    }

    fn week(&self, n: usize) -> f64 {
        self.weeks.get(n).or(self.weeks.last()).copied().unwrap_or(0.0)
    }

    fn mean_over(&self, weeks: f64) -> f64 {
        let whole = weeks.floor() as usize;
        let rest = weeks - weeks.floor();
        let of_rest = self.weekdays.as_ref().map_or(rest, |days| days.periods(0, rest * 7.0) / 7.0);
        (0..whole).map(|n| self.week(n)).sum::<f64>() + of_rest * self.week(whole)
    }
}
