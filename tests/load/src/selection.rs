//! The part of a dataset that is used: all of it, or its first orders and what those name.

use std::{collections::HashSet, path::Path};

use qm_runtime::BuildError;
use quartermaster::dataset::{Dataset, DatasetOrder, StockRow};

/// Orders, and the items that they name.
pub struct Selection {
    dataset: Dataset,
    orders: usize,
    skus: HashSet<String>,
}

impl Selection {
    /// The first `orders` of a dataset; none means all, and then also the items that nobody orders.
    pub fn read(folder: &Path, orders: Option<usize>) -> Result<Self, BuildError> {
        let dataset = Dataset::from_dir(folder)?;
        let mut skus = HashSet::new();
        match orders {
            None => skus.extend(dataset.catalogue().iter().map(|item| item.sku.clone())),
            Some(limit) => {
                for order in dataset.orders(limit)? {
                    skus.extend(order?.lines.into_iter().map(|line| line.sku));
                }
            }
        }
        Ok(Self { dataset, orders: orders.unwrap_or(usize::MAX), skus })
    }

    /// All that the dataset has, for whoever loads a part of it.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// True for an item of the selection.
    pub fn has(&self, sku: &str) -> bool {
        self.skus.contains(sku)
    }

    /// Its items, in the order of the catalogue.
    pub fn skus(&self) -> Vec<String> {
        let skus = self.dataset.catalogue().iter().map(|item| &item.sku);
        skus.filter(|sku| self.has(sku)).cloned().collect()
    }

    /// Its orders.
    pub fn orders(&self) -> Result<Vec<DatasetOrder>, BuildError> {
        Ok(self.dataset.orders(self.orders)?.collect::<Result<_, _>>()?)
    }

    /// Opening stock of its items, where there is some.
    pub fn stock(&self) -> Result<Vec<StockRow>, BuildError> {
        let rows = self.dataset.stock()?.collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().filter(|row| row.on_hand > 0 && self.has(&row.sku)).collect())
    }
}
