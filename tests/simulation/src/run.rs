//! Lives of many seeds, on all processors.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use qm_runtime::BuildError;

use crate::{Fault, Outcome, Step, Template, life::live};

/// A life that was lived.
#[derive(Debug, Clone)]
pub struct Lived {
    /// Its seed.
    pub seed: u64,
    /// What happened in its busy time.
    pub steps: Vec<Step>,
    /// What came of it.
    pub outcome: Outcome,
}

impl Lived {
    /// Whether something was broken.
    pub fn has_failed(&self) -> bool {
        !self.outcome.broken.is_empty()
    }
}

/// What came of many lives.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many were lived.
    pub lives: u64,
    /// How often each fault happened in them.
    pub happened: BTreeMap<Fault, u64>,
    /// The one with the lowest seed of those that failed.
    pub failed: Option<Lived>,
}

/// Lives one life on this thread; with `script`, what happens in its busy time is given.
pub fn run_one(template: &Template, seed: u64, script: Option<&[Step]>) -> Lived {
    one(template, seed, script, true)
}

fn one(template: &Template, seed: u64, script: Option<&[Step]>, is_digested: bool) -> Lived {
    let steps = Mutex::new(Vec::new());
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(live(template, seed, script, &steps, is_digested));
        // What a dead process left behind waits for nobody.
        runtime.shutdown_background();
        outcome
    }));
    let outcome = match lived {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => ended(qm_runtime::with_causes(&*error)),
        Err(panic) => ended(format!("a panic: {}", message(&*panic))),
    };
    Lived { seed, steps: steps.into_inner().unwrap_or_else(PoisonError::into_inner), outcome }
}

fn ended(problem: String) -> Outcome {
    Outcome { trace: Vec::new(), digest: String::new(), broken: vec![problem], happened: BTreeMap::new() }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of an unknown kind")
}

/// Lives the lives of `count` seeds from `first` on until one fails or the time is over.
pub fn run(template: &Template, first: u64, count: u64, time: Option<Duration>) -> Report {
    let (next, began) = (AtomicU64::new(0), Instant::now());
    let (is_over, report) = (AtomicBool::new(false), Mutex::new(Report::default()));
    let lives = || {
        while !is_over.load(Ordering::Relaxed) && time.is_none_or(|time| began.elapsed() < time) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            let lived = one(template, first + index, None, false);
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.lives += 1;
            for (fault, count) in &lived.outcome.happened {
                *report.happened.entry(*fault).or_default() += count;
            }
            if lived.has_failed() {
                is_over.store(true, Ordering::Relaxed);
                if report.failed.as_ref().is_none_or(|failed| failed.seed > lived.seed) {
                    report.failed = Some(lived);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(lives);
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What every life begins with, made on this thread.
pub fn template() -> Result<Template, BuildError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(Template::make())
}
