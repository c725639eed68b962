//! A lower bound on the cost of a problem by dual ascent (Erlenkotter 1978), extended to stock that covers only part
//! of an item's quantity. Each item bids a level for its units, raised from one stock's unit cost to the next; what it
//! bids above an arc's cost pays for the arc's facility, until the facilities that matter are paid for.

use super::cost::Micros;
use super::problem::Problem;

/// What a search has settled about a facility.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Free,
    Open,
    Closed,
}

/// The ascent's working memory, kept between runs.
#[derive(Default)]
pub(super) struct Ascent {
    /// What is left to pay of each facility: by so much the bound rises if it is opened.
    pub(super) slack: Vec<Micros>,
    /// Facilities that are paid for: the only ones worth branching on.
    pub(super) tight: Vec<bool>,
    bids: Vec<Bid>,
    /// Arcs looked at so far.
    pub(super) work: u64,
}

#[derive(Clone, Copy)]
struct Bid {
    level: Micros,
    /// Arcs before this one cost no more than the level.
    next: usize,
    done: bool,
}

impl Ascent {
    /// A lower bound on every plan that agrees with the statuses.
    ///
    /// With `v` the levels, the bound is the Lagrangian Σ quantity·v + Σ over open and tight facilities of (fixed −
    /// Σ units·max(0, v − unit cost)); it is valid for any `v` and exact for the open facilities once none is tight.
    pub(super) fn run(&mut self, problem: &Problem, status: &[Status]) -> Micros {
        self.slack.clear();
        self.slack.extend(problem.facilities.iter().map(|facility| facility.fixed));
        self.tight.clear();
        self.tight.resize(problem.facilities.len(), false);
        self.bids.clear();
        let mut bound = problem.opening_cost(|facility| status[facility] == Status::Open);
        for item in &problem.items {
            let cheapest = item.arcs.iter().find(|arc| status[arc.facility] != Status::Closed);
            let level = cheapest.map_or(problem.unfilled, |arc| arc.unit_cost);
            let next = item.arcs.partition_point(|arc| arc.unit_cost <= level);
            self.bids.push(Bid { level, next, done: level >= problem.unfilled });
            bound += item.quantity * level;
        }
        // In rounds, so that no item pays for everything before the others have bid.
        while self.bids.iter().any(|bid| !bid.done) {
            for n in 0..self.bids.len() {
                if !self.bids[n].done {
                    bound += self.raise(problem, status, n);
                }
            }
        }
        bound
    }

    /// Raises one item's bid to the next unit cost, or as far as it gains; returns the gain.
    fn raise(&mut self, problem: &Problem, status: &[Status], n: usize) -> Micros {
        let item = &problem.items[n];
        let Bid { mut level, next, .. } = self.bids[n];
        let active = &item.arcs[..next];
        let ahead = item.arcs[next..].iter().find(|arc| status[arc.facility] != Status::Closed);
        let target = ahead.map_or(problem.unfilled, |arc| arc.unit_cost);
        let mut gained = 0;
        let mut done = false;
        while level < target {
            self.work += 2 * active.len() as u64 + 1;
            let mut step = target - level;
            let mut slope = item.quantity;
            for arc in active.iter().filter(|arc| status[arc.facility] != Status::Closed) {
                let slack = self.slack[arc.facility];
                if status[arc.facility] == Status::Open || self.tight[arc.facility] {
                    slope -= arc.units;
                } else if slack < arc.units {
                    self.tight[arc.facility] = true;
                    slope -= arc.units;
                } else {
                    step = step.min(slack / arc.units);
                }
            }
            if slope <= 0 {
                done = true;
                break;
            }
            for arc in active {
                if status[arc.facility] == Status::Free && !self.tight[arc.facility] {
                    self.slack[arc.facility] -= step * arc.units;
                }
            }
            level += step;
            gained += step * slope;
        }
        let next = next + item.arcs[next..].partition_point(|arc| arc.unit_cost <= level);
        self.bids[n] = Bid { level, next, done: done || level >= problem.unfilled };
        gained
    }
}
