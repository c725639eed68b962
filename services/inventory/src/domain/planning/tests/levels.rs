use proptest::prelude::*;

use super::super::{LeadTime, Levels, OrderTerms, Period, Practice, economic_quantity};
use super::{Chance, demand};

proptest! {
    #[test]
    fn an_order_keeps_the_terms_and_is_no_larger_than_they_ask(
        units in 0..10_000_u64,
        pack in 0..50_u64,
        minimum in 0..500_u64,
    ) {
        let order = OrderTerms { pack, minimum }.at_least(units);
        if units == 0 {
            prop_assert_eq!(order, 0);
        } else {
            let pack = pack.max(1);
            prop_assert!(order.is_multiple_of(pack) && order >= units && order >= minimum);
            prop_assert!(order - pack < units.max(minimum));
        }
    }

    #[test]
    fn an_order_comes_below_the_point_and_fills_up(position in 0..500_u64, point in 0..300_u64, more in 0..200_u64) {
        let levels = Levels { reorder_point: point, order_up_to: point + more };
        let order = levels.order(position, OrderTerms { pack: 1, minimum: 1 });
        prop_assert_eq!(order > 0, position < point);
        prop_assert!(order == 0 || position + order == point + more);
    }

    #[test]
    fn the_economic_quantity_costs_least(per_order in 0.1..100.0_f64, daily in 0.1..100.0_f64, holding in 0.001..1.0_f64) {
        let quantity = economic_quantity(per_order, daily, holding).unwrap();
        let cost = |quantity: f64| per_order * daily / quantity + holding * quantity / 2.0;
        prop_assert!(cost(quantity) <= cost(quantity * 1.01) && cost(quantity) <= cost(quantity / 1.01));
    }
}

#[test]
fn free_holding_has_no_economic_quantity() {
    assert_eq!(economic_quantity(5.0, 2.0, 0.0), None);
    assert_eq!(economic_quantity(5.0, -2.0, 1.0), Some(0.0));
}

#[test]
fn lead_times_are_learnt_from_what_orders_took() {
    assert_eq!(LeadTime::of(&[]), None);
    assert_eq!(LeadTime::of(&[9]), Some(LeadTime::fixed(9)));
    let lead = LeadTime::of(&[7, 14, 21]).unwrap();
    assert_eq!((lead.days(), lead.deviation()), (14.0, 7.0));
}

/// A series of random units, and what was learnt from a hundred such.
fn practised() -> (Practice, super::Demand) {
    let series: Vec<_> = (0..100)
        .map(|seed| {
            let mut chance = Chance::new(seed);
            demand((0..60).map(|_| chance.units(12.0)))
        })
        .collect();
    (Practice::learn(&series, Period::Week, 8), series[0].clone())
}

#[test]
fn more_service_longer_waits_and_less_certain_ones_take_more_stock() {
    let (practice, series) = practised();
    let outlook = practice.outlook(&series, 0);
    let point = |service: f64, lead: &[u32], review: f64| {
        let lead = LeadTime::of(lead).unwrap();
        Levels::of(&outlook, &practice, service, lead, review, 0.0).reorder_point
    };
    let usual = point(0.95, &[14], 7.0);
    assert!(usual > 36, "{usual}");
    assert!(point(0.98, &[14], 7.0) > usual);
    assert!(point(0.95, &[21], 7.0) > usual);
    assert!(point(0.95, &[14], 14.0) > usual);
    assert!(point(0.95, &[3, 14, 25], 7.0) > usual);
}

#[test]
fn what_falls_below_the_point_before_it_is_seen_is_part_of_the_quantity() {
    let (practice, series) = practised();
    let outlook = practice.outlook(&series, 0);
    let levels = |quantity: f64| Levels::of(&outlook, &practice, 0.95, LeadTime::fixed(7), 7.0, quantity);
    let sold_in_a_review = outlook.weekly();
    assert_eq!(levels(sold_in_a_review / 2.0).order_up_to, levels(0.0).reorder_point);
    let more = levels(100.0).order_up_to - levels(100.0).reorder_point;
    assert_eq!(more, (100.0 - sold_in_a_review / 2.0).round() as u64);
}
