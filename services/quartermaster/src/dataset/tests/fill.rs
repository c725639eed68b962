//! A replay of the sample is worth watching: most orders leave from one place, some split, some wait.
//!
//! The plan here is the plainest there is: the location that fills most units, then the nearest, within daily
//! capacity and above safety stock. It stands for any sensible router and shares no code with ours.

use std::collections::HashMap;

use super::super::*;

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    OneLocation,
    Split,
    Waits,
}

struct World<'a> {
    dataset: &'a Dataset,
    /// Units above safety stock.
    available: HashMap<(String, String), i64>,
    shipments: HashMap<(String, chrono::NaiveDate), i64>,
}

impl World<'_> {
    fn fill(&mut self, order: &DatasetOrder) -> Outcome {
        let mut wanted: HashMap<&str, i64> = HashMap::new();
        for line in &order.lines {
            *wanted.entry(&line.sku).or_default() += line.quantity;
        }
        let mut used = 0;
        while let Some(code) = self.best(order, &wanted) {
            used += 1;
            *self.shipments.entry((code.clone(), order.placed_at.date_naive())).or_default() += 1;
            for (sku, units) in &mut wanted {
                if let Some(available) = self.available.get_mut(&(code.clone(), (*sku).to_owned())) {
                    let taken = (*units).min(*available);
                    *available -= taken;
                    *units -= taken;
                }
            }
            wanted.retain(|_, units| *units > 0);
        }
        match (wanted.is_empty(), used) {
            (true, 1) => Outcome::OneLocation,
            (true, _) => Outcome::Split,
            (false, _) => Outcome::Waits,
        }
    }

    fn best(&self, order: &DatasetOrder, wanted: &HashMap<&str, i64>) -> Option<String> {
        let day = order.placed_at.date_naive();
        let may = |location: &&Location| match &order.pickup_node {
            Some(code) => location.code == *code,
            None => {
                let busy = self.shipments.get(&(location.code.clone(), day)).copied().unwrap_or(0);
                location.can_ship && busy < location.capacity_orders_day
            }
        };
        let fills = |location: &Location| -> i64 {
            let at = |sku: &str| self.available.get(&(location.code.clone(), sku.to_owned())).copied();
            wanted.iter().map(|(sku, units)| at(sku).unwrap_or(0).min(*units)).sum()
        };
        let far = |location: &Location| {
            let north = location.address.latitude - order.ship_to.latitude;
            let east = location.address.longitude - order.ship_to.longitude;
            north.hypot(east * 0.78)
        };
        let scored = self.dataset.locations().iter().filter(may).map(|it| (fills(it), far(it), it));
        scored
            .filter(|(units, _, _)| *units > 0)
            .max_by(|one, other| one.0.cmp(&other.0).then(other.1.total_cmp(&one.1)))
            .map(|(_, _, location)| location.code.clone())
    }
}

#[test]
fn most_sample_orders_leave_from_one_location_some_split_and_some_wait() {
    let sample = Dataset::sample().unwrap();
    let mut world = World { dataset: &sample, available: HashMap::new(), shipments: HashMap::new() };
    for row in sample.stock().unwrap() {
        let row = row.unwrap();
        let safety = sample.location(&row.location_code).unwrap().safety_units;
        world.available.insert((row.location_code, row.sku), (row.on_hand - safety).max(0));
    }
    let outcomes: Vec<Outcome> =
        sample.all_orders().unwrap().map(|order| world.fill(&order.unwrap())).collect();
    let percent = |wanted: Outcome| {
        outcomes.iter().filter(|outcome| **outcome == wanted).count() * 100 / outcomes.len()
    };
    let shares = [Outcome::OneLocation, Outcome::Split, Outcome::Waits].map(percent);
    eprintln!("one location, split, waits: {shares:?} %");
    assert!((50..=70).contains(&shares[0]), "{shares:?}");
    assert!((25..=40).contains(&shares[1]), "{shares:?}");
    assert!((4..=12).contains(&shares[2]), "{shares:?}");
}
