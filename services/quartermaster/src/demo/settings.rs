//! What the demo can be told, and what follows from its speed.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// Beyond this, what services allow for in their own time is over before a busy machine has done it: a carrier's
/// message may be five minutes old, which is then a thirteenth of a second.
const FASTEST_CLOCK: f64 = 4_000.0;

/// Show the whole system at work: real orders through the public API, in one process, in about a minute
///
/// Starts every service in this process, on SQLite files and a bus in a folder of its own; creates a tenant and an API
/// key; loads 57 real locations, a catalogue and its stock; and then replays real orders of a grocery chain through the
/// public HTTP API, at the times of the stream but faster. Simulated warehouses accept, pick, pack, label and hand over;
/// a simulated carrier scans and delivers; now and then a shelf is empty, and the order finds another source.
///
/// It ends with a summary, checks the books, and stays up, with links to open, until Ctrl-C.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How many orders to replay; the sample in this binary has 2500
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) orders: u32,
    /// How many times faster than they really came; past 4000, days are squeezed together, and capacity and stock raised
    #[arg(long, value_name = "TIMES", default_value_t = 2_000.0, value_parser = speed)]
    pub(super) speed: f64,
    /// Where to serve HTTP on 127.0.0.1; 0 takes any free port
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(super) port: u16,
    /// A new or empty folder for all data; without it, a fresh one in the system's temporary directory
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Another dataset in the form of the sample, such as tests/data (20,000 orders)
    #[arg(long, value_name = "DIR")]
    pub(super) dataset: Option<PathBuf>,
    /// End after the summary; exit code 0 only if every order came to rest and all laws hold
    #[arg(long)]
    pub(super) no_wait: bool,
}

/// Which orders, and how fast they come.
#[derive(Debug, Clone, clap::Args)]
pub struct Stream {
    /// How many orders to replay; the sample in this binary has 2500
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) orders: u32,
    /// How many times faster than they really came; past 4000, capacity and stock are raised by the same factor
    #[arg(long, value_name = "TIMES", default_value_t = 20_000.0, value_parser = speed)]
    pub(super) speed: f64,
    /// Another dataset in the form of the sample, such as tests/data (20,000 orders)
    #[arg(long, value_name = "DIR")]
    pub(super) dataset: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  quartermaster demo
  quartermaster demo --orders 2500 --dataset tests/data --port 0
  quartermaster demo --orders 50 --no-wait      (a check: exit code 0 or 1)";

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (1.0..=1_000_000.0).contains(&speed) => Ok(speed),
        _ => Err("must be a number from 1 to 1000000".to_owned()),
    }
}

/// How the stream's time becomes the demo's.
///
/// The clock follows the stream up to its fastest speed; what is asked beyond that squeezes the stream's days together,
/// and then locations must manage so many times more in a day, and stock so many times more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// How many times as fast as real time the demo's clock runs.
    pub(super) clock_speed: f64,
    /// How many days of the stream become one day of the demo, at least 1.
    pub(super) squeeze: u32,
    start: DateTime<Utc>,
}

impl Pace {
    /// A replay `speed` times as fast as a stream that begins at `start`.
    pub(super) fn new(speed: f64, start: DateTime<Utc>) -> Self {
        // At most 250, since the speed is at most a million.
        let squeeze = (speed / FASTEST_CLOCK).ceil().max(1.0) as u32;
        Self { clock_speed: speed / f64::from(squeeze), squeeze, start }
    }

    /// When the stream and the demo begin.
    pub(super) fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// When something that happened at `time` of the stream happens in the demo.
    pub(super) fn at(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        self.start + (time - self.start) / i32::try_from(self.squeeze).unwrap_or(i32::MAX)
    }

    /// A date promised at `placed` of the stream, as many days later in the demo.
    pub(super) fn promise(&self, placed: DateTime<Utc>, promised: NaiveDate) -> NaiveDate {
        let moved: TimeDelta = self.at(placed).date_naive() - placed.date_naive();
        promised + moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_clock_follows_the_stream_as_long_as_it_can() {
        let start = time("2017-07-10T00:00:00Z");
        let pace = Pace::new(2_000.0, start);
        assert_eq!((pace.clock_speed, pace.squeeze), (2_000.0, 1));
        let later = time("2017-07-12T13:45:10Z");
        assert_eq!(pace.at(later), later);
        assert_eq!(Pace::new(4_000.0, start).squeeze, 1);
    }

    #[test]
    fn beyond_that_days_are_squeezed() {
        let start = time("2017-07-10T00:00:00Z");
        let pace = Pace::new(10_000.0, start);
        assert_eq!(pace.squeeze, 3);
        assert!(pace.clock_speed <= FASTEST_CLOCK);
        assert!((pace.clock_speed * f64::from(pace.squeeze) - 10_000.0).abs() < 1e-6, "as fast as was asked");
        assert_eq!(pace.at(time("2017-07-13T00:00:00Z")), time("2017-07-11T00:00:00Z"));
        // Seven days after the order in the stream, and in the demo.
        let promised = pace.promise(time("2017-07-13T00:00:00Z"), "2017-07-20".parse().unwrap());
        assert_eq!(promised, "2017-07-18".parse().unwrap());
    }

    #[test]
    fn a_speed_that_is_none_is_refused() {
        for text in ["0", "-5", "NaN", "inf", "fast", "1000001"] {
            assert!(speed(text).is_err(), "{text}");
        }
        assert_eq!(speed("2.5"), Ok(2.5));
    }
}
