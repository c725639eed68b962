//! A back-test from its file to its figures.

use std::io::Write as _;

use super::history::History;
use super::*;

fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn refusal(text: &str) -> String {
    let (_folder, path) = file("demand.csv", text);
    let error = History::read(&path).err().unwrap().to_string();
    error.rsplit_once('/').map_or(error.clone(), |(_, end)| end.to_owned())
}

#[test]
fn rows_are_laid_out_by_day_and_added_up() {
    let (_folder, path) = file(
        "demand.csv",
        "units,sku,date,note\n3,A,2026-03-01,x\n4,A,2026-03-01,\nout,B,2026-02-27,\n2,B,2026-02-28,\n",
    );
    let history = History::read(&path).unwrap();
    let series = [vec![Some(0), Some(0), Some(7)], vec![None, Some(2), Some(0)]];
    assert_eq!((history.periods, history.series.as_slice()), (3, series.as_slice()));
}

#[test]
fn an_item_has_a_series_at_each_location() {
    let (_folder, path) =
        file("demand.csv", "sku,location,week,units\nA,north,7,1\nA,south,9,2\nB,north,8,3\n");
    let history = History::read(&path).unwrap();
    let series = [[1, 0, 0], [0, 0, 2], [0, 3, 0]].map(|units| units.map(Some).to_vec());
    assert_eq!(history.series, series);
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    assert_eq!(refusal("sku,units\nA,1\n"), "demand.csv:2: date: must be a column of this file");
    assert_eq!(
        refusal("sku,date,units\nA,31.01.2026,1\n"),
        "demand.csv:2: date: must be a date like 2026-01-31, not \"31.01.2026\""
    );
    assert_eq!(
        refusal("sku,date,units\nA,2026-01-31,1\nA,2026-02-01,-1\n"),
        "demand.csv:3: units: must be a whole number from 0 to 1000000000, or out, not \"-1\""
    );
    assert_eq!(
        refusal("sku,week,units\nA,1,1000000000\nA,1,1\n"),
        "demand.csv:3: units: come to more than 1000000000 with earlier rows"
    );
    assert_eq!(refusal("sku,week,units\n"), "demand.csv:1: (rows): must be at least one");
    assert_eq!(
        refusal("sku,week,units\nA,0,1\nA,9223372036854775807,1\n"),
        "demand.csv:1: (rows): must span at most 7305 periods, and 30000000 of all series together, not \
         9223372036854775807 of 1 series"
    );
}

#[test]
fn what_cannot_be_judged_has_no_figures() {
    let (_folder, path) = file("demand.csv", "sku,week,units\nA,1,0\nA,21,5\nA,30,0\n");
    let report = report(&History::read(&path).unwrap(), &args(path, &[])).unwrap();
    assert_eq!((report.accuracy.series, report.accuracy.planned), (0, None));
    let text = report.to_string();
    assert!(!text.contains("NaN") && text.contains("planning                            -"), "{text}");
}

#[test]
fn extreme_costs_are_survived() {
    let (_folder, path) = file("demand.csv", &moving());
    let history = History::read(&path).unwrap();
    for costs in [
        ["--order-cost", "0", "--unit-cost", "0"],
        ["--order-cost", "1000000000", "--unit-cost", "1e-300"],
        ["--order-cost", "1e-300", "--unit-cost", "1000000000"],
    ] {
        let text = report(&history, &args(path.clone(), &costs)).unwrap().to_string();
        assert!(!text.contains("NaN"), "{text}");
    }
}

fn args(path: PathBuf, more: &[&str]) -> Args {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }
    let line = ["backtest".into(), path.into_os_string()].into_iter().chain(more.iter().map(Into::into));
    <Line as clap::Parser>::try_parse_from(line).unwrap().args
}

/// Weeks of 32 items, half of which are asked for more and more and half less and less.
fn moving() -> String {
    let mut text = String::from("sku,week,units\n");
    for sku in 0..32_u64 {
        for week in 0..60_u64 {
            let units = if sku % 2 == 0 { 5 + week } else { 70 - week } + (sku * 7 + week * 5) % 4;
            text.push_str(&format!("S{sku},{week},{units}\n"));
        }
    }
    text
}

#[test]
fn planning_follows_what_a_fixed_point_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demand.csv.gz");
    let mut packed =
        flate2::write::GzEncoder::new(std::fs::File::create(&path).unwrap(), flate2::Compression::fast());
    packed.write_all(moving().as_bytes()).unwrap();
    packed.finish().unwrap();
    let report =
        report(&History::read(&path).unwrap(), &args(path, &["--weeks", "20", "--lead-days", "7,14"]))
            .unwrap();
    assert_eq!((report.weeks_learnt, report.weeks_replayed, report.accuracy.series), (40, 20, 32));
    assert!(report.accuracy.planned.unwrap() < report.accuracy.last_four_weeks.unwrap(), "{report}");
    assert!(report.stock.planned.fill_rate > 0.95, "{report}");
    assert!(report.stock.fixed_sells_as_much, "{report}");
    assert!(report.stock.planned.average_stock < report.stock.fixed.average_stock, "{report}");
    let text = report.to_string();
    assert!(
        text.contains("smooth demand: method moving") && text.contains("less stock than a fixed point"),
        "{text}"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["practice"]["classes"][0]["method"], "moving");
}

#[test]
fn a_history_that_is_too_short_is_refused() {
    let (_folder, path) = file("demand.csv", "sku,week,units\nA,1,1\nA,10,4\n");
    let history = History::read(&path).unwrap();
    let refusal = |more: &[&str]| report(&history, &args(path.clone(), more)).unwrap_err().to_string();
    assert!(
        refusal(&[])
            .ends_with("of its 10 weeks, 3 to replay leave 7 to learn from; at least 1 and 8 are needed")
    );
    assert!(refusal(&["--weeks", "0"]).contains("0 to replay leave 10"));
    assert!(refusal(&["--weeks", "99"]).contains("99 to replay leave 0"));
    assert!(report(&history, &args(path, &["--weeks", "2"])).is_ok());
}
