//! What is said, and how long is rested, while turns fail.

use std::time::Duration;

use crate::{Error, with_causes};

const FIRST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(5);

/// Turns that fail one after another.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    failures: u32,
    problem: String,
}

impl Outage {
    /// A turn failed: how long to rest. Each problem is said once, or a dependency that is down would fill the log.
    pub(crate) fn go_on(&mut self, worker: &str, error: &Error) -> Duration {
        let problem = with_causes(&**error);
        if problem != self.problem {
            tracing::warn!(worker, problem, "a turn failed, trying again");
            self.problem = problem;
        }
        let rest = FIRST_REST.saturating_mul(1_u32 << self.failures.min(16)).min(LONGEST_REST);
        self.failures += 1;
        rest
    }

    /// A turn succeeded.
    pub(crate) fn end(&mut self, worker: &str) {
        if self.failures > 0 {
            tracing::info!(worker, failures = self.failures, "works again");
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_up_to_a_bound_and_begin_anew_after_a_success() {
        let mut outage = Outage::default();
        let fail = |outage: &mut Outage| outage.go_on("relay", &"down".into());
        assert_eq!(fail(&mut outage), FIRST_REST);
        assert_eq!(fail(&mut outage), FIRST_REST * 2);
        (0..100).for_each(|_| assert!(fail(&mut outage) <= LONGEST_REST));
        assert_eq!(fail(&mut outage), LONGEST_REST);
        outage.end("relay");
        assert_eq!(fail(&mut outage), FIRST_REST);
    }
}
