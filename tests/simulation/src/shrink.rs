//! Finding the shortest life that still fails.

use crate::{Lived, Step, Template, run_one};

/// Leaves steps out as long as the life still fails, at most `tries` times; the numbers of the steps that are left, and
/// the life that they make.
///
/// Large chunks first. Each step has a seed of its own, so those that stay do what they did, as far as what they met is
/// still there.
pub fn shrink(template: &Template, failed: &Lived, mut tries: usize) -> (Vec<usize>, Lived) {
    let mut kept: Vec<usize> = (0..failed.steps.len()).collect();
    let mut shortest = failed.clone();
    let mut chunk = kept.len().div_ceil(2);
    while chunk > 0 && tries > 0 {
        let mut at = 0;
        while at < kept.len() && tries > 0 {
            let mut fewer = kept.clone();
            fewer.drain(at..(at + chunk).min(kept.len()));
            let script: Vec<Step> = fewer.iter().map(|number| failed.steps[*number].clone()).collect();
            let lived = run_one(template, failed.seed, Some(&script));
            tries -= 1;
            if lived.has_failed() {
                (kept, shortest) = (fewer, lived);
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    (kept, shortest)
}
