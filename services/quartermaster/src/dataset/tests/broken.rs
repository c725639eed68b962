//! What a broken dataset says: always the file, the line and the field, and never a panic.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::{Dataset, Error};

const ORDER: &str = r#"{"order_id":"A-1","placed_at":"2017-07-10T00:04:10Z","channel":"web","customer":"H1","fulfilment":"ship","service":"standard","promise_by":"2017-07-17","ship_to":{"zip":"27697","city":"Raleigh","state":"NC","lat":35.8,"lon":-78.6},"pickup_node":null,"lines":[{"sku":"1","qty":1,"unit_price":5.99,"line_total":3.49}]}"#;

const FILES: [(&str, &str); 6] = [
    (
        "catalogue.csv",
        "sku,name,storage,restricted,weight_g,len_mm,wid_mm,hgt_mm,dropship\n1,Tea,ambient,,100,10,10,10,\n",
    ),
    (
        "nodes.csv",
        "node_id,type,zip,city,state,lat,lon,utc_offset_std,assortment,storage,can_ship,can_pickup,capacity_orders_day,handling_order_usd,handling_unit_usd,cutoff_local,lead_days,safety_units\nDC01,dc,43137,Lockbourne,OH,39.8,-82.9,-5,all,ambient,1,0,31,2.09,0.32,15:00,0,0\n",
    ),
    ("stock.csv", "node_id,sku,on_hand\nDC01,1,5\n"),
    ("tariff.csv", "service,zone,max_miles,base_usd,per_lb_usd,transit_days\nstandard,2,150,7.1,0.28,1\n"),
    ("cartons.csv", "carton,len_mm,wid_mm,hgt_mm,max_kg,cost_usd\nMAILER,330,250,50,2.0,0.18\n"),
    ("addresses.csv", "address1,city,state,zip,lat,lon\n1 High Street,Columbus,OH,43215,39.9,-83.0\n"),
];

/// A sound folder of one order, one item and one location, but for one file that says something else.
fn folder(file: &str, text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("orders.ndjson"), ORDER).unwrap();
    for (name, sound) in FILES {
        fs::write(folder.path().join(name), sound).unwrap();
    }
    fs::write(folder.path().join(file), text).unwrap();
    folder
}

fn read_all(folder: &TempDir) -> Result<usize, Error> {
    let dataset = Dataset::from_dir(folder.path())?;
    dataset.stock()?.try_for_each(|row| row.map(drop))?;
    dataset.all_orders()?.try_fold(0, |count, order| order.map(|_| count + 1))
}

#[test]
fn a_plain_folder_is_read_like_the_sample() {
    assert_eq!(read_all(&folder("orders.ndjson", &format!("{ORDER}\n{ORDER}\n"))).unwrap(), 2);
}

#[test]
fn a_broken_order_names_file_line_and_field() {
    for (from, to, field) in [
        (r#""customer":"H1""#, r#""customer":"<h1>""#, "customer"),
        (r#""customer":"H1","#, "", "customer"),
        ("00:04:10Z", "later", "placed_at"),
        ("2017-07-10T", "2017-07-09T", "placed_at"),
        ("2017-07-17", "2017-02-30", "promise_by"),
        (r#""ship","#, r#""mail","#, "fulfilment"),
        (r#""ship","#, r#""pickup","#, "pickup_node"),
        (r#""lat":35.8"#, r#""lat":235.8"#, "ship_to.lat"),
        (r#""zip":"27697","#, "", "ship_to.zip"),
        (r#""sku":"1""#, r#""sku":"2""#, "lines[0].sku"),
        (r#""qty":1"#, r#""qty":-1"#, "lines[0].qty"),
        (r#""qty":1"#, r#""qty":10000"#, "lines[0].qty"),
        ("5.99", "5.9900001", "lines[0].unit_price"),
        ("5.99", "6e2", "lines[0].unit_price"),
        ("3.49", "3.499", "lines[0].line_total"),
        ("3.49", "null", "lines[0].line_total"),
        ("}]}", "}]", "(line)"),
    ] {
        let broken = ORDER.replacen(from, to, 1);
        assert_ne!(broken, ORDER, "{from:?} is not in the order");
        let folder = folder("orders.ndjson", &format!("{ORDER}\n{broken}\n"));
        let said = read_all(&folder).unwrap_err().to_string();
        assert!(said.contains(&format!("orders.ndjson:2: {field}: ")), "{to:?} gave {said:?}");
    }
}

#[test]
fn a_broken_table_names_file_line_and_column() {
    for (file, from, to, place) in [
        ("catalogue.csv", "ambient", "warm", "catalogue.csv:2: storage: "),
        ("catalogue.csv", "weight_g", "weight", "catalogue.csv:2: weight_g: "),
        ("catalogue.csv", "100", "1.5", "catalogue.csv:2: weight_g: "),
        ("nodes.csv", "2.09", "2.095", "nodes.csv:2: handling_order_usd: "),
        ("nodes.csv", "-5", "1", "nodes.csv:2: utc_offset_std: "),
        ("nodes.csv", "15:00", "25:00", "nodes.csv:2: cutoff_local: "),
        ("stock.csv", "DC01", "DC99", "stock.csv:2: node_id: "),
        ("stock.csv", ",5", ",-5", "stock.csv:2: on_hand: "),
        ("tariff.csv", "0.28", "free", "tariff.csv:2: per_lb_usd: "),
        ("cartons.csv", "MAILER", "", "cartons.csv:2: carton: "),
        ("addresses.csv", "39.9", "NaN", "addresses.csv:2: lat: "),
        ("addresses.csv", ",-83.0", "", "addresses.csv:2: not a row"),
    ] {
        let sound = FILES.iter().find(|(name, _)| *name == file).unwrap().1;
        let broken = sound.replacen(from, to, 1);
        assert_ne!(broken, sound, "{from:?} is not in {file}");
        let said = read_all(&folder(file, &broken)).unwrap_err().to_string();
        assert!(said.contains(place), "{to:?} in {file} gave {said:?}");
    }
}

#[test]
fn a_missing_file_is_named_before_anything_is_replayed() {
    let folder = folder("orders.ndjson", ORDER);
    fs::remove_file(folder.path().join("stock.csv")).unwrap();
    let said = Dataset::from_dir(folder.path()).err().unwrap().to_string();
    assert!(said.contains("stock.csv: cannot be opened"), "{said}");
}

#[test]
fn a_stream_that_breaks_off_ends_with_one_error_after_its_sound_orders() {
    let whole = include_bytes!("../../../data/sample/orders.ndjson.gz");
    let folder = folder("catalogue.csv", "");
    for (name, _) in FILES {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
    for file in fs::read_dir(sample).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    fs::write(folder.path().join("orders.ndjson.gz"), &whole[..whole.len() / 2]).unwrap();
    let dataset = Dataset::from_dir(folder.path()).unwrap();
    let read: Vec<_> = dataset.all_orders().unwrap().collect();
    let (last, sound) = read.split_last().unwrap();
    assert!(sound.len() > 500 && sound.iter().all(Result::is_ok));
    assert!(matches!(last, Err(Error::Read { .. })), "{last:?}");
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let said = read_all(&folder("orders.ndjson", &" ".repeat(3 << 20))).unwrap_err().to_string();
    assert!(said.contains("orders.ndjson:1: (line): must be shorter"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_to_an_order_makes_the_reader_panic(at in 0..ORDER.len(), with in "[ -~]{0,6}") {
        let mut text = ORDER.to_owned();
        text.replace_range(at..(at + 3).min(ORDER.len()), &with);
        let _ = read_all(&folder("orders.ndjson", &text));
    }
}
