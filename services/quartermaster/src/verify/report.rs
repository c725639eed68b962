//! What an audit found, for people and for exit codes.

use std::fmt;

use qm_proto::operations::v1::LawReport;

/// Examples printed per law.
const MAX_EXAMPLES: usize = 5;

/// What an audit found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Laws within a service, with its name.
    pub within: Vec<(&'static str, LawReport)>,
    /// Laws across services.
    pub across: Vec<CrossLaw>,
    /// Events that consumers gave up on.
    pub dead_letters: u64,
    /// Events and jobs that were in flight at the end.
    pub in_flight: u64,
}

/// What the comparison of two services found.
#[derive(Debug, Clone)]
pub struct CrossLaw {
    /// Name of the law.
    pub law: &'static str,
    /// What was compared.
    pub statement: &'static str,
    /// Facts compared.
    pub checked: u64,
    /// Differences that were gone at a second look.
    pub in_flight: usize,
    /// Differences that stayed, each in a sentence.
    pub violations: Vec<String>,
}

impl Report {
    /// True when no law is broken and nothing was given up on.
    pub fn is_clean(&self) -> bool {
        self.violations() == 0 && self.dead_letters == 0
    }

    /// How many things break a law.
    pub fn violations(&self) -> u64 {
        let within: i64 = self.within.iter().map(|(_, law)| law.violations).sum();
        let across: usize = self.across.iter().map(|law| law.violations.len()).sum();
        u64::try_from(within).unwrap_or(0) + across as u64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (service, law) in &self.within {
            let name = format!("{service}: {}", law.law);
            line(f, &name, law.checked, law.violations, &law.statement, &law.examples)?;
        }
        for law in &self.across {
            let violations = i64::try_from(law.violations.len()).unwrap_or(i64::MAX);
            let checked = i64::try_from(law.checked).unwrap_or(i64::MAX);
            line(f, law.law, checked, violations, law.statement, &law.violations)?;
            if law.in_flight > 0 {
                writeln!(f, "        {} in flight", law.in_flight)?;
            }
        }
        writeln!(f, "dead letters: {}, in flight: {}", self.dead_letters, self.in_flight)?;
        match self.violations() {
            0 if self.dead_letters == 0 => write!(f, "all laws hold"),
            0 => write!(f, "all laws hold, but events were set aside: see `quartermaster dead-letters list`"),
            count => write!(f, "{count} violations"),
        }
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    checked: i64,
    violations: i64,
    statement: &str,
    examples: &[String],
) -> fmt::Result {
    let verdict = if violations == 0 { "ok  ".to_owned() } else { format!("FAIL {violations}") };
    writeln!(f, "  {verdict}  {name:<32} {checked:>8} checked  {statement}")?;
    for example in examples.iter().take(MAX_EXAMPLES) {
        writeln!(f, "        {example}")?;
    }
    Ok(())
}
