//! Collects what an audit of one law finds.

use qm_proto::operations::v1;

/// How many violations are told in words.
const MAX_EXAMPLES: usize = 20;

/// What an audit of one law finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawReport {
    law: &'static str,
    statement: &'static str,
    checked: u64,
    violations: u64,
    examples: Vec<String>,
}

impl LawReport {
    /// Nothing checked yet. `law` is a stable name such as `units`; `statement` says in a sentence what is compared.
    pub fn new(law: &'static str, statement: &'static str) -> Self {
        Self { law, statement, checked: 0, violations: 0, examples: Vec::new() }
    }

    /// `n` more things were examined.
    pub fn examined(&mut self, n: u64) {
        self.checked += n;
    }

    /// One of them breaks the law; `example` says so in a sentence that names its ids, and is made only while there is
    /// room for it.
    pub fn violated(&mut self, example: impl FnOnce() -> String) {
        self.violations += 1;
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(example());
        }
    }

    /// Examines one thing.
    pub fn check(&mut self, holds: bool, example: impl FnOnce() -> String) {
        self.examined(1);
        if !holds {
            self.violated(example);
        }
    }

    /// How many things break the law.
    pub fn violations(&self) -> u64 {
        self.violations
    }
}

impl From<LawReport> for v1::LawReport {
    fn from(report: LawReport) -> Self {
        Self {
            law: report.law.to_owned(),
            statement: report.statement.to_owned(),
            checked: super::queues::clamped(report.checked),
            violations: super::queues::clamped(report.violations),
            examples: report.examples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_is_counted_and_the_first_twenty_are_told() {
        let mut report = LawReport::new("units", "pieces add up to the quantity ordered");
        for n in 0..100 {
            report.check(n % 2 == 0, || format!("line {n}"));
        }
        let report = v1::LawReport::from(report);
        assert_eq!((report.checked, report.violations, report.examples.len()), (100, 50, MAX_EXAMPLES));
        assert_eq!(report.examples[1], "line 3");
    }
}
