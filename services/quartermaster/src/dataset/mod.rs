//! A real-shaped stream of orders with the network that serves it: a sample inside the binary, or a folder.
//!
//! This module only reads: it turns files into plain typed values and decides nothing about them. Where the data
//! comes from, under which licences, and what in it is invented, is written in `data/README.md`.

mod amounts;
mod error;
mod model;
mod orders;
mod parse;
mod people;
mod source;
mod streets;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

pub use error::Error;
pub use model::{
    Address, Carton, CatalogueItem, DatasetLine, DatasetOrder, Fulfilment, Location, LocationKind,
    Restriction, StockRow, Storage, TariffRow,
};
pub use orders::{MAX_LINE_QUANTITY, Orders};
pub use parse::StockRows;
use source::{Part, Source};
use streets::Streets;
pub(crate) use table::{Row, Table};

/// An order stream and its network. The small parts are held in memory; orders and stock are read as they are asked
/// for, and can be read again.
pub struct Dataset {
    source: Source,
    streets: Streets,
    catalogue: Vec<CatalogueItem>,
    item_by_sku: HashMap<String, usize>,
    locations: Vec<Location>,
    location_by_code: HashMap<String, usize>,
    tariff: Vec<TariffRow>,
    cartons: Vec<Carton>,
}

impl Dataset {
    /// The sample inside the binary: 2,500 orders over ten days, 8,225 items, 57 locations.
    ///
    /// # Errors
    ///
    /// None in a sound build: the sample is data of this crate, and its tests read all of it.
    pub fn sample() -> Result<Self, Error> {
        Self::read(Source::Sample)
    }

    /// A folder in the same form: `orders.ndjson`, `catalogue.csv`, `nodes.csv`, `stock.csv`, `tariff.csv`,
    /// `cartons.csv` and `addresses.csv`, each plain or as `.gz`.
    ///
    /// # Errors
    ///
    /// A file that is missing or unreadable, or a row that breaks its type; the message names file, line and field.
    /// Orders and stock are judged when they are read.
    pub fn from_dir(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::read(Source::Folder(path.as_ref().to_owned()))
    }

    fn read(source: Source) -> Result<Self, Error> {
        let streets = Streets::read(source.open(Part::Addresses)?)?;
        let catalogue = parse::catalogue(source.open(Part::Catalogue)?)?;
        let item_by_sku =
            catalogue.iter().enumerate().map(|(index, item)| (item.sku.clone(), index)).collect();
        let locations = parse::locations(source.open(Part::Locations)?, &streets)?;
        let location_by_code =
            locations.iter().enumerate().map(|(index, it)| (it.code.clone(), index)).collect();
        let tariff = parse::tariff(source.open(Part::Tariff)?)?;
        let cartons = parse::cartons(source.open(Part::Cartons)?)?;
        // Opened once here, so that a folder without them is refused at once and not in the middle of a replay.
        source.open(Part::Orders)?;
        source.open(Part::Stock)?;
        Ok(Self { source, streets, catalogue, item_by_sku, locations, location_by_code, tariff, cartons })
    }

    /// The first `limit` orders (fewer if the stream is shorter), oldest first.
    ///
    /// # Errors
    ///
    /// The file cannot be opened. Each order is then its own `Result`; the iterator ends after the first error.
    pub fn orders(&self, limit: usize) -> Result<Orders<'_>, Error> {
        Orders::open(self, self.source.open(Part::Orders)?, limit)
    }

    /// The whole stream, oldest first. Errors are those of [`Dataset::orders`].
    pub fn all_orders(&self) -> Result<Orders<'_>, Error> {
        self.orders(usize::MAX)
    }

    /// Opening stock, in the order of the file.
    ///
    /// # Errors
    ///
    /// The file cannot be opened. Each row is then its own `Result`; the iterator ends after the first error.
    pub fn stock(&self) -> Result<StockRows<'_>, Error> {
        StockRows::open(self, self.source.open(Part::Stock)?)
    }

    /// Every item that the orders may name.
    pub fn catalogue(&self) -> &[CatalogueItem] {
        &self.catalogue
    }

    /// The item of a sku.
    pub fn item(&self, sku: &str) -> Option<&CatalogueItem> {
        self.item_by_sku.get(sku).and_then(|index| self.catalogue.get(*index))
    }

    /// Every location, in the order of the file.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// The location of a code.
    pub fn location(&self, code: &str) -> Option<&Location> {
        self.location_by_code.get(code).and_then(|index| self.locations.get(*index))
    }

    /// What a parcel costs, by service and zone.
    pub fn tariff(&self) -> &[TariffRow] {
        &self.tariff
    }

    /// The cartons that locations pack into.
    pub fn cartons(&self) -> &[Carton] {
        &self.cartons
    }
}
