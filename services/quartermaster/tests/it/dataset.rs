//! A small dataset, for tests that need the demo and not its size.

use std::{collections::HashSet, fs, io, path::Path};

use flate2::read::MultiGzDecoder;

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample").join(name);
    let file = fs::File::open(path).unwrap();
    match name.ends_with(".gz") {
        true => io::read_to_string(MultiGzDecoder::new(file)).unwrap(),
        false => io::read_to_string(file).unwrap(),
    }
}

/// Writes the sample's first `count` orders, and only the items and stock that they name.
pub fn write_small(folder: &Path, count: usize) {
    let orders: Vec<String> = sample("orders.ndjson.gz").lines().take(count).map(str::to_owned).collect();
    let skus: HashSet<String> = orders
        .iter()
        .flat_map(|order| order.split("\"sku\":\"").skip(1))
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    // The header, and the rows whose column holds one of the skus.
    let named = |text: String, column: usize| {
        let is_named = |row: &str| skus.contains(row.split(',').nth(column).unwrap());
        let rows = text.lines().enumerate().filter(|(index, row)| *index == 0 || is_named(row));
        rows.map(|(_, row)| format!("{row}\n")).collect::<String>()
    };
    fs::write(folder.join("orders.ndjson"), orders.join("\n") + "\n").unwrap();
    fs::write(folder.join("catalogue.csv"), named(sample("catalogue.csv.gz"), 0)).unwrap();
    fs::write(folder.join("stock.csv"), named(sample("stock.csv.gz"), 1)).unwrap();
    fs::write(folder.join("addresses.csv"), sample("addresses.csv.gz")).unwrap();
    for name in ["nodes.csv", "tariff.csv", "cartons.csv"] {
        fs::write(folder.join(name), sample(name)).unwrap();
    }
}
