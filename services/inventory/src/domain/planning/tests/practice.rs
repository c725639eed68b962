use super::super::{Demand, LeadTime, Method, Period, Practice};
use super::{Chance, demand};

fn catalogue(series: u64, periods: u64, mean: impl Fn(u64, u64) -> f64) -> Vec<Demand> {
    let one = |seed: u64| {
        let mut chance = Chance::new(seed);
        let units: Vec<u64> = (0..periods).map(|period| chance.units(mean(seed, period))).collect();
        demand(units)
    };
    (1..=series).map(one).collect()
}

#[test]
fn levels_reach_the_service_that_was_asked_for_in_weeks_that_were_not_seen() {
    let all = catalogue(2_000, 52, |seed, _| 0.3 + (seed % 40) as f64 / 2.0);
    let before: Vec<Demand> = all.iter().map(|demand| demand.until(40)).collect();
    let practice = Practice::learn(&before, Period::Week, 8);
    for service in [0.90, 0.95, 0.98] {
        let (mut served, mut stretches) = (0, 0);
        for (all, before) in all.iter().zip(&before) {
            let asked = practice.outlook(before, 0).until_replenished(LeadTime::fixed(14), 0.0);
            let stock = asked.quantile(practice.aim(service, 14.0)) as f64;
            for weeks in all.after(40, 12).units().windows(2) {
                stretches += 1;
                served += usize::from(weeks.iter().sum::<f64>() <= stock);
            }
        }
        let reached = served as f64 / f64::from(stretches);
        // Of slow items the fewest whole units that are enough are more than enough.
        assert!((service - 0.01..service + 0.02).contains(&reached), "{service} {reached}");
    }
}

#[test]
fn what_grows_is_forecast_by_a_method_that_moves() {
    let growing = catalogue(60, 60, |_, week| 5.0 + 2.0 * week as f64);
    let practice = Practice::learn(&growing, Period::Week, 8);
    assert!(
        practice.methods().all(|(_, method, _)| method == Method::Moving),
        "{:?}",
        practice.methods().collect::<Vec<_>>()
    );
}

#[test]
fn what_stays_is_forecast_by_a_method_that_does_not() {
    let staying = catalogue(200, 60, |seed, _| 1.0 + (seed % 20) as f64);
    let practice = Practice::learn(&staying, Period::Week, 8);
    assert!(
        practice.methods().all(|(_, method, own)| method == Method::Steady && !own),
        "{:?}",
        practice.methods().collect::<Vec<_>>()
    );
}

#[test]
fn a_shop_that_is_shut_on_a_day_sells_nothing_on_it() {
    let days = catalogue(40, 7 * 20, |_, day| if day % 7 == 5 { 0.0 } else { 4.0 });
    let practice = Practice::learn(&days, Period::Day, 4);
    let outlook = practice.outlook(&days[0], 0);
    let fortnight = outlook.periods(14);
    assert_eq!((fortnight[5], fortnight[12]), (0.0, 0.0));
    assert!(fortnight.iter().enumerate().all(|(day, units)| day % 7 == 5 || *units > 2.0), "{fortnight:?}");
    assert!((fortnight.iter().take(7).sum::<f64>() - outlook.weekly()).abs() < 1e-9);
    // Monday to Friday is not five sevenths of a week here.
    let until_friday = outlook.until_replenished(LeadTime::fixed(5), 0.0).mean();
    assert!((until_friday - fortnight[..5].iter().sum::<f64>()).abs() < 1e-9, "{until_friday}");
}

#[test]
fn a_season_that_returns_is_seen_coming() {
    let december = |week: u64| if week % 52 >= 48 { 40.0 } else { 10.0 };
    // Ends with week 46 of its third year.
    let weeks = catalogue(100, 2 * 52 + 47, |_, week| december(week));
    let practice = Practice::learn(&weeks, Period::Week, 8);
    assert!(practice.is_yearly());
    let forecast: Vec<f64> =
        weeks.iter().map(|demand| practice.outlook(demand, 0).periods(8)).fold(vec![0.0; 8], |sum, units| {
            sum.iter().zip(units).map(|(sum, units)| sum + units / 100.0).collect()
        });
    // Weeks 47 to 54: the middle of December is three to four times November.
    assert!(forecast[2] > 2.5 * forecast[7] && forecast[3] > 2.5 * forecast[7], "{forecast:?}");
    assert!((8.0..14.0).contains(&forecast[7]), "{forecast:?}");
}

#[test]
fn chance_is_not_taken_for_a_season() {
    let weeks = catalogue(100, 3 * 52, |seed, _| 1.0 + (seed % 10) as f64);
    assert!(!Practice::learn(&weeks, Period::Week, 8).is_yearly());
}

#[test]
fn nothing_to_learn_from_is_no_error() {
    for series in
        [vec![], vec![demand([])], vec![demand([0; 30])], vec![Demand::new([None; 30])], vec![demand([3])]]
    {
        for period in [Period::Day, Period::Week] {
            let practice = Practice::learn(&series, period, 0);
            let outlook = practice.outlook(series.first().unwrap_or(&demand([])), 0);
            let asked = outlook.until_replenished(LeadTime::fixed(14), 7.0);
            assert!(asked.quantile(practice.aim(0.95, 21.0)) < 100, "{series:?} {asked:?}");
            assert!(outlook.periods(30).iter().all(|units| units.is_finite()));
        }
    }
}
