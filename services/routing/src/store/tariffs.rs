//! Each tenant's carrier tariff.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use qm_database::{Result, Tx};
use qm_ids::TenantId;
use serde::{Deserialize, Serialize};

use super::{
    convert::malformed,
    entity::tariff::{Entity, Model},
};

/// One band as it was given: service × zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// Service level.
    pub service_level: String,
    /// Zone number.
    pub zone: u32,
    /// Great-circle miles up to which the zone reaches; 0 for a zone of regions.
    pub max_miles: u32,
    /// Destination regions (ISO 3166-2) that it prices whatever the miles; empty for a zone of miles, as all were that an
    /// earlier version stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Price of a parcel, minor units.
    pub base_minor: i64,
    /// Price of a pound on top, millionths of the major unit.
    pub per_pound_micros: i64,
    /// Days on the road.
    pub transit_days: u16,
}

/// A tariff as it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredTariff {
    /// By service and zone.
    pub bands: Vec<Band>,
    /// Grows with every replacement; 0 when none was stored.
    pub version: i64,
}

/// The tariffs of the transaction's tenants. A tenant that has stored none is left out.
pub async fn tariffs(tx: &Tx) -> Result<HashMap<TenantId, StoredTariff>> {
    let rows = tx.find::<Entity>().all(tx.conn()).await?;
    rows.into_iter().map(|row| Ok((row.tenant_id, stored(row)?))).collect()
}

/// Replaces a tenant's tariff and returns its version. Of two that store the first at once, one starts over.
pub async fn put_tariff(tx: &Tx, tenant: TenantId, bands: &[Band], now: DateTime<Utc>) -> Result<i64> {
    let known = tx.find_keys_for_update::<Entity>(&[(tenant, tenant.as_uuid())]).await?;
    let version = known.first().map_or(0, |row| row.version).saturating_add(1);
    let bands = serde_json::to_string(bands).map_err(|error| malformed(error.to_string()))?;
    let row = Model { tenant_id: tenant, version, bands, updated_at: now };
    if known.is_empty() {
        tx.insert_first_many::<Entity>(vec![row]).await?;
    } else {
        tx.upsert_many::<Entity>(vec![row]).await?;
    }
    Ok(version)
}

fn stored(row: Model) -> Result<StoredTariff> {
    let bands = serde_json::from_str(&row.bands)
        .map_err(|error| malformed(format!("tariff of {}: {error}", row.tenant_id)))?;
    Ok(StoredTariff { bands, version: row.version })
}
