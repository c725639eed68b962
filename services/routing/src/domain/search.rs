//! Finds the facilities to open: branch and bound over the dual-ascent bound, with local improvement so that an order
//! too large to finish still gets a good plan. Work is counted, not timed, so a replay ends at the same plan.

use chrono::NaiveDate;

use super::bound::{Ascent, Status};
use super::cost::Micros;
use super::problem::Problem;

/// Plans nearer to each other than a thousandth of a minor unit are equally cheap: the bound is built from integer
/// steps and may stay a few millionths below the cost that it proves.
const TOLERANCE: Micros = 1_000;

/// The best plan found for a problem.
pub(super) struct Solution {
    /// For each facility, whether it is open.
    pub(super) open: Vec<bool>,
    /// No plan costs less than this; equals the plan's cost if it is proven.
    pub(super) bound: Micros,
    pub(super) cost: Micros,
    pub(super) proven: bool,
}

/// How plans compare: cost, shipments, latest arrival, then the locations in the order of their ids.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    cost: Micros,
    shipments: usize,
    latest: NaiveDate,
    facilities: Vec<usize>,
}

struct Search<'p> {
    problem: &'p Problem,
    size: u64,
    budget: u64,
    work: u64,
    ascent: Ascent,
    best: Rank,
}

/// Solves a problem within a budget of arcs looked at.
pub(super) fn solve(problem: &Problem, budget: u64) -> Solution {
    let mut open = vec![false; problem.facilities.len()];
    let nothing = rank(problem, &open);
    let mut search =
        Search { problem, size: problem.size(), budget, work: 0, ascent: Ascent::default(), best: nothing };
    for facility in 0..open.len() {
        open[facility] = true;
        search.consider(&open);
        open[facility] = false;
        if search.spent() {
            break;
        }
    }
    let mut status = vec![Status::Free; open.len()];
    let comparisons = (open.len() as u64).pow(2).saturating_mul(problem.items.len() as u64);
    if comparisons <= budget {
        close_dominated(problem, &mut status);
    }
    let root = search.ascend(&status);
    let mut exhausted = search.settled(root);
    if !exhausted {
        search.try_tight(&status);
        exhausted = search.settled(root);
    }
    if !exhausted {
        search.improve(&status);
        exhausted = search.explore(status);
    }
    let best = search.best;
    for facility in &best.facilities {
        open[*facility] = true;
    }
    let bound = if exhausted { best.cost } else { root.min(best.cost) };
    Solution { open, bound, cost: best.cost, proven: exhausted }
}

fn rank(problem: &Problem, open: &[bool]) -> Rank {
    let facilities: Vec<usize> = (0..open.len()).filter(|f| open[*f]).collect();
    Rank {
        cost: problem.cost(open),
        shipments: facilities.len(),
        latest: facilities.iter().map(|f| problem.facilities[*f].promised).max().unwrap_or(NaiveDate::MIN),
        facilities,
    }
}

/// Closes facilities that another one replaces in every plan: it holds all that is wanted of whatever they hold, opens
/// as cheaply, and carries each unit as cheaply. Only where facilities do not limit each other.
fn close_dominated(problem: &Problem, status: &mut [Status]) {
    if problem.has_limits() {
        return;
    }
    let table = problem.table();
    for loser in 0..status.len() {
        let replaced = (0..status.len()).any(|winner| {
            let (w, l) = (&problem.facilities[winner], &problem.facilities[loser]);
            (w.fixed, w.promised, winner) < (l.fixed, l.promised, loser)
                && problem.items.iter().zip(&table).all(|(item, row)| match (row[winner], row[loser]) {
                    (_, None) => true,
                    (None, Some(_)) => false,
                    (Some(w), Some(l)) => w.units >= item.quantity && w.unit_cost <= l.unit_cost,
                })
        });
        if replaced {
            status[loser] = Status::Closed;
        }
    }
}

impl Search<'_> {
    fn spent(&self) -> bool {
        self.work + self.ascent.work > self.budget
    }

    fn ascend(&mut self, status: &[Status]) -> Micros {
        self.work += self.size;
        self.ascent.run(self.problem, status)
    }

    /// Whether plans that cost at least `bound` cannot better the best one.
    fn settled(&self, bound: Micros) -> bool {
        bound + TOLERANCE >= self.best.cost
    }

    /// Keeps a plan if it ranks before the best.
    fn consider(&mut self, open: &[bool]) -> bool {
        self.work += self.size;
        let cost = self.problem.cost(open);
        if cost > self.best.cost {
            return false;
        }
        let found = rank(self.problem, open);
        let better = found < self.best;
        if better {
            self.best = found;
        }
        better
    }

    /// The plan that the bound suggests: the facilities that are open or paid for, less those it can do without.
    fn try_tight(&mut self, status: &[Status]) -> Vec<bool> {
        let paid = |f: usize| status[f] == Status::Free && self.ascent.tight[f];
        let mut open: Vec<bool> = (0..status.len()).map(|f| status[f] == Status::Open || paid(f)).collect();
        let spare: Vec<usize> = (0..status.len()).rev().filter(|f| paid(*f)).collect();
        let mut cost = self.problem.cost(&open);
        for facility in spare {
            open[facility] = false;
            let without = self.problem.cost(&open);
            self.work += self.size;
            if without <= cost {
                cost = without;
            } else {
                open[facility] = true;
            }
        }
        self.consider(&open);
        open
    }

    /// Local improvement from the best plan: drop a facility, add one, or swap two, while that helps and half of the
    /// budget lasts.
    fn improve(&mut self, status: &[Status]) {
        let usable: Vec<usize> = (0..status.len()).filter(|f| status[*f] != Status::Closed).collect();
        let limit = self.budget / 2;
        loop {
            let mut open = vec![false; status.len()];
            for facility in &self.best.facilities {
                open[*facility] = true;
            }
            let now = self.best.facilities.clone();
            let mut better = false;
            // `None` drops nothing, or adds nothing.
            for drop in std::iter::once(None).chain(now.iter().copied().map(Some)) {
                for add in std::iter::once(None).chain(usable.iter().copied().map(Some)) {
                    if self.work + self.ascent.work > limit {
                        return;
                    }
                    if add.is_some_and(|f| open[f]) {
                        continue;
                    }
                    flip(&mut open, drop, false);
                    flip(&mut open, add, true);
                    better |= self.consider(&open);
                    flip(&mut open, add, false);
                    flip(&mut open, drop, true);
                }
            }
            if !better {
                return;
            }
        }
    }

    /// Searches all plans that agree with the statuses; false if the budget ended first.
    ///
    /// Recursion goes as deep as facilities are open together; closing one is a turn of the loop.
    fn explore(&mut self, mut status: Vec<Status>) -> bool {
        loop {
            if self.spent() {
                return false;
            }
            let bound = self.ascend(&status);
            if self.settled(bound) {
                return true;
            }
            for (facility, status) in status.iter_mut().enumerate() {
                if *status == Status::Free && self.settled(bound + self.ascent.slack[facility]) {
                    *status = Status::Closed;
                }
            }
            let Some(facility) = self.branch(&status) else { return true };
            let mut opened = status.clone();
            opened[facility] = Status::Open;
            let possible = !Problem::is_impossible(self.problem.opening_cost(|f| opened[f] == Status::Open));
            if possible && !self.explore(opened) {
                return false;
            }
            status[facility] = Status::Closed;
        }
    }

    /// The facility to decide next; `None` if the statuses leave nothing to gain.
    fn branch(&mut self, status: &[Status]) -> Option<usize> {
        let suggested = self.try_tight(status);
        let free = |f: &usize| status[*f] == Status::Free;
        let mut carried: Vec<Micros> = vec![0; status.len()];
        for (_, facility, units) in self.problem.loads(&suggested) {
            carried[facility] += units;
        }
        let tight = (0..status.len()).filter(free).filter(|f| self.ascent.tight[*f]);
        if let Some(most) = tight.max_by_key(|f| (carried[*f], std::cmp::Reverse(*f))) {
            return Some(most);
        }
        // Nothing left is worth opening, so the open facilities' own plan meets the bound. Only the empty plan may be
        // dearer than its bound (`Problem::nothing`).
        let empty = !status.contains(&Status::Open);
        if empty { (0..status.len()).filter(free).min_by_key(|f| (self.ascent.slack[*f], *f)) } else { None }
    }
}

fn flip(open: &mut [bool], facility: Option<usize>, to: bool) {
    if let Some(facility) = facility {
        open[facility] = to;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::problem::{Arc, Facility, Item};
    use super::*;

    /// Fixed cost, then (units, unit cost) of each item.
    type Drawn = (i128, Vec<(i128, i128)>);

    /// Up to eight facilities, two to a location, and up to six items of which each facility has some, little or none.
    fn problem() -> impl Strategy<Value = Problem> {
        let facility = (1..40_i128, prop::collection::vec((0..4_i128, 0..30_i128), 6));
        let facilities = prop::collection::vec(facility, 1..=8);
        let surcharge = prop::option::of(prop::option::of(0..30_i128));
        let quantities = prop::collection::vec(1..=3_i128, 1..=6);
        (facilities, quantities, 10..60_i128, 0..20_i128, surcharge).prop_map(
            |(drawn, wanted, unfilled, nothing, second)| {
                const MINOR: Micros = 1_000_000;
                let facility = |(n, (fixed, _)): (usize, &Drawn)| Facility {
                    candidate: n / 2,
                    fixed: fixed * MINOR,
                    promised: NaiveDate::MIN,
                };
                let item = |(wanted, &quantity): (usize, &i128)| {
                    let arc = |(facility, (_, stock)): (usize, &Drawn)| {
                        let (units, cost) = stock[wanted];
                        let useful = units > 0 && cost <= unfilled;
                        useful.then_some(Arc {
                            facility,
                            unit_cost: cost * MINOR,
                            units: units.min(quantity),
                        })
                    };
                    let mut arcs: Vec<Arc> = drawn.iter().enumerate().filter_map(arc).collect();
                    arcs.sort_by_key(|arc| (arc.unit_cost, arc.facility));
                    Item { wanted, quantity, arcs }
                };
                // Without limits; or a second shipment costs more; or there is no second one.
                let surcharges = match second {
                    None => Vec::new(),
                    Some(second) => vec![std::iter::once(0).chain(second.map(|c| c * MINOR)).collect(); 4],
                };
                Problem {
                    facilities: drawn.iter().enumerate().map(facility).collect(),
                    items: wanted.iter().enumerate().map(item).collect(),
                    unfilled: unfilled * MINOR,
                    nothing: nothing * MINOR,
                    surcharges,
                }
            },
        )
    }

    /// Every set of open facilities, with its cost.
    fn all_plans(problem: &Problem) -> impl Iterator<Item = (Vec<bool>, Micros)> {
        let count = problem.facilities.len();
        (0..1_u32 << count).map(move |set| {
            let open: Vec<bool> = (0..count).map(|f| set & (1 << f) != 0).collect();
            let cost = problem.cost(&open);
            (open, cost)
        })
    }

    fn least(problem: &Problem) -> Micros {
        all_plans(problem).map(|(_, cost)| cost).min().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

        #[test]
        fn the_solution_is_the_best_of_all_sets(problem in problem()) {
            let solution = solve(&problem, u64::MAX);
            prop_assert!(solution.proven);
            prop_assert_eq!(solution.cost, problem.cost(&solution.open));
            prop_assert!(solution.cost - least(&problem) < TOLERANCE);
        }

        /// Without the first plans and the improvement, so that they cannot hide a branch wrongly cut.
        #[test]
        fn branching_alone_finds_the_best_of_all_sets(problem in problem()) {
            let status = vec![Status::Free; problem.facilities.len()];
            let best = rank(&problem, &vec![false; status.len()]);
            let ascent = Ascent::default();
            let mut search = Search { problem: &problem, size: 1, budget: u64::MAX, work: 0, ascent, best };
            prop_assert!(search.explore(status));
            prop_assert!(search.best.cost - least(&problem) < TOLERANCE);
        }

        #[test]
        fn no_plan_that_agrees_with_the_statuses_is_below_the_bound(
            problem in problem(),
            drawn in prop::collection::vec(0..3_u8, 8),
        ) {
            let settle = |f: usize| [Status::Free, Status::Open, Status::Closed][usize::from(drawn[f])];
            let status: Vec<Status> = (0..problem.facilities.len()).map(settle).collect();
            let mut ascent = Ascent::default();
            let bound = ascent.run(&problem, &status);
            for (open, cost) in all_plans(&problem) {
                let agrees = |f: usize| match status[f] {
                    Status::Free => true,
                    Status::Open => open[f],
                    Status::Closed => !open[f],
                };
                if (0..status.len()).all(agrees) {
                    prop_assert!(bound <= cost, "{:?}", open);
                    for facility in (0..status.len()).filter(|f| status[*f] == Status::Free && open[*f]) {
                        prop_assert!(bound + ascent.slack[facility] <= cost, "{:?} opens {}", open, facility);
                    }
                }
            }
        }

        #[test]
        fn a_budget_that_ends_leaves_a_true_bound(problem in problem(), budget in 0..500_u64) {
            let solution = solve(&problem, budget);
            let least = least(&problem);
            prop_assert!(solution.bound - TOLERANCE < least && least <= solution.cost);
            prop_assert!(!Problem::is_impossible(solution.cost));
        }
    }
}
