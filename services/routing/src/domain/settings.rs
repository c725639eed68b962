//! The policy's knobs. Every default says what it is for.

use qm_money::Minor;
use serde::{Deserialize, Serialize};

/// What the least-cost policy weighs and how far it looks. Amounts are in the tenant's routing currency and not
/// negative; a negative one counts as nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySettings {
    /// Counted for each shipment after the first: what a second parcel costs in packaging, questions and goodwill.
    /// Default 150.
    pub split_penalty: Minor,
    /// Counted for each unit left unfilled. Above any cost of filling one, so that what can be filled is. Default
    /// 1 000 000; lower it to let a plan give up units that are dear to carry.
    pub unfilled_per_unit: Minor,
    /// Counted for each shipment that arrives after the promise. Above any difference in the price of carriage, so
    /// that a late location is used only if no other plan fills as much in time; below `unfilled_per_unit`, so that
    /// late beats never. Default 100 000.
    pub late_per_shipment: Minor,
    /// How many days past its first possible date a location's capacity is looked up. Default 14.
    pub capacity_lookahead_days: u16,
    /// Bound on the search, in stock positions looked at (a unit of work, so that a replay stops at the same place on
    /// any machine). A typical order needs a few hundred; past the bound the best plan found is used and said not to be
    /// proven. Default 16 000 000, some tens of milliseconds.
    pub search_budget: u64,
    /// How many locations an explanation lists; the rest are counted. Default 200.
    pub explained_locations: usize,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            split_penalty: Minor(150),
            unfilled_per_unit: Minor(1_000_000),
            late_per_shipment: Minor(100_000),
            capacity_lookahead_days: 14,
            search_budget: 16_000_000,
            explained_locations: 200,
        }
    }
}
