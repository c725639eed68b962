//! The sample and, where the working tree has it, the full stream; what a broken file says; and whether a replay of
//! the sample is worth watching.

mod broken;
mod fill;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::*;
use qm_money::{Currency, UnitPrice};

/// What a stream holds, counted while its laws are checked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    ship: usize,
    pickup: usize,
    lines: usize,
    adjusted: usize,
}

/// Every line balances, every order is unique and in its place, and a household keeps its name.
fn check_orders(dataset: &Dataset) -> Count {
    let mut count = Count::default();
    let mut references = HashSet::new();
    let mut names = HashMap::new();
    let mut last = None;
    for order in dataset.all_orders().unwrap() {
        let order = order.unwrap();
        let name = names.entry(order.customer.clone()).or_insert_with(|| order.name.clone());
        assert_eq!(*name, order.name);
        assert!(Some(order.placed_at) >= last, "{} is out of order", order.reference);
        last = Some(order.placed_at);
        assert!(!order.ship_to.line1.is_empty());
        match order.fulfilment {
            Fulfilment::Ship => count.ship += 1,
            Fulfilment::Pickup => count.pickup += 1,
        }
        assert_eq!(order.fulfilment == Fulfilment::Pickup, order.pickup_node.is_some());
        for line in &order.lines {
            let gross =
                UnitPrice::parse(&line.unit_price).unwrap().times(line.quantity, Currency::USD).unwrap();
            assert_eq!(
                gross.get() - line.discount_minor,
                line.line_total_minor,
                "{} {line:?}",
                order.reference
            );
            assert!(line.discount_minor >= 0, "{} {line:?}", order.reference);
            count.lines += 1;
            count.adjusted += usize::from(line.price_adjusted);
        }
        assert!(references.insert(order.reference));
    }
    count
}

/// The `discount` of every line as published, in cents; the reader derives it and does not look.
fn published_discounts(folder: &Path) -> Vec<i64> {
    let file = std::fs::File::open(folder.join("orders.ndjson.gz")).unwrap();
    let text = std::io::read_to_string(flate2::read::MultiGzDecoder::new(file)).unwrap();
    let after = |part: &str| part.split([',', '}']).next().unwrap().to_owned();
    text.split("\"discount\":").skip(1).map(|part| amounts::minor(&after(part)).unwrap()).collect()
}

fn full_stream() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    folder.join("orders.ndjson.gz").exists().then_some(folder)
}

fn check_network(dataset: &Dataset) {
    let of = |kind| dataset.locations().iter().filter(|location| location.kind == kind).count();
    let kinds = [LocationKind::DistributionCentre, LocationKind::Store, LocationKind::Supplier];
    assert_eq!(kinds.map(of), [12, 40, 5]);
    assert_eq!((dataset.tariff().len(), dataset.cartons().len()), (24, 8));
    assert!(dataset.locations().iter().all(|location| !location.address.line1.is_empty()));
}

#[test]
fn the_sample_is_whole_and_every_line_balances() {
    let sample = Dataset::sample().unwrap();
    check_network(&sample);
    assert_eq!(sample.catalogue().len(), 8_225);
    assert_eq!(check_orders(&sample), Count { ship: 1_989, pickup: 511, lines: 16_162, adjusted: 0 });
    let stock: Vec<StockRow> = sample.stock().unwrap().collect::<Result<_, _>>().unwrap();
    let stocked: HashSet<_> = stock.iter().map(|row| row.location_code.as_str()).collect();
    assert_eq!(stocked.len(), 57, "every location has some stock");
}

#[test]
fn the_full_stream_is_whole_and_every_line_balances() {
    let Some(folder) = full_stream() else {
        eprintln!("no tests/data beside this crate: the full stream is not checked");
        return;
    };
    let full = Dataset::from_dir(&folder).unwrap();
    check_network(&full);
    assert_eq!(full.catalogue().len(), 25_632);
    assert_eq!(check_orders(&full), Count { ship: 16_020, pickup: 3_980, lines: 136_395, adjusted: 0 });
    assert_eq!(full.stock().unwrap().filter_map(Result::ok).count(), 218_826);

    let discounts: Vec<i64> = full
        .all_orders()
        .unwrap()
        .flat_map(|order| order.unwrap().lines)
        .map(|line| line.discount_minor)
        .collect();
    assert!(discounts == published_discounts(&folder), "a derived discount is not the published one");

    let sample = Dataset::sample().unwrap();
    let streamed = full.orders(2_500).unwrap().map(Result::unwrap);
    let sampled = sample.orders(2_500).unwrap().map(Result::unwrap);
    for (streamed, sampled) in streamed.zip(sampled) {
        // Nearest addresses may differ by the cut coordinates; nothing else may.
        let line1 = sampled.ship_to.line1.clone();
        let ship_to = Address { line1, ..streamed.ship_to.clone() };
        assert_eq!(DatasetOrder { ship_to, ..streamed }, sampled);
    }
}

#[test]
fn the_first_order_reads_as_it_was_published() {
    let sample = Dataset::sample().unwrap();
    let order = sample.orders(1).unwrap().next().unwrap().unwrap();
    assert_eq!(order.reference, "CJ-34032703318");
    assert_eq!(order.placed_at.to_rfc3339(), "2017-07-10T00:04:10+00:00");
    assert_eq!((order.customer.as_str(), order.email.as_str()), ("H0214", "h0214@example.com"));
    assert_eq!((order.channel.as_str(), order.service.as_str()), ("app", "standard"));
    assert_eq!(order.promise_by.to_string(), "2017-07-17");
    assert_eq!((order.ship_to.postal_code.as_str(), order.ship_to.region.as_str()), ("27697", "NC"));
    let last = order.lines.last().unwrap();
    assert_eq!((last.sku.as_str(), last.quantity, last.unit_price.as_str()), ("6602270", 2, "8.49"));
    assert_eq!((last.discount_minor, last.line_total_minor), (700, 998));
    assert!(!last.title.is_empty());
}

#[test]
fn reading_twice_gives_the_same_and_a_limit_is_a_prefix() {
    let read = |limit| -> Vec<DatasetOrder> {
        Dataset::sample().unwrap().orders(limit).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let (few, more) = (read(20), read(60));
    assert_eq!((few.len(), more.len()), (20, 60));
    assert_eq!(few[..], more[..20]);
    assert!(read(0).is_empty());
}

#[test]
fn locations_carry_exact_cents_and_their_zone() {
    let sample = Dataset::sample().unwrap();
    let zone = |code: &str| sample.location(code).unwrap().timezone;
    assert_eq!(zone("DC01"), "America/New_York");
    assert_eq!(zone("DC03"), "America/Chicago");
    assert_eq!(zone("DC07"), "America/Denver");
    assert_eq!(zone("S292"), "America/Phoenix");
    assert_eq!(zone("S289"), "America/Los_Angeles");
    let centre = sample.location("DC03").unwrap();
    assert_eq!((centre.handling_order_minor, centre.handling_unit_minor), (178, 30));
    assert_eq!(centre.cutoff_local.to_string(), "16:00:00");
    let store = sample.location("S289").unwrap();
    assert_eq!(store.storage, [Storage::Ambient, Storage::Chilled, Storage::Frozen]);
    let far = sample.tariff().iter().find(|row| row.service == "standard" && row.zone == 9).unwrap();
    assert_eq!((far.max_miles, far.base_minor, far.per_lb_micros), (None, 2_400, 2_100_000));
}

#[test]
fn the_iterators_can_cross_threads() {
    fn is_send<T: Send>() {}
    is_send::<Dataset>();
    is_send::<Orders<'static>>();
    is_send::<StockRows<'static>>();
}
