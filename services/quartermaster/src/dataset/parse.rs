//! The tables of a dataset, row by row into their types.

use std::collections::HashSet;

use chrono::NaiveTime;

use super::Dataset;
use super::amounts::{grams, micros, minor};
use super::error::Error;
use super::model::{
    Address, Carton, CatalogueItem, Location, LocationKind, Restriction, StockRow, Storage, TariffRow,
};
use super::source::Opened;
use super::streets::{Spot, Streets};
use super::table::{Row, Table};

pub(super) fn catalogue(opened: Opened) -> Result<Vec<CatalogueItem>, Error> {
    let mut seen = HashSet::new();
    Table::open(opened)?.rows(|row| {
        Ok(CatalogueItem {
            sku: unique(row, "sku", &mut seen)?,
            name: row.text("name")?.to_owned(),
            storage: row.parsed("storage", storage)?,
            restricted: restriction(row)?,
            weight_grams: row.count("weight_g")?,
            length_mm: row.count("len_mm")?,
            width_mm: row.count("wid_mm")?,
            height_mm: row.count("hgt_mm")?,
            dropship: Some(row.optional("dropship")?).filter(|range| !range.is_empty()).map(str::to_owned),
        })
    })
}

pub(super) fn locations(opened: Opened, streets: &Streets) -> Result<Vec<Location>, Error> {
    let mut seen = HashSet::new();
    Table::open(opened)?.rows(|row| {
        let code = unique(row, "node_id", &mut seen)?;
        let region = row.text("state")?;
        let spot = Spot {
            region,
            postal_code: row.text("zip")?,
            latitude: row.degrees("lat", 90.0)?,
            longitude: row.degrees("lon", 180.0)?,
        };
        let address = Address {
            line1: streets.line1(&streets.near(spot), &code, spot),
            city: row.text("city")?.to_owned(),
            region: region.to_owned(),
            postal_code: spot.postal_code.to_owned(),
            country: "US",
            latitude: spot.latitude,
            longitude: spot.longitude,
        };
        Ok(Location {
            kind: row.parsed("type", kind)?,
            address,
            timezone: row.parsed("utc_offset_std", |offset| timezone(offset, region))?,
            storage: row.parsed("storage", |classes| classes.split('|').map(storage).collect())?,
            can_ship: row.flag("can_ship")?,
            can_pickup: row.flag("can_pickup")?,
            capacity_orders_day: row.count("capacity_orders_day")?,
            handling_order_minor: row.parsed("handling_order_usd", minor)?,
            handling_unit_minor: row.parsed("handling_unit_usd", minor)?,
            cutoff_local: row.parsed("cutoff_local", cutoff)?,
            lead_days: row.count("lead_days")?,
            safety_units: row.count("safety_units")?,
            assortment: row.text("assortment")?.to_owned(),
            code,
        })
    })
}

pub(super) fn tariff(opened: Opened) -> Result<Vec<TariffRow>, Error> {
    Table::open(opened)?.rows(|row| {
        Ok(TariffRow {
            service: row.text("service")?.to_owned(),
            zone: row.count("zone")?,
            max_miles: match row.optional("max_miles")? {
                "" => None,
                _ => Some(row.count("max_miles")?),
            },
            base_minor: row.parsed("base_usd", minor)?,
            per_lb_micros: row.parsed("per_lb_usd", micros)?,
            transit_days: row.count("transit_days")?,
        })
    })
}

pub(super) fn cartons(opened: Opened) -> Result<Vec<Carton>, Error> {
    let mut seen = HashSet::new();
    Table::open(opened)?.rows(|row| {
        Ok(Carton {
            code: unique(row, "carton", &mut seen)?,
            length_mm: row.count("len_mm")?,
            width_mm: row.count("wid_mm")?,
            height_mm: row.count("hgt_mm")?,
            max_weight_grams: row.parsed("max_kg", grams)?,
            cost_minor: row.parsed("cost_usd", minor)?,
        })
    })
}

/// Stock rows as they are read. Ends after the first error.
pub struct StockRows<'a> {
    dataset: &'a Dataset,
    table: Option<Table>,
}

impl<'a> StockRows<'a> {
    pub(super) fn open(dataset: &'a Dataset, opened: Opened) -> Result<Self, Error> {
        Ok(Self { dataset, table: Some(Table::open(opened)?) })
    }

    fn read(&mut self) -> Result<Option<StockRow>, Error> {
        let Some(table) = self.table.as_mut() else { return Ok(None) };
        let Some(row) = table.next_row()? else { return Ok(None) };
        let (location_code, sku) = (row.text("node_id")?, row.text("sku")?);
        if self.dataset.location(location_code).is_none() {
            return Err(
                row.error("node_id", format!("must be a location of this dataset, not {location_code:?}"))
            );
        }
        if self.dataset.item(sku).is_none() {
            return Err(row.error("sku", format!("must be an item of the catalogue, not {sku:?}")));
        }
        let on_hand = row.count("on_hand")?;
        Ok(Some(StockRow { location_code: location_code.to_owned(), sku: sku.to_owned(), on_hand }))
    }
}

impl Iterator for StockRows<'_> {
    type Item = Result<StockRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.table = None;
        }
        read
    }
}

fn unique(row: &Row<'_>, column: &str, seen: &mut HashSet<String>) -> Result<String, Error> {
    let key = row.text(column)?.to_owned();
    if seen.insert(key.clone()) {
        Ok(key)
    } else {
        Err(row.error(column, format!("must be unique; {key:?} stands here twice")))
    }
}

fn storage(text: &str) -> Result<Storage, String> {
    match text {
        "ambient" => Ok(Storage::Ambient),
        "chilled" => Ok(Storage::Chilled),
        "frozen" => Ok(Storage::Frozen),
        _ => Err(format!("must be ambient, chilled or frozen, not {text:?}")),
    }
}

fn restriction(row: &Row<'_>) -> Result<Option<Restriction>, Error> {
    match row.optional("restricted")? {
        "" => Ok(None),
        "alcohol" => Ok(Some(Restriction::Alcohol)),
        "tobacco" => Ok(Some(Restriction::Tobacco)),
        "hazmat" => Ok(Some(Restriction::Hazmat)),
        other => {
            Err(row.error("restricted", format!("must be alcohol, tobacco, hazmat or empty, not {other:?}")))
        }
    }
}

fn kind(text: &str) -> Result<LocationKind, String> {
    match text {
        "dc" => Ok(LocationKind::DistributionCentre),
        "store" => Ok(LocationKind::Store),
        "supplier" => Ok(LocationKind::Supplier),
        _ => Err(format!("must be dc, store or supplier, not {text:?}")),
    }
}

fn cutoff(text: &str) -> Result<NaiveTime, String> {
    NaiveTime::parse_from_str(text, "%H:%M")
        .map_err(|_| format!("must be a time such as 15:00, not {text:?}"))
}

/// The IANA zone of a standard UTC offset in the United States. Arizona alone keeps no summer time (but for the
/// Navajo Nation), so its state decides.
fn timezone(offset: &str, state: &str) -> Result<&'static str, String> {
    match (offset, state) {
        ("-7", "AZ") => Ok("America/Phoenix"),
        ("-5", _) => Ok("America/New_York"),
        ("-6", _) => Ok("America/Chicago"),
        ("-7", _) => Ok("America/Denver"),
        ("-8", _) => Ok("America/Los_Angeles"),
        ("-9", _) => Ok("America/Anchorage"),
        ("-10", _) => Ok("Pacific/Honolulu"),
        _ => Err(format!("must be a US offset from -5 to -10, not {offset:?}")),
    }
}
