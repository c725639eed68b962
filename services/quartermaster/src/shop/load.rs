//! Loads the dataset's locations, catalogue, tariff and opening stock through the API.

use indicatif::ProgressBar;
use qm_runtime::BuildError;
use serde_json::{Value, json};

use super::Api;
use crate::dataset::{
    Address, CatalogueItem, Dataset, Location, LocationKind, Restriction, StockRow, Storage, TariffRow,
};

/// Entries in one request; the API takes as many.
const CHUNK: usize = 1_000;
/// Suppliers' published capacity, which stands for no practical limit; the API's word for that is 0.
const UNLIMITED: i64 = 9_999;

/// How much was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Locations.
    pub locations: usize,
    /// Items.
    pub items: usize,
    /// Pairs of item and location with stock.
    pub stock_rows: usize,
    /// Units in all of them.
    pub units: i64,
}

/// Loads everything that orders may need; capacity and stock are `scale` times what they were.
pub async fn load(api: &Api, dataset: &Dataset, scale: i64, bar: &ProgressBar) -> Result<Loaded, BuildError> {
    load_items(api, dataset, |_| true, scale, bar).await
}

/// The same of some items only, chosen by their sku.
pub async fn load_items(
    api: &Api,
    dataset: &Dataset,
    is_wanted: impl Fn(&str) -> bool,
    scale: i64,
    bar: &ProgressBar,
) -> Result<Loaded, BuildError> {
    let catalogue: Vec<&CatalogueItem> =
        dataset.catalogue().iter().filter(|item| is_wanted(&item.sku)).collect();
    let stock = dataset.stock()?.collect::<Result<Vec<_>, _>>()?;
    let stock: Vec<StockRow> =
        stock.into_iter().filter(|row| row.on_hand > 0 && is_wanted(&row.sku)).collect();
    bar.set_length((catalogue.len() + stock.len()) as u64);

    let locations: Vec<Value> = dataset.locations().iter().map(|it| location(it, scale)).collect();
    api.put("/v1/locations", &json!({ "locations": locations })).await?;
    let bands: Vec<Value> = dataset.tariff().iter().map(band).collect();
    api.put("/v1/tariff", &json!({ "bands": bands })).await?;
    for chunk in catalogue.chunks(CHUNK) {
        let items: Vec<Value> = chunk.iter().map(|it| item(it)).collect();
        api.put("/v1/items", &json!({ "items": items })).await?;
        bar.inc(chunk.len() as u64);
    }
    for (index, chunk) in stock.chunks(CHUNK).enumerate() {
        let movements: Vec<Value> = chunk.iter().map(|row| movement(row, scale)).collect();
        let once = format!("opening-stock-{index}");
        api.post("/v1/stock/movements", &json!({ "movements": movements }), &once).await?;
        bar.inc(chunk.len() as u64);
    }
    Ok(Loaded {
        locations: locations.len(),
        items: catalogue.len(),
        stock_rows: stock.len(),
        units: stock.iter().map(|row| row.on_hand.saturating_mul(scale)).sum(),
    })
}

fn location(it: &Location, scale: i64) -> Value {
    let (kind, name) = match it.kind {
        LocationKind::DistributionCentre => ("distribution_centre", "Distribution centre"),
        LocationKind::Store => ("store", "Store"),
        LocationKind::Supplier => ("supplier", "Supplier"),
    };
    let capacity = match it.capacity_orders_day {
        UNLIMITED.. => 0,
        limit => limit.saturating_mul(scale),
    };
    json!({
        "code": it.code,
        "name": format!("{name} {}", it.address.city),
        "kind": kind,
        "address": address(&it.address),
        "time_zone": it.timezone,
        "cutoff_local": it.cutoff_local.format("%H:%M").to_string(),
        "lead_days": it.lead_days,
        "capacity_per_day": capacity,
        "handling_order_minor": it.handling_order_minor,
        "handling_unit_minor": it.handling_unit_minor,
        "can_ship": it.can_ship,
        "can_pickup": it.can_pickup,
        "storage_classes": it.storage.iter().map(|storage| storage_class(*storage)).collect::<Vec<_>>(),
        // The dataset does not say who holds which licence, so everybody holds all.
        "compliance_classes": ["alcohol", "tobacco", "hazmat"],
        "safety_units": it.safety_units,
    })
}

/// An address as the API takes it.
pub fn address(it: &Address) -> Value {
    json!({
        "line1": it.line1,
        "city": it.city,
        "region": it.region,
        "postal_code": it.postal_code,
        "country": it.country,
        "latitude": it.latitude,
        "longitude": it.longitude,
    })
}

fn band(row: &TariffRow) -> Value {
    // The one zone that is not a matter of distance.
    let regions: &[&str] = if row.max_miles.is_none() { &["US-AK", "US-HI"] } else { &[] };
    json!({
        "service_level": row.service,
        "zone": row.zone,
        "max_miles": row.max_miles.unwrap_or(0),
        "regions": regions,
        "base_minor": row.base_minor,
        "per_pound_micros": row.per_lb_micros,
        "transit_days": row.transit_days,
    })
}

fn item(it: &CatalogueItem) -> Value {
    json!({
        "sku": it.sku,
        "name": it.name,
        "weight_grams": it.weight_grams,
        "length_mm": it.length_mm,
        "width_mm": it.width_mm,
        "height_mm": it.height_mm,
        "storage_class": storage_class(it.storage),
        "compliance_class": it.restricted.map(|restriction| match restriction {
            Restriction::Alcohol => "alcohol",
            Restriction::Tobacco => "tobacco",
            Restriction::Hazmat => "hazmat",
        }),
        "drop_ship": it.dropship.is_some(),
    })
}

fn movement(row: &StockRow, scale: i64) -> Value {
    json!({
        "sku": row.sku,
        "location": row.location_code,
        "kind": "receive",
        "quantity": row.on_hand.saturating_mul(scale),
        "reference": "opening stock",
    })
}

fn storage_class(storage: Storage) -> &'static str {
    match storage {
        Storage::Ambient => "ambient",
        Storage::Chilled => "chilled",
        Storage::Frozen => "frozen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alaska_and_hawaii_are_a_zone_of_their_own() {
        let dataset = Dataset::sample().unwrap();
        let bands: Vec<Value> = dataset.tariff().iter().map(band).collect();
        let (apart, by_miles): (Vec<_>, Vec<_>) = bands.iter().partition(|band| band["zone"] == 9);
        assert_eq!((apart.len(), by_miles.len()), (3, 21));
        for band in apart {
            assert_eq!((&band["regions"], &band["max_miles"]), (&json!(["US-AK", "US-HI"]), &json!(0)));
        }
        assert!(by_miles.iter().all(|band| band["regions"] == json!([]) && band["max_miles"] != 0));
    }
}
