//! What planning would have come to on a merchant's own past: forecasts made as if the last weeks had not come yet, and stock
//! replayed through them under a planned policy and beside it under a point that was set once.

mod accuracy;
mod history;
mod report;
mod stock;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use qm_inventory::planning::{Demand, LeadTime, OrderTerms, Practice, Supply};
use qm_runtime::BuildError;

use accuracy::Accuracy;
use history::History;
use report::Report;
use stock::{Costs, Stock};

/// Replay past demand under a planned stock policy, beside a fixed reorder point
///
/// Learns from the first part of the history and knows nothing of the rest. Then it forecasts the weeks that follow, and says
/// how far off it was; and it replays them: goods arrive, customers come, stock is looked at and ordered, under levels that are
/// planned anew at each look, and under a reorder point and quantity that were set once and are high enough for the same
/// share of units sold. What is not in stock is not sold later.
///
/// The file is CSV, gzipped if its name ends in .gz, with the columns sku, units, date (YYYY-MM-DD) or week (a number that goes
/// on from year to year), and location, if it has one. Other columns are ignored. Days or weeks that are not named had no demand.
/// Sales count as demand: where a shelf was empty, write "out" for units. With weeks, days of lead time and review count as the
/// next whole number of weeks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The file
    #[arg(value_name = "FILE")]
    demand: PathBuf,
    /// Replay so many weeks, the last ones [default: a third of the history]
    #[arg(long, value_name = "N")]
    weeks: Option<u16>,
    /// Judge forecasts of so many weeks; stock is planned the same with any
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=104))]
    horizon_weeks: u16,
    /// Share of the times between two deliveries in which stock shall last
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share)]
    service: f64,
    /// Days from an order to the shelf; several for what orders took one after another
    #[arg(long, value_name = "DAYS,…", value_delimiter = ',', default_value = "14", value_parser = clap::value_parser!(u32).range(1..=730))]
    lead_days: Vec<u32>,
    /// Days from one look at the stock to the next
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365))]
    review_days: u32,
    /// Units of a pack; orders are whole packs
    #[arg(long, value_name = "UNITS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pack: u64,
    /// The fewest units of an order
    #[arg(long, value_name = "UNITS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    minimum: u64,
    /// What an order costs, whatever it brings
    #[arg(long, value_name = "AMOUNT", default_value_t = 5.0, value_parser = amount)]
    order_cost: f64,
    /// What a unit costs
    #[arg(long, value_name = "AMOUNT", default_value_t = 2.0, value_parser = amount)]
    unit_cost: f64,
    /// What holding stock costs a year, in percent of its value
    #[arg(long, value_name = "PERCENT", default_value_t = 25.0, value_parser = amount)]
    holding_percent: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  quartermaster backtest tests/data/demand_weekly.csv.gz
  quartermaster backtest sales.csv --weeks 26 --service 0.98 --lead-days 12,14,21 --pack 6 --json";

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| (0.5..=0.999).contains(share));
    share.ok_or_else(|| "must be a share between 0.5 and 0.999, such as 0.95".to_owned())
}

fn amount(text: &str) -> Result<f64, String> {
    let amount = text.parse().ok().filter(|amount: &f64| (0.0..=1e9).contains(amount));
    amount.ok_or_else(|| "must be a number between 0 and 1000000000".to_owned())
}

/// Runs the command.
///
/// # Errors
///
/// A file that cannot be read or is too short to learn from; the message names file, line and column.
pub async fn run(args: Args) -> Result<ExitCode, BuildError> {
    // Minutes of computing for a large file: not on a thread that others wait for.
    let report = tokio::task::spawn_blocking(move || -> Result<(Report, bool), BuildError> {
        let history = History::read(&args.demand)?;
        Ok((report(&history, &args)?, args.json))
    });
    let (report, json) = report.await??;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Weeks to learn from, below which there is nothing to say.
const LEARNT: usize = 8;
/// Weeks that are planned for.
const PLANNED: usize = 8;

fn report(history: &History, args: &Args) -> Result<Report, BuildError> {
    let a_week = (7 / history.period.days()) as usize;
    let weeks = history.periods / a_week;
    let replayed = args.weeks.map_or(weeks / 3, usize::from);
    if replayed == 0 || weeks < replayed + LEARNT {
        let learnt = weeks.saturating_sub(replayed);
        return Err(format!(
            "{}: of its {weeks} weeks, {replayed} to replay leave {learnt} to learn from; at least 1 and {LEARNT} are needed",
            history.file
        )
        .into());
    }
    let from = history.periods - replayed * a_week;
    let before: Vec<Demand> =
        history.series.iter().map(|series| Demand::new(series[..from].iter().copied())).collect();
    let horizon = usize::from(args.horizon_weeks).min(replayed);
    let started = Instant::now();
    let practice = Practice::learn(&before, history.period, PLANNED);
    let learning = started.elapsed();
    let whole = |days: u32| days.next_multiple_of(history.period.days());
    let supply = Supply {
        lead_days: args.lead_days.iter().copied().map(whole).collect(),
        review_days: whole(args.review_days),
        terms: OrderTerms { pack: args.pack, minimum: args.minimum },
    };
    let lead = LeadTime::of(&supply.lead_days).ok_or("lead-days: must name at least one")?;
    let costs = Costs {
        per_order: args.order_cost,
        unit: args.unit_cost,
        holding: args.unit_cost * args.holding_percent / 100.0 / 365.0,
    };
    Ok(Report {
        accuracy: Accuracy::of(history, &before, &practice, horizon * a_week, learning),
        stock: Stock::of(history, &before, &practice, &supply, lead, args.service, costs),
        weeks_learnt: from / a_week,
        weeks_replayed: replayed,
        horizon_weeks: horizon,
        service: args.service,
        practice: report::practised(&practice),
        history: history.summary(),
    })
}
