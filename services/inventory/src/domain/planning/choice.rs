//! Which method to take, by what each would have said before.

use super::accuracy::scaled_error;
use super::demand::Demand;
use super::methods::Method;
use super::profile::Profile;

/// Weeks of history without which nothing is learnt of a series.
pub(super) const HISTORY: usize = 6;
/// Series below which a choice would be chance.
const SERIES: usize = 30;
/// A share of the error that a choice must save before it is preferred to the usual one.
pub(super) const CLEARLY: f64 = 0.01;
/// The same for taking each series' own best: it has many chances to look better than it is.
const ITS_OWN: f64 = 0.03;

/// Which method a class of series is forecast by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    /// That did best on all of them.
    pub(super) method: Method,
    /// Whether each series takes the one that did best on itself.
    pub(super) each_its_own: bool,
}

/// How far back, in weeks before the end, the moments lie from which forecasts are tried (rolling origins), the latest first.
pub(super) fn origins(horizon: usize) -> [usize; 3] {
    let half = horizon.div_ceil(2).max(1);
    [half, 2 * half, 3 * half]
}

/// The scaled error of each method, from one origin.
pub(super) type Errors = [f64; Method::ALL.len()];

impl Choice {
    /// From the errors on the series of a class: the method that did best on all of them together, or the usual one where that
    /// is hardly worse; of few series the usual one, or the first of all.
    ///
    /// Whether each series' own best is better than the common best is seen from the latest origin, when both are chosen by
    /// the older ones. It seldom is: what did best on a few weeks of one series did so by chance.
    pub(super) fn of(series: &[&[Errors]], usual: Option<Method>) -> Self {
        if series.len() < SERIES {
            return Self { method: usual.unwrap_or(Method::ALL[0]), each_its_own: false };
        }
        let all = || series.iter().flat_map(|errors| errors.iter());
        let found = best(all()).unwrap_or(Method::ALL[0]);
        let total = |method: Method| all().map(|errors| errors[method.index()]).sum::<f64>();
        let kept = usual.filter(|usual| total(found) > (1.0 - CLEARLY) * total(*usual));
        let method = kept.unwrap_or(found);
        let judged =
            || series.iter().filter_map(|errors| errors.split_first()).filter(|(_, older)| !older.is_empty());
        let common = best(judged().flat_map(|(_, older)| older)).unwrap_or(method);
        let (mut own, mut shared) = (0.0, 0.0);
        for (latest, older) in judged() {
            own += latest[best(older).unwrap_or(common).index()];
            shared += latest[common.index()];
        }
        Self { method, each_its_own: own < (1.0 - ITS_OWN) * shared }
    }

    /// The method for one series of the class.
    pub(super) fn method_of(&self, history: &Demand, horizon: usize, year: Option<&Profile>) -> Method {
        if !self.each_its_own {
            return self.method;
        }
        best(&errors(history, horizon, year)).unwrap_or(self.method)
    }
}

/// The method with the least sum of errors, the first of equal ones; none of no errors.
fn best<'e>(errors: impl IntoIterator<Item = &'e Errors>) -> Option<Method> {
    let mut sums: Option<Errors> = None;
    for errors in errors {
        let sums = sums.get_or_insert([0.0; Method::ALL.len()]);
        sums.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error);
    }
    let sums = sums?;
    Method::ALL.into_iter().min_by(|a, b| sums[a.index()].total_cmp(&sums[b.index()]))
}

/// The errors from each origin that leaves enough history and at which anything can be said, the latest first.
pub(super) fn errors(history: &Demand, horizon: usize, year: Option<&Profile>) -> Vec<Errors> {
    let from = |back: usize| {
        let start = history.len().checked_sub(back).filter(|start| *start >= HISTORY)?;
        let before = history.until(start);
        let came = history.after(start, horizon);
        let year = year.map(|year| year.earlier(back));
        let mut errors = Errors::default();
        for method in Method::ALL {
            let forecast = method.forecast(&before, came.len(), year.as_ref());
            errors[method.index()] = scaled_error(&before, &came, &forecast)?;
        }
        Some(errors)
    };
    origins(horizon).into_iter().filter_map(from).collect()
}
