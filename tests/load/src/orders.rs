//! The orders that are placed: real lines, encoded once, so that the generator has nothing to do but to send them.

use std::collections::{BTreeMap, HashSet};

use bytes::{Bytes, BytesMut};
use chrono::{TimeDelta, Utc};
use clap::ValueEnum;
use qm_runtime::BuildError;
use quartermaster::{dataset::DatasetOrder, shop::new_order};
use serde::Serialize;

use crate::selection::Selection;

/// How long orders are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The real stream's, 6.8 lines on average
    Real,
    /// The real stream cut into orders of 1 to 4 lines, 2.5 on average
    Short,
}

/// Lines of one order after the other, until the stream is used up. Where a real order ends first it is fewer, which makes
/// 2.5 on average.
const SHORT: [usize; 4] = [3, 2, 4, 3];

/// Stands where each order's own reference goes.
const REFERENCE: &str = "@reference@";

/// Bodies of `POST /v1/orders`, used in turn.
pub struct OrderBodies {
    /// Before the reference, and after it.
    parts: Vec<(Bytes, Bytes)>,
    lines: usize,
}

impl OrderBodies {
    /// The orders of a selection, without lines of items that are out of stock where they could come from.
    pub fn read(selection: &Selection, shape: Shape) -> Result<Self, BuildError> {
        Self::encode(servable(selection)?, shape)
    }

    /// All orders of the item that is ordered most, of that one line each.
    pub fn of_one_item(selection: &Selection) -> Result<Self, BuildError> {
        let orders = servable(selection)?;
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for line in orders.iter().flat_map(|order| &order.lines) {
            *times.entry(&line.sku).or_default() += 1;
        }
        let hot =
            times.iter().max_by_key(|(_, times)| **times).ok_or("no order can be served")?.0.to_string();
        let of_it = |mut order: DatasetOrder| {
            order.lines.retain(|line| line.sku == hot);
            order.lines.truncate(1);
            (!order.lines.is_empty()).then_some(order)
        };
        Self::encode(orders.into_iter().filter_map(of_it).collect(), Shape::Real)
    }

    fn encode(orders: Vec<DatasetOrder>, shape: Shape) -> Result<Self, BuildError> {
        let (mut parts, mut lines) = (Vec::new(), 0);
        let mut lengths = SHORT.into_iter().cycle();
        for mut order in orders {
            let mut rest = std::mem::take(&mut order.lines);
            while !rest.is_empty() {
                let length = match shape {
                    Shape::Real => rest.len(),
                    Shape::Short => lengths.next().unwrap_or(1).min(rest.len()),
                };
                let own = rest.drain(..length).collect();
                lines += length;
                parts.push(encode(DatasetOrder { lines: own, ..order.clone() })?);
            }
        }
        Ok(Self { parts, lines })
    }

    /// Lines of an order, on average.
    pub fn lines_per_order(&self) -> f64 {
        self.lines as f64 / self.parts.len().max(1) as f64
    }

    /// The body of the `n`-th order under a reference that no other order has.
    pub fn body(&self, n: usize, reference: &str) -> Bytes {
        let Some((before, after)) = self.parts.get(n % self.parts.len().max(1)) else { return Bytes::new() };
        let mut body = BytesMut::with_capacity(before.len() + reference.len() + after.len());
        body.extend_from_slice(before);
        body.extend_from_slice(reference.as_bytes());
        body.extend_from_slice(after);
        body.freeze()
    }
}

/// The orders, without lines that no stock could ever serve.
fn servable(selection: &Selection) -> Result<Vec<DatasetOrder>, BuildError> {
    // Stock is scaled so that it does not run out, which does not help where there is none.
    let mut in_stock = HashSet::new();
    for row in selection.stock()? {
        in_stock.insert((Some(row.location_code), row.sku.clone()));
        in_stock.insert((None, row.sku));
    }
    let mut orders = selection.orders()?;
    for order in &mut orders {
        // One that is collected can only be served there.
        order.lines.retain(|line| in_stock.contains(&(order.pickup_node.clone(), line.sku.clone())));
    }
    Ok(orders)
}

/// An order that is placed now and promised as many days from now as it was.
fn encode(mut order: DatasetOrder) -> Result<(Bytes, Bytes), BuildError> {
    let days = order.promise_by - order.placed_at.date_naive();
    let promise_by = Utc::now().date_naive() + days.max(TimeDelta::days(1));
    REFERENCE.clone_into(&mut order.reference);
    let text = new_order(&order, None, promise_by).to_string();
    let (before, after) = text.split_once(REFERENCE).ok_or("an order without its reference")?;
    Ok((Bytes::copy_from_slice(before.as_bytes()), Bytes::copy_from_slice(after.as_bytes())))
}
