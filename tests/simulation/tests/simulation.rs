//! Lives of many seeds, and that a seed lives one life only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::{path::Path, process::Command};

use qm_simulation::{FAULTS, run, run_one, shrink, template};

/// Lives that are tried in search of the shortest that fails.
const TRIES: usize = 60;

#[test]
fn the_same_seed_lives_the_same_life_to_the_last_row() {
    let template = template().unwrap();
    for seed in [1, 2, 3] {
        let (one, again) = (run_one(&template, seed, None), run_one(&template, seed, None));
        for (here, there) in one.outcome.trace.iter().zip(&again.outcome.trace) {
            assert_eq!(here, there, "seed {seed}");
        }
        assert_eq!(one.outcome.digest, again.outcome.digest, "seed {seed}");
        let scripted = run_one(&template, seed, Some(&one.steps));
        assert_eq!(one.outcome.digest, scripted.outcome.digest, "seed {seed} by its steps");
    }
    assert_ne!(run_one(&template, 1, None).outcome.digest, run_one(&template, 2, None).outcome.digest);
}

#[test]
fn orders_come_to_rest_with_clean_books_whatever_goes_wrong() {
    // Whoever wants to see other lives names their first seed.
    let first = std::env::var("QM_TEST_FIRST_SEED").map_or(1, |seed| seed.parse().unwrap());
    let template = template().unwrap();
    let report = run(&template, first, 200, None);
    if let Some(failed) = report.failed {
        let (kept, shortest) = shrink(&template, &failed, TRIES);
        let kept: Vec<String> = kept.iter().map(usize::to_string).collect();
        panic!(
            "{:#?}\nseed {} fails. The shortest life of it that still fails:\n{}\n{:#?}\nscripts/simulate --seed {} --only {}",
            failed.outcome.broken,
            failed.seed,
            shortest.outcome.trace.join("\n"),
            shortest.outcome.broken,
            failed.seed,
            kept.join(",")
        );
    }
    for (fault, _) in FAULTS {
        let count = report.happened.get(&fault).copied().unwrap_or(0);
        assert!(count > 5, "the lives were too kind: {fault:?} happened {count} times");
    }
}

#[test]
fn every_deliberate_bug_still_fits_the_code() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_folder = |name: &str| here.join(name).read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut patches: Vec<_> = in_folder("mutants").collect();
    assert!(patches.len() >= 20, "{patches:?}");
    patches.extend(in_folder("races"));
    patches.sort();
    for patch in patches {
        let mut git = Command::new("git");
        git.args(["apply", "--check"]).arg(&patch).current_dir(here.join("../.."));
        let checked = git.output().unwrap();
        assert!(
            checked.status.success(),
            "{}: {}",
            patch.display(),
            String::from_utf8_lossy(&checked.stderr)
        );
    }
}
