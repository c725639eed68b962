//! Dividing an amount so that its parts add up to it again.

use std::{cmp::Reverse, ops::Range};

use crate::{Error, Minor};

/// The share of a line's `total` that belongs to the units `units.start..units.end` of its `parts` units.
///
/// Every unit has a fixed share from the start: unit `i` has `floor(total × (i+1) / parts) − floor(total × i / parts)`,
/// and a range has the sum of its units'. So however a line is split, merged and split again, the shares of its pieces
/// add up to the line's total, and a refund of the same units is always the same amount (conservation law 11). The
/// shares of two units differ by at most one minor unit. The floor is towards minus infinity, also for a negative total.
pub fn share(total: Minor, parts: i64, units: Range<i64>) -> Result<Minor, Error> {
    let Range { start, end } = units;
    if parts < 1 || start < 0 || end < start || end > parts {
        return Err(Error::UnitsOutOfRange { start, end, parts });
    }
    // 63 bits times 64 bits fit 128. `parts` is positive, so the Euclidean quotient is the floor.
    let up_to = |unit: i64| (i128::from(total.0) * i128::from(unit)).div_euclid(i128::from(parts));
    Minor::narrowed(up_to(end) - up_to(start))
}

/// Divides `total` in proportion to `weights`, one part for each, by the method of largest remainders: each part is
/// rounded towards zero, and what is left goes, one minor unit each, to the parts that lost most, the first of equals.
///
/// The parts add up to `total`. A negative total divides as the positive one does, with the sign reversed. A total of
/// zero needs no weight.
pub fn apportion(total: Minor, weights: &[i64]) -> Result<Vec<Minor>, Error> {
    let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if weights.iter().any(|weight| *weight < 0) || (sum == 0 && total != Minor::ZERO) {
        return Err(Error::Weights);
    }
    // Whatever the divisor, a total of zero has parts of zero.
    let sum = sum.max(1);
    let magnitude = i128::from(total.0).abs();
    let exact = |weight: &i64| magnitude * i128::from(*weight);

    let mut parts: Vec<i128> = weights.iter().map(|weight| exact(weight) / sum).collect();
    let mut by_remainder: Vec<(Reverse<i128>, usize)> =
        weights.iter().enumerate().map(|(index, weight)| (Reverse(exact(weight) % sum), index)).collect();
    by_remainder.sort_unstable();

    // Each part lost less than one, so fewer units are left than there are parts.
    let mut left = magnitude - parts.iter().sum::<i128>();
    for (_, index) in by_remainder {
        if left == 0 {
            break;
        }
        parts[index] += 1;
        left -= 1;
    }
    let sign = i128::from(total.0.signum());
    parts.into_iter().map(|part| Minor::narrowed(sign * part)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_cents_over_three_units_are_three_three_and_four() {
        let each =
            |total| (0..3).map(|i| share(Minor(total), 3, i..i + 1).unwrap().get()).collect::<Vec<_>>();
        assert_eq!(each(10), [3, 3, 4]);
        assert_eq!(each(-10), [-4, -3, -3]);
        assert_eq!(share(Minor(10), 3, 1..1), Ok(Minor::ZERO));
    }

    #[test]
    fn units_that_a_line_does_not_have_are_refused() {
        for (parts, units) in [(0, 0..0), (-1, 0..0), (3, -1..1), (3, 2..4), (3, Range { start: 2, end: 1 })]
        {
            assert!(matches!(share(Minor(10), parts, units), Err(Error::UnitsOutOfRange { .. })));
        }
    }

    #[test]
    fn what_is_left_goes_to_the_largest_remainders_and_first_of_equals() {
        let parts = |total, weights: &[i64]| {
            apportion(Minor(total), weights)
                .map(|parts| parts.into_iter().map(Minor::get).collect::<Vec<_>>())
        };
        assert_eq!(parts(100, &[1, 1, 1]), Ok(vec![34, 33, 33]));
        assert_eq!(parts(-100, &[1, 1, 1]), Ok(vec![-34, -33, -33]));
        assert_eq!(parts(10, &[0, 2, 7]), Ok(vec![0, 2, 8]));
        assert_eq!(parts(0, &[0, 0]), Ok(vec![0, 0]));
        assert_eq!(parts(0, &[]), Ok(vec![]));
        assert_eq!(parts(1, &[0, 0]), Err(Error::Weights));
        assert_eq!(parts(1, &[]), Err(Error::Weights));
        assert_eq!(parts(1, &[2, -1]), Err(Error::Weights));
        assert_eq!(parts(i64::MIN, &[i64::MAX]), Ok(vec![i64::MIN]));
    }

    proptest! {
        #[test]
        fn the_shares_of_any_partition_add_up_to_the_total(
            total: i64, parts in 1_i64..=i64::MAX, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)
        ) {
            let mut bounds: Vec<i64> = cuts.iter().map(|cut| cut.index(parts as usize) as i64).collect();
            bounds.extend([0, parts]);
            bounds.sort_unstable();
            let shares = bounds.windows(2).map(|pair| share(Minor(total), parts, pair[0]..pair[1]).unwrap());
            prop_assert_eq!(Minor::sum(shares), Ok(Minor(total)));
        }

        #[test]
        fn the_shares_of_two_units_differ_by_at_most_one(total: i64, parts in 1_i64..1000, unit in 0_i64..1000) {
            let unit = unit % parts;
            let own = share(Minor(total), parts, unit..unit + 1).unwrap().get();
            let even = total.div_euclid(parts);
            prop_assert!(own == even || own == even + 1);
        }

        #[test]
        fn apportioned_parts_add_up_and_stay_within_one_of_the_exact_part(
            total: i64, weights in prop::collection::vec(0..=i64::MAX, 1..12)
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let parts = apportion(Minor(total), &weights).unwrap();
            prop_assert_eq!(Minor::sum(parts.iter().copied()), Ok(Minor(total)));
            let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (part, weight) in parts.iter().zip(&weights) {
                let floor = i128::from(total).abs() * i128::from(*weight) / sum;
                let magnitude = i128::from(part.get()).abs();
                prop_assert!(magnitude == floor || magnitude == floor + 1);
                prop_assert!(*weight > 0 || part.get() == 0, "nothing goes to what weighs nothing");
            }
        }
    }
}
