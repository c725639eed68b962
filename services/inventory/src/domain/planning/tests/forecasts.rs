use proptest::prelude::*;

use super::super::{Demand, DemandClass, Method, scaled_error};
use super::demand;

fn forecast(method: Method, demand: &Demand) -> f64 {
    method.forecast(demand, 1, None)[0]
}

fn any_demand() -> impl Strategy<Value = Vec<Option<u64>>> {
    prop::collection::vec(prop::option::weighted(0.9, 0..50_u64), 0..80)
}

proptest! {
    #[test]
    fn every_forecast_is_a_number_of_units(periods in any_demand(), horizon in 1..10_usize) {
        for method in Method::ALL {
            let forecast = method.forecast(&Demand::new(periods.clone()), horizon, None);
            prop_assert_eq!(forecast.len(), horizon);
            prop_assert!(forecast.iter().all(|units| units.is_finite() && *units >= 0.0), "{method:?} {forecast:?}");
        }
    }

    #[test]
    fn what_is_asked_for_evenly_goes_on_so(units in 0..1_000_u64, periods in 3..60_usize) {
        for method in Method::ALL {
            let forecast = forecast(method, &demand(vec![units; periods]));
            prop_assert!((forecast - units as f64).abs() < 1e-6, "{method:?} {forecast}");
        }
    }

    #[test]
    fn an_empty_shelf_is_no_demand(units in prop::collection::vec(0..50_u64, 3..40), at in 0..40_usize) {
        let mut censored: Vec<Option<u64>> = units.iter().copied().map(Some).collect();
        censored.insert(at.min(units.len()), None);
        for method in [Method::Level, Method::Rare] {
            let (with, without) = (Demand::new(censored.clone()), demand(units.clone()));
            prop_assert_eq!(forecast(method, &with), forecast(method, &without));
        }
    }

    #[test]
    fn weeks_have_the_units_of_their_days(days in prop::collection::vec(0..50_u64, 0..60)) {
        let weeks = demand(days.clone()).in_weeks();
        let skipped = days.len() % 7;
        prop_assert_eq!(weeks.len(), days.len() / 7);
        prop_assert_eq!(weeks.units().iter().sum::<f64>(), days[skipped..].iter().sum::<u64>() as f64);
    }
}

#[test]
fn a_week_with_a_day_of_an_empty_shelf_counts_as_if_the_others_were_all() {
    let days = [Some(2), None, Some(2), Some(2), Some(2), Some(2), Some(2)];
    assert_eq!(Demand::new(days).in_weeks(), demand([14]));
    assert!(Demand::new([None; 7]).in_weeks().units()[0].is_nan());
}

#[test]
fn only_the_moving_method_carries_a_trend_on() {
    let rising = demand((1..40).map(|week| 10 * week));
    let [steady, level, moving] =
        [Method::Steady, Method::Level, Method::Moving].map(|m| forecast(m, &rising));
    assert!(steady < level && level < moving && moving < 420.0, "{steady} {level} {moving}");
}

#[test]
fn what_nobody_asks_for_any_more_decays() {
    let sold = [5, 0, 0, 5, 0, 5, 0, 0, 5];
    let once = forecast(Method::Rare, &demand(sold));
    let long_ago = forecast(Method::Rare, &demand(sold.into_iter().chain([0; 30])));
    assert!(once > 1.0, "{once}");
    assert!((long_ago - once * 0.9_f64.powi(30)).abs() < 1e-9, "{once} {long_ago}");
}

#[test]
fn what_happens_once_does_not_change_what_is_to_come() {
    let mut units: Vec<u64> = (0..30).map(|week| 10 + week % 3).collect();
    let usual = forecast(Method::Level, &demand(units.clone()));
    units[28] = 74_215;
    let after = forecast(Method::Level, &demand(units));
    assert!(after < 1.3 * usual, "{usual} {after}");
}

#[test]
fn series_have_classes() {
    let class = |units: &[u64]| DemandClass::of(&demand(units.iter().copied()));
    assert_eq!(class(&[5, 6, 5, 4, 5, 5]), DemandClass::Smooth);
    assert_eq!(class(&[1, 30, 2, 1, 40, 1]), DemandClass::Erratic);
    assert_eq!(class(&[0, 0, 5, 0, 5, 0]), DemandClass::Intermittent);
    assert_eq!(class(&[0, 0, 1, 0, 50, 0, 2]), DemandClass::Lumpy);
    assert_eq!(class(&[]), DemandClass::Intermittent);
}

#[test]
fn errors_are_told_in_those_of_the_last_period() {
    let history = demand([10, 12, 10, 12, 10]);
    assert_eq!(scaled_error(&history, &demand([12, 12]), &[10.0, 10.0]), Some(1.0));
    assert_eq!(scaled_error(&history, &demand([10, 10]), &[10.0, 10.0]), Some(0.0));
    assert_eq!(scaled_error(&demand([7, 7, 7]), &demand([7]), &[7.0]), None);
    assert_eq!(scaled_error(&history, &Demand::new([None]), &[7.0]), None);
    let censored = Demand::new([Some(12), None]);
    assert_eq!(scaled_error(&history, &censored, &[10.0, 99.0]), Some(1.0));
}

#[test]
fn what_lasts_is_not_taken_for_what_happens_once() {
    let units = (0..40).map(|week| 10 + week % 3).chain([100; 10]);
    let after = forecast(Method::Level, &demand(units));
    assert!(after > 60.0, "{after}");
}
