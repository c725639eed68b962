//! The least-cost policy against an oracle that tries every way of filling an order, on small random worlds.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use proptest::prelude::*;
use qm_ids::{ItemId, LocationId};
use qm_money::Minor;

use super::fixtures::*;
use super::*;

/// Units by (location, item): a way of filling an order.
type Fill = BTreeMap<(LocationId, ItemId), u32>;

#[derive(Debug, Clone)]
struct Case {
    locations: Vec<Location>,
    stock: Vec<(u32, u32, u32)>,
    claims: Vec<(u32, u32)>,
    demand: Demand,
    settings: PolicySettings,
}

impl Case {
    fn world(&self) -> TestWorld {
        let mut world = TestWorld::new(self.locations.clone(), &self.stock);
        for (location, day) in &self.claims {
            world.capacity.claim(
                location_id((*location).into()),
                date("2017-07-10") + chrono::Days::new((*day).into()),
            );
        }
        world
    }

    fn plan(&self, world: &TestWorld) -> Decision {
        LeastCost::new(self.settings.clone()).plan(&self.demand, &world.view())
    }
}

fn locations() -> impl Strategy<Value = Vec<Location>> {
    let one = (0..4_i64, 0..60_i64, 0..3_u16, prop::option::of(0..3_u32), 0..64_u8, 0..9_u32);
    prop::collection::vec(one, 1..=4).prop_map(|drawn| {
        let make =
            |(n, (order, unit, lead_days, daily_capacity, may, degrees)): (usize, (_, _, _, _, u8, u32))| {
                let n = n as u32 + 1;
                let mut it = location(n);
                it.point = GeoPoint::new(0.0, degrees.into()).ok();
                it.handling_order = Minor(order * 150);
                it.handling_unit = Minor(unit);
                it.lead_days = lead_days;
                it.daily_capacity = daily_capacity;
                it.active = may != 0;
                it.can_ship = may & 7 != 1;
                if may & 8 != 0 && may & 16 != 0 {
                    it.storage = vec![StorageClass::Ambient];
                }
                if may & 32 != 0 && may & 2 != 0 {
                    it.compliance.clear();
                }
                if may & 4 != 0 && may & 1 != 0 {
                    it.kind = LocationKind::Supplier;
                }
                it
            };
        drawn.into_iter().enumerate().map(make).collect()
    })
}

/// Lines of at most three items; what an item is follows from its number and the draw.
fn lines() -> impl Strategy<Value = Vec<DemandLine>> {
    let facts = prop::collection::vec((0..6_u8, any::<bool>(), any::<bool>(), 1..4000_u32), 3);
    (facts, prop::collection::vec((0..3_usize, 1..=3_u32), 1..=4)).prop_map(|(facts, drawn)| {
        let mut left = 6;
        let make = |(n, (item, quantity)): (usize, (usize, u32))| {
            let (storage, restricted, drop_ship, weight_grams) = facts[item];
            let quantity = quantity.min(left);
            left -= quantity;
            DemandLine {
                weight_grams,
                drop_ship,
                storage: match storage {
                    0 => StorageClass::Frozen,
                    1 => StorageClass::Chilled,
                    _ => StorageClass::Ambient,
                },
                restricted: restricted.then(|| ComplianceClass("alcohol".into())),
                ..line(n as u32 + 1, item as u32 + 1, quantity)
            }
        };
        drawn.into_iter().enumerate().map(make).collect()
    })
}

prop_compose! {
    fn case()(
        locations in locations(),
        lines in lines(),
        stock in prop::collection::vec(0..5_u32, 12),
        claims in prop::collection::vec((1..5_u32, 0..3_u32), 0..6),
        promise in prop::option::of(0..8_u64),
        pickup in 0..6_u32,
        excluded in prop::option::of((1..5_u32, prop::option::of(1..4_u32))),
        prices in (0..3_i64, 0..4_i64),
    ) -> Case {
        let stock = (0..12).map(|n| (n / 3 + 1, n % 3 + 1, stock[n as usize])).collect();
        let mut demand = demand(lines);
        demand.promise_by = promise.map(|days| date("2017-07-10") + chrono::Days::new(days));
        if pickup == 0 {
            demand.kind = FulfilmentKind::Pickup { location: location_id(1) };
        }
        let exclusion = |(location, item): (u32, Option<u32>)| Exclusion {
            location: location_id(location.into()),
            item: item.map(|item| item_id(item.into())),
        };
        demand.exclusions = excluded.map(exclusion).into_iter().collect();
        let settings = PolicySettings {
            split_penalty: Minor(prices.0 * 200),
            unfilled_per_unit: Minor([300, 900, 5_000, 1_000_000][prices.1 as usize]),
            late_per_shipment: Minor([250, 800, 4_000, 100_000][prices.1 as usize]),
            capacity_lookahead_days: 2,
            ..PolicySettings::default()
        };
        Case { locations, stock, claims, demand, settings }
    }
}

/// Whether the location may fill the line at all, restated from the rules.
fn may(location: &Location, line: &DemandLine, demand: &Demand) -> bool {
    let barred = |e: &Exclusion| e.location == location.id && (e.item.is_none() || e.item == Some(line.item));
    location.active
        && match demand.kind {
            FulfilmentKind::Ship => location.can_ship,
            FulfilmentKind::Pickup { location: counter } => location.can_pickup && location.id == counter,
        }
        && location.storage.contains(&line.storage)
        && line.restricted.iter().all(|class| location.compliance.contains(class))
        && (location.kind != LocationKind::Supplier || line.drop_ship)
        && !demand.exclusions.iter().any(barred)
}

/// The days on which the location could hand over its next three shipments.
fn days(location: &Location, case: &Case, world: &TestWorld) -> Vec<NaiveDate> {
    let first = date("2017-07-10") + chrono::Days::new(location.lead_days.into());
    let mut days = Vec::new();
    for ahead in 0..=u64::from(case.settings.capacity_lookahead_days) {
        let day = first + chrono::Days::new(ahead);
        let left = world.capacity.left(location, day).unwrap_or(3);
        days.extend((0..left.min(3)).map(|_| day));
    }
    days
}

/// What a fill costs on the exact scale, or `None` if it is not feasible. Written from the rules, not from the policy.
fn exact_cost(fill: &Fill, case: &Case, world: &TestWorld) -> Option<Micros> {
    let minor = |amount: Minor| Micros::from(amount.0) * 1_000_000;
    let pickup = case.demand.kind != FulfilmentKind::Ship;
    let facts = |item: ItemId| case.demand.lines.iter().find(|line| line.item == item).unwrap();
    let (mut total, mut shipments, mut filled) = (0, 0, 0);
    for location in &case.locations {
        let mine: Vec<_> = fill.iter().filter(|((at, _), units)| *at == location.id && **units > 0).collect();
        if mine.is_empty() {
            continue;
        }
        let miles = location.point.unwrap().miles_to(case.demand.destination.point.unwrap());
        let zone = i64::from(miles.div_ceil(100).max(1));
        let transit = if pickup { 0 } else { zone as u64 };
        for ((_, item), units) in &mine {
            if **units > world.availability.at(*item, location.id)
                || !may(location, facts(*item), &case.demand)
            {
                return None;
            }
            total += Micros::from(**units) * minor(location.handling_unit);
            if !pickup {
                let rate = 20_000_000 + 7_000_000 * zone;
                total += Micros::from(**units) * unit_weight_cost(rate, facts(*item).weight_grams);
            }
            filled += **units;
        }
        let classes: BTreeSet<_> = mine.iter().map(|((_, item), _)| facts(*item).storage).collect();
        let parcels = if pickup { 1 } else { classes.len() };
        let days = days(location, case, world);
        for n in 0..parcels {
            let arrival = *days.get(n)? + chrono::Days::new(transit);
            if case.demand.promise_by.is_some_and(|by| arrival > by) {
                total += minor(case.settings.late_per_shipment);
            }
            total += minor(location.handling_order);
            if !pickup {
                total += minor(Minor(600 + 50 * zone));
            }
            shipments += 1;
        }
    }
    let wanted: u32 = case.demand.lines.iter().map(|line| line.quantity).sum();
    let splits = Micros::from((shipments as i64 - 1).max(0));
    total += splits * minor(case.settings.split_penalty);
    Some(total + Micros::from(wanted - filled) * minor(case.settings.unfilled_per_unit))
}

/// The least cost over every way of filling the order.
fn least_cost(case: &Case, world: &TestWorld) -> Micros {
    let mut wanted: BTreeMap<ItemId, u32> = BTreeMap::new();
    for line in &case.demand.lines {
        *wanted.entry(line.item).or_default() += line.quantity;
    }
    let mut choices: Vec<((LocationId, ItemId), u32)> = Vec::new();
    for (item, quantity) in &wanted {
        for location in &case.locations {
            let most = world.availability.at(*item, location.id).min(*quantity);
            let line = case.demand.lines.iter().find(|line| line.item == *item).unwrap();
            if most > 0 && may(location, line, &case.demand) {
                choices.push(((location.id, *item), most));
            }
        }
    }
    let mut best = Micros::MAX;
    try_all(&choices, &mut wanted, &mut Fill::new(), &mut |fill| {
        best = best.min(exact_cost(fill, case, world).unwrap_or(Micros::MAX));
    });
    best
}

fn try_all(
    choices: &[((LocationId, ItemId), u32)],
    left: &mut BTreeMap<ItemId, u32>,
    fill: &mut Fill,
    visit: &mut impl FnMut(&Fill),
) {
    let Some((&(at, most), rest)) = choices.split_first() else { return visit(fill) };
    for units in 0..=most.min(left[&at.1]) {
        fill.insert(at, units);
        *left.get_mut(&at.1).unwrap() -= units;
        try_all(rest, left, fill, visit);
        *left.get_mut(&at.1).unwrap() += units;
    }
    fill.remove(&at);
}

fn filled(decision: &Decision) -> Fill {
    let mut fill = Fill::new();
    for assignment in &decision.assignments {
        for line in &assignment.lines {
            *fill.entry((assignment.location, line.item)).or_default() += line.quantity;
        }
    }
    fill
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_way_of_filling_the_order_is_cheaper(case in case()) {
        let world = case.world();
        let decision = case.plan(&world);
        prop_assert_eq!(decision.explanation.method, Method::Optimal);
        let exact = exact_cost(&filled(&decision), &case, &world);
        prop_assert!(exact.is_some(), "infeasible: {:?}", decision);
        let exact = exact.unwrap();
        let least = least_cost(&case, &world);
        prop_assert!(exact - least < 1_000, "{} against {}", exact, least);
        // Each shipment rounds two parts.
        let rounded = Micros::from(decision.cost.total().0) * 1_000_000;
        prop_assert!((rounded - exact).abs() <= 1_000_000 * decision.assignments.len() as Micros);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_is_feasible_and_accounts_for_every_unit_once(case in case()) {
        let world = case.world();
        let decision = case.plan(&world);
        let mut per_line: BTreeMap<_, u32> = BTreeMap::new();
        let mut groups = BTreeSet::new();
        let mut cost = CostParts::default();
        for assignment in &decision.assignments {
            let location = case.locations.iter().find(|l| l.id == assignment.location).unwrap();
            prop_assert!(groups.insert((assignment.location, assignment.group.clone())));
            prop_assert!(!assignment.lines.is_empty());
            prop_assert!(assignment.ship_date <= assignment.promised_date);
            for line in &assignment.lines {
                let wanted = case.demand.lines.iter().find(|l| l.line_id == line.line_id).unwrap();
                prop_assert!(line.quantity > 0 && line.item == wanted.item);
                prop_assert!(may(location, wanted, &case.demand));
                let storage = assignment.group.storage;
                let collected = assignment.group.kind == GroupKind::Pickup;
                prop_assert!(storage == wanted.storage || collected && storage > wanted.storage);
                *per_line.entry(line.line_id).or_default() += line.quantity;
            }
            cost += assignment.cost;
        }
        for unfilled in &decision.unfilled {
            prop_assert!(unfilled.quantity > 0);
            *per_line.entry(unfilled.line_id).or_default() += unfilled.quantity;
            cost.unfilled_penalty.0 += i64::from(unfilled.quantity) * case.settings.unfilled_per_unit.0;
        }
        prop_assert_eq!(cost, decision.cost);
        for line in &case.demand.lines {
            prop_assert_eq!(per_line.get(&line.line_id).copied().unwrap_or(0), line.quantity);
        }
        for ((location, item), units) in filled(&decision) {
            prop_assert!(units <= world.availability.at(item, location));
        }
        let mut days: BTreeMap<_, u32> = BTreeMap::new();
        for assignment in &decision.assignments {
            *days.entry((assignment.location, assignment.ship_date)).or_default() += 1;
        }
        for ((id, day), shipments) in days {
            let location = case.locations.iter().find(|l| l.id == id).unwrap();
            prop_assert!(world.capacity.left(location, day).is_none_or(|left| shipments <= left));
        }
        let late = decision.assignments.iter().any(|a| case.demand.promise_by.is_some_and(|by| a.promised_date > by));
        prop_assert_eq!(late, decision.promise_unmet);
    }

    #[test]
    fn the_order_of_the_locations_changes_nothing(case in case(), turn in 0..4_usize, reverse: bool) {
        let world = case.world();
        let mut turned = world.clone();
        let turn = turn % turned.locations.len();
        turned.locations.rotate_left(turn);
        if reverse {
            turned.locations.reverse();
        }
        prop_assert_eq!(case.plan(&world), case.plan(&turned));
    }
}
