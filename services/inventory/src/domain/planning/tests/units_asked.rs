use proptest::prelude::*;

use super::super::UnitsAsked;

/// The probability of each count, one from the other, far into the tail.
fn counted(mean: f64, variance: f64) -> Vec<f64> {
    let size = mean * mean / (variance - mean);
    let mut logarithms = vec![size * (mean / variance).ln()];
    for count in 0..400_000 {
        let n = f64::from(count);
        let next = logarithms[count as usize] + ((n + size) / (n + 1.0) * (1.0 - mean / variance)).ln();
        if n > mean && next < -60.0 {
            break;
        }
        logarithms.push(next);
    }
    logarithms.into_iter().map(f64::exp).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn probabilities_and_shortages_are_those_of_counting(
        mean in 0.01..6_000.0_f64,
        wider in 1.01..300.0_f64,
        share in 0.0..3.0_f64,
    ) {
        let asked = UnitsAsked::new(mean, mean * wider);
        let counted = counted(mean, mean * wider);
        let units = (mean * share) as usize;
        let off = if mean > 2_000.0 { 2e-3 } else { 1e-6 };
        let enough: f64 = counted.iter().take(units + 1).sum();
        prop_assert!((asked.enough(units as u64) - enough).abs() < off, "{} {enough}", asked.enough(units as u64));
        let short: f64 =
            counted.iter().enumerate().skip(units).map(|(count, chance)| (count - units) as f64 * chance).sum();
        let told = asked.expected_shortage(units as u64);
        let off = if mean > 2_000.0 { 0.01 * (mean * wider).sqrt() } else { 1e-5 * mean.max(1.0) };
        prop_assert!((told - short).abs() < off, "{told} {short}");
    }

    #[test]
    fn a_quantile_is_the_fewest_units_that_are_enough(
        mean in 0.0..100_000.0_f64,
        wider in 0.0..300.0_f64,
        level in 0.0..0.9999_f64,
    ) {
        let asked = UnitsAsked::new(mean, mean * wider);
        let units = asked.quantile(level);
        prop_assert!(asked.enough(units) >= level);
        prop_assert!(units == 0 || asked.enough(units - 1) < level);
    }
}

#[test]
fn without_spread_it_is_poissons() {
    let asked = UnitsAsked::new(2.0, 1.0);
    let nothing = (-2.0_f64).exp();
    assert!((asked.enough(0) - nothing).abs() < 1e-12);
    assert!((asked.enough(1) - 3.0 * nothing).abs() < 1e-12);
    assert!((asked.expected_shortage(0) - 2.0).abs() < 1e-12);
    assert!((asked.expected_shortage(1) - (1.0 + nothing)).abs() < 1e-12);
}

#[test]
fn nothing_is_asked_for_of_what_is_no_number() {
    for mean in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
        let asked = UnitsAsked::new(mean, f64::NAN);
        assert_eq!((asked.quantile(0.99), asked.enough(0), asked.expected_shortage(0)), (0, 1.0, 0.0));
    }
}

#[test]
fn of_very_much_a_quantile_is_not_cut_short() {
    let asked = UnitsAsked::new(5e9, 1e19);
    assert!(asked.enough(asked.quantile(0.99)) >= 0.99);
    assert!((asked.expected_shortage(5_000_000_000) / 1e19_f64.sqrt() - 0.37).abs() < 0.05);
}
