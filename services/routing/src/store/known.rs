//! What a process has just read of its tenants' locations, tariffs and items.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use qm_database::{Result, Tx};
use qm_ids::{ItemId, LocationId, TenantId};

use super::{convert, replicas, tariffs};
use crate::domain::{ItemFacts, Location, Tariff};

/// How long a network is taken for what is stored, by the service's clock. What this process writes itself counts at once;
/// this is for what another one writes, which is not told to all either.
const NETWORK_LASTS: TimeDelta = TimeDelta::seconds(2);
/// The same for an item.
const ITEM_LASTS: TimeDelta = TimeDelta::seconds(60);
/// Items remembered at most, of all tenants, some 150 bytes each; beyond that all are read anew.
const MOST_ITEMS: usize = 50_000;

/// Where a tenant's goods can come from, and what their carriage costs.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Every location.
    pub locations: Vec<Location>,
    /// Active locations that take so many orders a day only.
    pub limited: BTreeSet<LocationId>,
    /// None when the tenant has stored no tariff.
    pub tariff: Option<Tariff>,
    /// 0 then.
    pub tariff_version: i64,
}

/// Networks and items as they were read. Clones share what is remembered.
#[derive(Debug, Clone, Default)]
pub struct Known(Arc<Mutex<Read>>);

#[derive(Debug, Default)]
struct Read {
    networks: HashMap<TenantId, (Arc<Network>, DateTime<Utc>)>,
    items: HashMap<(TenantId, ItemId), (ItemFacts, DateTime<Utc>)>,
    /// Grows with each change that is written here: what was read before one is not remembered after it.
    changes: u64,
}

impl Known {
    /// The networks of tenants that are in the transaction's scope.
    pub async fn networks(
        &self,
        tx: &Tx,
        tenants: &BTreeSet<TenantId>,
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<TenantId, Arc<Network>>> {
        let changes = {
            let read = self.lock();
            let known = |tenant: &TenantId| {
                let (network, until) = read.networks.get(tenant)?;
                (now < *until).then(|| (*tenant, Arc::clone(network)))
            };
            if let Some(known) = tenants.iter().map(known).collect() {
                return Ok(known);
            }
            read.changes
        };
        let networks = read_networks(tx, tenants).await?;
        let mut read = self.lock();
        if read.changes == changes {
            // Tenants that nobody plans for any more.
            read.networks.retain(|_, (_, until)| now < *until);
            let until = now + NETWORK_LASTS;
            let fresh = networks.iter().map(|(tenant, network)| (*tenant, (Arc::clone(network), until)));
            read.networks.extend(fresh);
        }
        Ok(networks)
    }

    /// Items by tenant and id. One whose event has not arrived is left out.
    pub async fn items(
        &self,
        tx: &Tx,
        wanted: BTreeSet<(TenantId, ItemId)>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<TenantId, HashMap<ItemId, ItemFacts>>> {
        let mut items: HashMap<TenantId, HashMap<ItemId, ItemFacts>> = HashMap::new();
        let mut unknown = Vec::new();
        let changes = {
            let read = self.lock();
            for key in wanted {
                match read.items.get(&key).filter(|(_, until)| now < *until) {
                    Some((facts, _)) => {
                        items.entry(key.0).or_default().insert(key.1, facts.clone());
                    }
                    None => unknown.push(key),
                }
            }
            read.changes
        };
        if unknown.is_empty() {
            return Ok(items);
        }
        let mut found = Vec::with_capacity(unknown.len());
        for row in replicas::items(tx, unknown).await? {
            let facts = convert::item_facts(&row)?;
            items.entry(row.tenant_id).or_default().insert(row.item_id, facts.clone());
            found.push(((row.tenant_id, row.item_id), (facts, now + ITEM_LASTS)));
        }
        let mut read = self.lock();
        if read.changes == changes {
            if read.items.len() + found.len() > MOST_ITEMS {
                read.items.clear();
            }
            read.items.extend(found.into_iter().take(MOST_ITEMS));
        }
        Ok(items)
    }

    /// Forgets everything: something turned out to be missing.
    pub fn forget(&self) {
        let mut read = self.lock();
        read.changes += 1;
        read.networks.clear();
        read.items.clear();
    }

    /// Forgets everything once the transaction is committed, which changes some of it.
    pub fn forget_after(&self, tx: &Tx) {
        let known = self.clone();
        tx.after_commit(move || known.forget());
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        // No code that holds the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read_networks(tx: &Tx, tenants: &BTreeSet<TenantId>) -> Result<BTreeMap<TenantId, Arc<Network>>> {
    let mut networks: BTreeMap<TenantId, Network> =
        tenants.iter().map(|tenant| (*tenant, Network::default())).collect();
    for (tenant, stored) in tariffs::tariffs(tx).await? {
        if let Some(network) = networks.get_mut(&tenant) {
            network.tariff = Some(convert::tariff(&stored));
            network.tariff_version = stored.version;
        }
    }
    for row in replicas::locations(tx).await? {
        if let Some(network) = networks.get_mut(&row.tenant_id) {
            if row.active && row.capacity_per_day > 0 {
                network.limited.insert(row.location_id);
            }
            network.locations.push(convert::location(&row)?);
        }
    }
    Ok(networks.into_iter().map(|(tenant, network)| (tenant, Arc::new(network))).collect())
}
