//! When a failed try is followed by the next.

use chrono::TimeDelta;

/// Waits between tries of a webhook, in seconds, as the Standard Webhooks specification suggests: about three days.
const WEBHOOK: &[i64] = &[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Waits between tries of a mail, in seconds: about a day.
const MAIL: &[i64] = &[30, 120, 600, 3_600, 14_400, 28_800, 43_200];
/// An endpoint on which nothing has succeeded for this long is switched off.
const DISABLE_AFTER_DAYS: i64 = 5;

/// The wait after the `attempts`th try of a webhook failed; `None` when it was the last.
pub fn webhook(attempts: i32) -> Option<TimeDelta> {
    after(WEBHOOK, attempts)
}

/// The wait after the `attempts`th try of a mail failed; `None` when it was the last.
pub fn mail(attempts: i32) -> Option<TimeDelta> {
    after(MAIL, attempts)
}

/// True when an endpoint that has failed without a break for `failing_for` should be switched off.
pub fn should_disable(failing_for: TimeDelta) -> bool {
    failing_for >= TimeDelta::days(DISABLE_AFTER_DAYS)
}

fn after(waits: &[i64], attempts: i32) -> Option<TimeDelta> {
    let index = usize::try_from(attempts.saturating_sub(1)).ok()?;
    waits.get(index).map(|seconds| TimeDelta::seconds(*seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        for schedule in [webhook as fn(i32) -> Option<TimeDelta>, mail] {
            let waits: Vec<_> = (1..).map_while(schedule).collect();
            assert!(waits.len() > 5 && waits.is_sorted());
            assert_eq!(schedule(0), None);
        }
    }
}
