use proptest::prelude::*;

use super::super::{
    Demand, FixedPoint, LeadTime, OrderTerms, Outcome, Period, Planned, Practice, Replenish, Shelf, Supply,
    replay,
};
use super::Chance;

const ANY: OrderTerms = OrderTerms { pack: 1, minimum: 1 };

fn supply(lead_days: Vec<u32>, review_days: u32) -> Supply {
    Supply { lead_days, review_days, terms: ANY }
}

proptest! {
    #[test]
    fn what_came_is_sold_or_there(
        asked in prop::collection::vec(prop::option::weighted(0.9, 0..20_u64), 0..80),
        from in 0..90_usize,
        leads in prop::collection::vec(0..20_u32, 0..4),
        review in 0..10_u32,
        point in 0..60_u64,
        quantity in 0..60_u64,
        weeks in any::<bool>(),
    ) {
        let period = if weeks { Period::Week } else { Period::Day };
        let outcome = replay(&asked, period, from, &supply(leads, review), &mut FixedPoint { point, quantity });
        prop_assert_eq!(outcome.opening + outcome.received, outcome.sold + outcome.closing);
        prop_assert_eq!(outcome.opening, point + quantity);
        prop_assert_eq!(outcome.asked, asked.iter().skip(from).flatten().sum::<u64>());
        prop_assert!(outcome.sold <= outcome.asked);
        prop_assert_eq!(outcome.stockouts == 0, outcome.sold == outcome.asked);
        prop_assert!(outcome.late_deliveries <= outcome.deliveries && outcome.deliveries <= outcome.orders);
    }
}

/// Orders ten units at every look, and writes down what it sees.
#[derive(Default)]
struct Watching {
    seen: Vec<(usize, bool, u64)>,
}

impl Replenish for Watching {
    fn opening(&mut self, before: &Demand) -> u64 {
        self.seen.push((before.len(), false, 0));
        3
    }

    fn order(&mut self, shelf: Shelf<'_>) -> u64 {
        let censored = shelf.sold.units().last().is_some_and(|units| units.is_nan());
        self.seen.push((shelf.sold.len(), censored, shelf.position));
        10
    }
}

#[test]
fn a_policy_sees_sales_and_what_is_on_its_way_and_not_what_was_asked_for() {
    let mut policy = Watching::default();
    // Of 3 units 2 are sold, then 1 of 8, which hides demand; what is ordered in the first evening comes after one whole day, and
    // is all sold, which shows as much as was ever sold.
    let asked = [Some(9), Some(2), Some(8), Some(10), None];
    let outcome = replay(&asked, Period::Day, 1, &supply(vec![1, 5], 1), &mut policy);
    let seen = [(1, false, 0), (2, false, 1), (3, true, 10), (4, false, 10), (5, true, 20)];
    assert_eq!(policy.seen, seen);
    let expected = Outcome {
        periods: 4,
        stockouts: 1,
        asked: 20,
        sold: 13,
        held: 1,
        orders: 4,
        deliveries: 1,
        late_deliveries: 1,
        received: 10,
        opening: 3,
        closing: 0,
    };
    assert_eq!(outcome, expected);
    assert_eq!(outcome.service(), 0.0);
}

#[test]
fn goods_come_when_their_lead_time_has_passed() {
    // What is ordered at the end of the third period arrives before the customers of the sixth, fifth or fourth.
    for (lead, in_time) in [(2, 5), (1, 4), (0, 3)] {
        let asked: Vec<_> = (0..8).map(|period| Some(u64::from(period == in_time))).collect();
        let early: Vec<_> = (0..8).map(|period| Some(u64::from(period == in_time - 1))).collect();
        for (period, days) in [(Period::Day, 1), (Period::Week, 7)] {
            let supply = supply(vec![lead * days], 3 * days);
            let sold = |asked: &[Option<u64>]| replay(asked, period, 0, &supply, &mut Empty).sold;
            assert_eq!((sold(&asked), sold(&early)), (1, 0), "{lead}");
        }
    }
}

/// Begins with nothing and orders one unit at each look.
struct Empty;

impl Replenish for Empty {
    fn opening(&mut self, _: &Demand) -> u64 {
        0
    }

    fn order(&mut self, _: Shelf<'_>) -> u64 {
        1
    }
}

#[test]
fn a_single_unit_that_sells_out_each_time_is_demand() {
    let asked: Vec<_> = (0..700_u64).map(|day| Some(u64::from(day % 50 == 0))).collect();
    let series = vec![Demand::new(asked[..350].iter().copied()); 40];
    let practice = Practice::learn(&series, Period::Day, 8);
    let mut policy = planned(&practice, 350);
    policy.per_order = 0.0;
    let outcome = replay(&asked, Period::Day, 350, &supply(vec![14], 7), &mut policy);
    assert!(outcome.sold + 1 >= outcome.asked, "{outcome:?}");
}

#[test]
fn a_fixed_point_is_reached_however_small_its_quantity() {
    let order = |point, quantity, position| {
        FixedPoint { point, quantity }.order(Shelf { sold: &Demand::default(), position })
    };
    assert_eq!((order(10, 4, 10), order(10, 4, 9), order(10, 4, 1), order(10, 0, 1)), (0, 4, 12, 9));
}

#[test]
fn a_season_is_replayed_at_its_time() {
    let weeks = |seed: u64| {
        let mut chance = Chance::new(seed);
        let mean = |week: u64| if (20..26).contains(&(week % 52)) { 60.0 } else { 10.0 };
        (0..4 * 52).map(move |week| Some(chance.units(mean(week)))).collect::<Vec<_>>()
    };
    let series: Vec<Vec<Option<u64>>> = (1..=60).map(weeks).collect();
    let before: Vec<Demand> = series.iter().map(|weeks| Demand::new(weeks[..156].iter().copied())).collect();
    let practice = Practice::learn(&before, Period::Week, 8);
    assert!(practice.is_yearly());
    let mut sum = Outcome::default();
    for weeks in &series {
        sum += replay(weeks, Period::Week, 156, &supply(vec![14], 7), &mut planned(&practice, 156));
    }
    assert!(sum.fill_rate() > 0.93, "{sum:?}");
}

#[test]
fn enough_stock_sells_everything_and_none_nothing() {
    let asked: Vec<Option<u64>> = (0..60).map(|day| Some(day % 5)).collect();
    let with = |point| {
        replay(&asked, Period::Day, 10, &supply(vec![7], 1), &mut FixedPoint { point, quantity: point })
    };
    assert_eq!(with(1_000).fill_rate(), 1.0);
    assert_eq!((with(0).sold, with(0).orders, with(0).stockouts), (0, 0, 40));
    assert_eq!(
        replay(&[], Period::Day, 0, &supply(vec![], 0), &mut FixedPoint { point: 1, quantity: 1 })
            .fill_rate(),
        1.0
    );
}

#[test]
fn planning_needs_less_stock_than_a_point_that_was_set_once_where_demand_moves() {
    let series: Vec<Vec<Option<u64>>> = (1..=120)
        .map(|seed| {
            let mut chance = Chance::new(seed);
            let falling = seed % 2 == 0;
            let mean = |day: u64| if falling { 6.0 - 0.01 * day as f64 } else { 1.0 + 0.01 * day as f64 };
            (0..400).map(|day| Some(chance.units(mean(day)))).collect()
        })
        .collect();
    let before: Vec<Demand> = series.iter().map(|units| Demand::new(units[..200].iter().copied())).collect();
    let practice = Practice::learn(&before, Period::Day, 8);
    let planning = sum(&series, |_| planned(&practice, 200));
    let fixed = |cover: f64| {
        let point = |before: &Demand| (before.mean() * (21.0 + cover)).ceil() as u64;
        sum(&series, |before| FixedPoint { point: point(before), quantity: 40 })
    };
    let cover =
        (0..200).map(f64::from).find(|cover| fixed(*cover).fill_rate() >= planning.fill_rate()).unwrap();
    assert!(planning.fill_rate() > 0.97, "{}", planning.fill_rate());
    let (with, without) = (planning.held as f64, fixed(cover).held as f64);
    assert!(with < 0.85 * without, "{with} {without}");
}

fn planned(practice: &Practice, learnt: usize) -> Planned<'_> {
    Planned {
        practice,
        learnt,
        service: 0.95,
        lead: LeadTime::fixed(14),
        review_days: 7,
        terms: ANY,
        per_order: 5.0,
        holding: 0.01,
    }
}

/// What became of all series together, each from its 200th day on.
fn sum<P: Replenish>(series: &[Vec<Option<u64>>], policy: impl Fn(&Demand) -> P) -> Outcome {
    let mut sum = Outcome::default();
    for units in series {
        let before = Demand::new(units[..200].iter().copied());
        sum += replay(units, Period::Day, 200, &supply(vec![14], 7), &mut policy(&before));
    }
    sum
}
