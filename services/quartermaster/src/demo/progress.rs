//! Progress that a person can watch. Where nobody watches, only the phases are printed.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(100);

/// Announces a phase, and draws a bar of `length` below it.
pub(super) fn bar(title: &str, length: u64) -> ProgressBar {
    println!("{title}");
    let bar = ProgressBar::new(length);
    styled(&bar, "  {bar:40} {pos}/{len}  {elapsed}");
    bar
}

/// Announces a phase, and shows a changing message below it.
pub(super) fn spinner(title: &str) -> ProgressBar {
    println!("{title}");
    let spinner = ProgressBar::new_spinner();
    styled(&spinner, "  {spinner} {msg}");
    spinner
}

fn styled(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("█▌░"));
    }
    bar.enable_steady_tick(TICK);
}
