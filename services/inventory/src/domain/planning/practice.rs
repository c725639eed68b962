//! How a merchant's demand is forecast: learnt from all series together, used for each.

use std::collections::BTreeMap;

use super::accuracy::scaled_error;
use super::calibration::Calibration;
use super::choice::{CLEARLY, Choice, Errors, HISTORY, errors, origins};
use super::class::DemandClass;
use super::demand::{Demand, Period};
use super::levels::LeadTime;
use super::methods::Method;
use super::outlook::Outlook;
use super::profile::Profile;
use super::spread::Spread;

/// Series that are learnt from at most, taken evenly from all: more of them say the same.
const LEARNT_FROM: usize = 4_000;
/// Weeks of the days' profile: half a year, so that it follows when opening hours change.
const WEEKDAY_WEEKS: usize = 26;
/// Earlier moments from which levels are tried.
const MOMENTS: usize = 6;
/// Stretches for which levels are corrected, weeks.
const STRETCHES: [usize; 3] = [1, 2, 4];

/// How a merchant's demand is forecast.
///
/// One series is short and mostly chance; ten thousand are not. So all series together decide what a single one cannot: which
/// [`Method`] suits a [`DemandClass`], what the days of a week and the weeks of a year are worth, how widely demand of a given
/// size spreads, and by how much levels were missed. Each choice is made by forecasts from earlier moments of the history (rolling
/// origins), of which what came is known. Only that of a year's profile is made without anything that came later: spread, profile
/// and method of all series together owe next to nothing to one series' last weeks.
#[derive(Clone, Debug, PartialEq)]
pub struct Practice {
    period: Period,
    horizon: usize,
    methods: BTreeMap<DemandClass, Choice>,
    weekdays: Option<Profile>,
    year: Option<Profile>,
    spread: Spread,
    calibrations: Vec<(usize, Calibration)>,
}

impl Practice {
    /// Learns from series that all end with the same period, to forecast `weeks` weeks.
    pub fn learn(series: &[Demand], period: Period, weeks: usize) -> Self {
        let horizon = weeks.max(1);
        let every = series.len().div_ceil(LEARNT_FROM).max(1);
        let taken: Vec<&Demand> = series.iter().step_by(every).collect();
        let weekdays = match period {
            Period::Day => {
                let owned: Vec<Demand> = taken.iter().map(|demand| (*demand).clone()).collect();
                Profile::of(&owned, 7, 4, WEEKDAY_WEEKS, false)
            }
            Period::Week => None,
        };
        let weekly: Vec<Demand> = taken.iter().map(|demand| demand.by_week(period)).collect();
        let spread = Spread::of(&weekly);
        let mut practice = Self {
            period,
            horizon,
            methods: BTreeMap::new(),
            weekdays,
            year: None,
            spread,
            calibrations: Vec::new(),
        };
        practice.year = practice.year_if_it_pays(&weekly);
        practice.methods = practice.choices(&weekly);
        practice.calibrations =
            STRETCHES.iter().map(|stretch| (*stretch, practice.calibration(&weekly, *stretch))).collect();
        practice
    }

    /// What will be asked for of one of the series, of which the history has come to be `later` periods longer than what was
    /// learnt from.
    pub fn outlook(&self, demand: &Demand, later: usize) -> Outlook {
        let weeks = later * self.period.days() as usize / 7;
        let year = self.year.as_ref().map(|year| year.later(weeks));
        let weekdays = self.weekdays.as_ref().map(|days| days.later(later));
        Outlook { weekdays, ..self.weekly_outlook(&demand.by_week(self.period), year.as_ref()) }
    }

    /// The level to aim at so that `level` of the stretches of so many days are served in full.
    pub fn aim(&self, level: f64, days: f64) -> f64 {
        let weeks = days / 7.0;
        let off = |stretch: usize| (stretch as f64 - weeks).abs();
        let known = self.calibrations.iter().filter(|(_, calibration)| !calibration.is_empty());
        let nearest = known.min_by(|(a, _), (b, _)| off(*a).total_cmp(&off(*b)));
        nearest.map_or(level, |(_, calibration)| calibration.aim(level))
    }

    /// The method of each class, and whether series of it take the one that does best on themselves.
    pub fn methods(&self) -> impl Iterator<Item = (DemandClass, Method, bool)> + '_ {
        self.methods.iter().map(|(class, choice)| (*class, choice.method, choice.each_its_own))
    }

    /// Whether the weeks of a year have a profile.
    pub fn is_yearly(&self) -> bool {
        self.year.is_some()
    }

    /// The outlook of a series of weeks; the year's profile begins after its last.
    fn weekly_outlook(&self, weeks: &Demand, year: Option<&Profile>) -> Outlook {
        let history = weeks.since_first();
        let choice = self.methods.get(&DemandClass::of(&history));
        let method = choice.map_or(Method::ALL[0], |choice| choice.method_of(&history, self.horizon, year));
        let weeks = method.forecast(&history, self.horizon, year);
        let mean = weeks.iter().sum::<f64>() / weeks.len() as f64;
        let even = year.map(|year| year.taken_out_of(&history));
        Outlook {
            period: self.period,
            method,
            weeks,
            weekdays: None,
            variance: self.spread.variance(even.as_ref().unwrap_or(&history), mean),
            history: history.seen(),
        }
    }

    /// The profile of a year, if the latest forecasts with it would have been better than those without.
    fn year_if_it_pays(&self, weekly: &[Demand]) -> Option<Profile> {
        let back = origins(self.horizon)[1];
        let before: Vec<Demand> = weekly.iter().map(|d| d.until(d.len().saturating_sub(back))).collect();
        let tried = Profile::of(&before, 52, 2, 4, true)?;
        let total = |year: Option<&Profile>| -> f64 {
            let one = |(demand, before): (&Demand, &Demand)| {
                let history = before.since_first();
                let forecast = Method::Steady.forecast(&history, back, year);
                scaled_error(&history, &demand.after(before.len(), back), &forecast)
            };
            weekly.iter().zip(&before).filter_map(one).sum()
        };
        let pays = total(Some(&tried)) < (1.0 - CLEARLY) * total(None);
        if pays { Profile::of(weekly, 52, 2, 4, true) } else { None }
    }

    fn choices(&self, weekly: &[Demand]) -> BTreeMap<DemandClass, Choice> {
        let tried: Vec<(DemandClass, Vec<Errors>)> = weekly
            .iter()
            .map(Demand::since_first)
            .map(|demand| (DemandClass::of(&demand), errors(&demand, self.horizon, self.year.as_ref())))
            .filter(|(_, errors)| !errors.is_empty())
            .collect();
        let of = |class: Option<DemandClass>| {
            let own = tried.iter().filter(|(of, _)| class.is_none_or(|class| class == *of));
            own.map(|(_, errors)| errors.as_slice()).collect::<Vec<_>>()
        };
        let all = Choice::of(&of(None), None);
        let of_class = |class: DemandClass| Choice::of(&of(Some(class)), Some(all.method));
        DemandClass::ALL.into_iter().map(|class| (class, of_class(class))).collect()
    }

    /// What became of levels in the past: where the demand of a stretch of weeks stood in the distribution that was forecast for
    /// it, from each of the last moments.
    fn calibration(&self, weekly: &[Demand], stretch: usize) -> Calibration {
        let mut ranks = Vec::new();
        let lead = LeadTime::fixed(7 * stretch as u32);
        for back in (1..=MOMENTS).map(|moment| moment * stretch.max(2)) {
            let year = self.year.as_ref().map(|year| year.earlier(back));
            for demand in weekly {
                let Some(start) = demand.len().checked_sub(back) else { continue };
                let before = demand.until(start);
                if before.since_first().seen() < HISTORY {
                    continue;
                }
                let came: f64 = demand.after(start, stretch).units().iter().sum();
                if !came.is_nan() {
                    let asked = self.weekly_outlook(&before, year.as_ref()).until_replenished(lead, 0.0);
                    // Spread evenly over 0..1, as random shares are, by the golden ratio.
                    let share = (ranks.len() as f64 * 0.618_033_988_749_895).fract();
                    ranks.push(asked.rank(came, share));
                }
            }
        }
        Calibration::of(ranks)
    }
}
