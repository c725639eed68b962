//! The orders that are placed: real lines, encoded once, so that the generator has nothing to do but to send them.

use std::collections::HashSet;

use bytes::{Bytes, BytesMut};
use chrono::{TimeDelta, Utc};
use clap::ValueEnum;
use qm_runtime::BuildError;
use quartermaster::{
    dataset::{Dataset, DatasetOrder},
    shop::new_order,
};
use serde::Serialize;

/// How long orders are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The real stream's, 6.8 lines on average
    Real,
    /// The real stream cut into orders of 1 to 4 lines, 2.1 on average
    Short,
}

/// Lines of one order after the other, until the stream is used up: 2.5 on average, and less where a real order ends first.
const SHORT: [usize; 4] = [2, 1, 4, 3];

/// Stands where each order's own reference goes.
const REFERENCE: &str = "@reference@";

/// Bodies of `POST /v1/orders`, used in turn.
pub struct OrderBodies {
    /// Before the reference, and after it.
    parts: Vec<(Bytes, Bytes)>,
    lines: usize,
}

impl OrderBodies {
    /// Reads the whole stream of a dataset, without lines of items that are out of stock where they
    /// could come from.
    pub fn read(dataset: &Dataset, shape: Shape) -> Result<Self, BuildError> {
        let (mut parts, mut lines) = (Vec::new(), 0);
        // Stock is scaled so that it does not run out, which does not help where there is none.
        let mut in_stock = HashSet::new();
        for row in dataset.stock()? {
            let row = row?;
            if row.on_hand > 0 {
                in_stock.insert((Some(row.location_code), row.sku.clone()));
                in_stock.insert((None, row.sku));
            }
        }
        let mut lengths = SHORT.into_iter().cycle();
        for order in dataset.all_orders()? {
            let mut order = order?;
            let mut rest = std::mem::take(&mut order.lines);
            // One that is collected can only be served there.
            rest.retain(|line| in_stock.contains(&(order.pickup_node.clone(), line.sku.clone())));
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

/// An order that is placed now and promised as many days from now as it was.
fn encode(mut order: DatasetOrder) -> Result<(Bytes, Bytes), BuildError> {
    let days = order.promise_by - order.placed_at.date_naive();
    let promise_by = Utc::now().date_naive() + days.max(TimeDelta::days(1));
    REFERENCE.clone_into(&mut order.reference);
    let text = new_order(&order, None, promise_by).to_string();
    let (before, after) = text.split_once(REFERENCE).ok_or("an order without its reference")?;
    Ok((Bytes::copy_from_slice(before.as_bytes()), Bytes::copy_from_slice(after.as_bytes())))
}
