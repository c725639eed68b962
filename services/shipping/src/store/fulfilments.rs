//! Fulfilments by key, and whose a tracking number is.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, Tx, keys};
use qm_ids::{FulfilmentId, ShipmentId, TenantId};

use super::{
    convert::{self, Rows},
    entity::{arrival, fulfilment, fulfilment_line, journal, parcel, shipment, tracking_event},
};
use crate::domain::Fulfilment;

/// A fulfilment of a tenant.
pub type Key = (TenantId, FulfilmentId);

/// Whose a tracking number is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its fulfilment.
    pub key: Key,
    /// Its shipment.
    pub shipment: ShipmentId,
    /// The number.
    pub tracking_number: String,
}

/// Loads fulfilments for a change. Their rows are locked in key order; the parts belong to whoever holds the fulfilment.
pub async fn lock_many(tx: &Tx, wanted: &[Key]) -> Result<BTreeMap<Key, Fulfilment>> {
    let rows = tx.find_keys_for_update::<fulfilment::Entity>(&keys(wanted.iter().copied())).await?;
    assemble(tx, rows).await
}

/// Loads fulfilments.
pub async fn load_many(tx: &Tx, wanted: &[Key]) -> Result<BTreeMap<Key, Fulfilment>> {
    let rows = tx.find_keys::<fulfilment::Entity>(&keys(wanted.iter().copied())).await?;
    assemble(tx, rows).await
}

/// Puts fulfilments together with their parts: a statement for each table, however many fulfilments.
pub(super) async fn assemble(tx: &Tx, rows: Vec<fulfilment::Model>) -> Result<BTreeMap<Key, Fulfilment>> {
    if rows.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys = keys(rows.iter().map(|row| (row.tenant_id, row.fulfilment_id)));
    let mut lines: HashMap<Key, Vec<fulfilment_line::Model>> = HashMap::new();
    for row in tx.find_keys::<fulfilment_line::Entity>(&keys).await? {
        lines.entry((row.tenant_id, row.fulfilment_id)).or_default().push(row);
    }
    // Nothing is packed while work is only asked for, which most changes are about.
    let packed: Vec<_> = rows
        .iter()
        .filter(|row| row.version > 1)
        .map(|row| (row.tenant_id, row.fulfilment_id.as_uuid()))
        .collect();
    let mut parcels: HashMap<Key, Vec<parcel::Model>> = HashMap::new();
    for row in tx.find_keys::<parcel::Entity>(&packed).await? {
        parcels.entry((row.tenant_id, row.fulfilment_id)).or_default().push(row);
    }
    let packed: Vec<Key> =
        packed.iter().map(|(tenant, id)| (*tenant, FulfilmentId::from_uuid(*id))).collect();
    let shipment_rows = shipments_of(tx, &packed).await?;
    let mut events: HashMap<Key, Vec<tracking_event::Model>> = HashMap::new();
    let owners: HashMap<_, _> =
        shipment_rows.iter().map(|row| ((row.tenant_id, row.shipment_id), row.fulfilment_id)).collect();
    for row in tx.find_keys::<tracking_event::Entity>(&qm_database::keys(owners.keys().copied())).await? {
        if let Some(owner) = owners.get(&(row.tenant_id, row.shipment_id)) {
            events.entry((row.tenant_id, *owner)).or_default().push(row);
        }
    }
    let mut shipments: HashMap<Key, Vec<shipment::Model>> = HashMap::new();
    for row in shipment_rows {
        shipments.entry((row.tenant_id, row.fulfilment_id)).or_default().push(row);
    }
    rows.into_iter()
        .map(|row| {
            let key = (row.tenant_id, row.fulfilment_id);
            let rows = Rows {
                fulfilment: row,
                lines: lines.remove(&key).unwrap_or_default(),
                parcels: parcels.remove(&key).unwrap_or_default(),
                shipments: shipments.remove(&key).unwrap_or_default(),
                events: events.remove(&key).unwrap_or_default(),
            };
            Ok((key, convert::fulfilment(rows)?))
        })
        .collect()
}

/// Rows of the shipments of fulfilments.
pub(super) async fn shipments_of(tx: &Tx, of: &[Key]) -> Result<Vec<shipment::Model>> {
    use shipment::Column;
    tx.find_pairs::<shipment::Entity>(Column::FulfilmentId, &keys(of.iter().copied()), |select| select).await
}

/// Writes fulfilments after a change: what changed since `before`, each table at once.
pub async fn save(
    tx: &Tx,
    before: &BTreeMap<Key, Fulfilment>,
    after: &BTreeMap<Key, Fulfilment>,
    entries: Vec<journal::Model>,
    now: DateTime<Utc>,
) -> Result<()> {
    let (mut new, mut changed, mut lines, mut parcels, mut unpacked) =
        (vec![], vec![], vec![], vec![], vec![]);
    let (mut shipments, mut events) = (vec![], vec![]);
    for (key, it) in after {
        let old = before.get(key);
        if old == Some(it) {
            continue;
        }
        if old.is_none() { &mut new } else { &mut changed }.push(convert::row(it));
        let line_rows = convert::line_rows(it);
        if old.is_none_or(|old| convert::line_rows(old) != line_rows) {
            lines.extend(line_rows);
        }
        if old.map_or(&[][..], |old| &old.parcels) != it.parcels {
            unpacked.push((key.0, key.1.as_uuid()));
            parcels.extend(convert::parcel_rows(it)?);
        }
        let shipment_rows = convert::shipment_rows(it);
        if old.map(convert::shipment_rows).unwrap_or_default() != shipment_rows {
            shipments.extend(shipment_rows);
        }
        events.extend(convert::new_event_rows(it, old, now));
    }
    tx.insert_many::<fulfilment::Entity>(new).await?;
    tx.upsert_many::<fulfilment::Entity>(changed).await?;
    tx.upsert_many::<fulfilment_line::Entity>(lines).await?;
    tx.delete_keys::<parcel::Entity>(&unpacked).await?;
    tx.insert_many::<parcel::Entity>(parcels).await?;
    tx.upsert_many::<shipment::Entity>(shipments).await?;
    tx.insert_many::<tracking_event::Entity>(events).await?;
    tx.insert_many::<journal::Entity>(entries).await
}

/// The first word about each of these fulfilments: true when it was a recall.
pub async fn arrivals(tx: &Tx, wanted: &[Key]) -> Result<HashMap<Key, bool>> {
    let rows = tx.find_keys::<arrival::Entity>(&keys(wanted.iter().copied())).await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.fulfilment_id), row.is_recalled)).collect())
}

/// Keeps the first word about fulfilments. Fails with a duplicate when another transaction brought one meanwhile.
pub async fn put_arrivals(tx: &Tx, rows: Vec<arrival::Model>) -> Result<()> {
    tx.insert_first_many::<arrival::Entity>(rows).await
}

/// Whose tracking numbers of a carrier are: the one question about all tenants that a request leads to, since a carrier's
/// message names none. Nothing but keys leaves it, and what follows runs in those tenants' scope.
pub async fn find_by_tracking(database: &Database, carrier: &str, numbers: &[&str]) -> Result<Vec<Found>> {
    let tx = database.read_system().await?;
    let columns = [shipment::Column::Carrier, shipment::Column::TrackingNumber];
    let tuples: Vec<_> = numbers.iter().map(|number| [carrier.into(), (*number).into()]).collect();
    let rows = tx.find_tuples::<shipment::Entity, 2>(columns, &tuples, |select| select).await?;
    Ok(rows
        .into_iter()
        .map(|row| Found {
            key: (row.tenant_id, row.fulfilment_id),
            shipment: row.shipment_id,
            tracking_number: row.tracking_number,
        })
        .collect())
}
