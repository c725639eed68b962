//! Planning attempts.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Days, Utc};
use qm_database::Tx;
use qm_ids::{ItemId, TenantId};
use qm_messaging::HandleError;

use super::Context;
use crate::{
    domain::{ItemFacts, Plan, Planned, Request, Tariff, TenantWorld, plan_batch},
    events::emit,
    inventory::Available,
    store::{self, Announcement, Key, Network},
};

/// An attempt that was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The attempt.
    pub request: Request,
    /// The trace that it belongs to.
    pub trace: Option<String>,
}

/// Plans attempts and announces what was decided. One that has its plan is told the same again.
///
/// An item or location that only its own event can tell us of is waited for: the attempt fails and is tried again a
/// bounded number of times, apart from the others of its batch.
pub async fn plan(
    context: &Context,
    tx: &Tx,
    asked: Vec<Asked>,
    available: Vec<Available>,
) -> Result<(), HandleError> {
    let now = context.clock.now();
    let mut traces: BTreeMap<Key, Option<String>> = BTreeMap::new();
    let mut requests: BTreeMap<Key, Request> = BTreeMap::new();
    for Asked { request, trace } in asked {
        let key = (request.tenant, request.plan());
        traces.entry(key).or_insert(trace);
        requests.entry(key).or_insert(request);
    }
    let before = store::lock_many(tx, requests.keys().copied()).await?;
    let mut after = before.clone();
    requests.retain(|key, _| before.get(key).is_none_or(|plan| plan.made.is_none()));
    let known: Vec<Key> =
        before.iter().filter(|(_, plan)| plan.made.is_some()).map(|(key, _)| *key).collect();
    let mut told = store::announcements(tx, known.iter().copied()).await?;
    for key in &known {
        after.entry(*key).and_modify(Plan::repeat);
    }

    let mut announcements: Vec<Announcement> = Vec::new();
    let requests = requests.into_iter().map(|(key, request)| (request, before.contains_key(&key))).collect();
    for planned in decide(context, tx, requests, available, now).await? {
        let key = (planned.request.tenant, planned.request.plan());
        let plan = Plan::make(&planned.request, &planned.decision, before.get(&key), now);
        if let Some(made) = plan.made {
            let plans = context.plans.clone();
            tx.after_commit(move || plans.count(made.outcome));
        }
        after.insert(key, plan);
        announcements.push(emit::announcement(&planned)?);
    }
    told.extend(announcements.iter().map(|it| ((it.tenant_id, it.plan_id), it.clone())));

    let mut messages = Vec::new();
    for (key, trace) in traces {
        if let (Some(plan), Some(announcement)) = (after.get(&key), told.get(&key)) {
            messages.extend(emit::messages(plan, announcement, trace)?);
        }
    }
    store::save(tx, &before, &after).await?;
    store::insert(tx, announcements).await?;
    context.outbox.append(tx, messages).await?;
    Ok(())
}

/// Decides on requests, each with whether units of it were let go already. Those come last, so that nobody goes without
/// what they will not take. It is done apart from the threads that serve: a search may take some milliseconds.
async fn decide(
    context: &Context,
    tx: &Tx,
    requests: Vec<(Request, bool)>,
    available: Vec<Available>,
    now: DateTime<Utc>,
) -> Result<Vec<Planned>, HandleError> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = requests
        .iter()
        .flat_map(|(request, _)| request.units.iter().map(|units| (request.tenant, units.item)));
    let items = context.known.items(tx, wanted.collect(), now).await?;
    let (mut wanted, mut let_go) = (Vec::new(), Vec::new());
    for (request, is_let_go) in requests {
        let unknown = HashMap::new();
        let demand = request.demand(items.get(&request.tenant).unwrap_or(&unknown));
        let demand = demand.map_err(|item| not_told("item", &item))?;
        if is_let_go { &mut let_go } else { &mut wanted }.push((request, demand));
    }
    let tenants = wanted.iter().chain(&let_go).map(|(request, _)| request.tenant).collect();
    let mut worlds = worlds(context, tx, tenants, &items, available, now).await?;
    let policy = Arc::clone(&context.policy);
    let planned = tokio::task::spawn_blocking(move || {
        let mut planned = plan_batch(&*policy, &mut worlds, wanted, now);
        planned.extend(plan_batch(&*policy, &mut worlds, let_go, now));
        planned
    });
    let planned = planned.await.map_err(|error| HandleError::Failed(format!("planning: {error}")))?;
    match planned.iter().find_map(|planned| planned.unknown_location) {
        Some(location) => {
            // Another process may have been told meanwhile: the next try looks again.
            context.known.forget();
            Err(not_told("location", &location))
        }
        None => Ok(planned),
    }
}

/// Order or inventory knows it, so the event that tells us is on its way.
fn not_told(what: &str, id: &dyn std::fmt::Display) -> HandleError {
    HandleError::Failed(format!("{what} {id} is not known yet"))
}

/// What the plans of each tenant's orders are made from. Nobody else gives days away until the transaction ends.
async fn worlds(
    context: &Context,
    tx: &Tx,
    tenants: BTreeSet<TenantId>,
    items: &HashMap<TenantId, HashMap<ItemId, ItemFacts>>,
    available: Vec<Available>,
    now: DateTime<Utc>,
) -> Result<BTreeMap<TenantId, TenantWorld>, HandleError> {
    let networks = context.known.networks(tx, &tenants, now).await?;
    let limited: BTreeSet<_> = networks
        .iter()
        .flat_map(|(tenant, network)| network.limited.iter().map(|location| (*tenant, *location)))
        .collect();
    // Batches of tenants without such a location do not wait for each other.
    store::lock_planning(tx, &limited.iter().map(|(tenant, _)| *tenant).collect()).await?;
    let world = |(tenant, network): (TenantId, Arc<Network>)| {
        let world = TenantWorld {
            locations: network.locations.clone(),
            tariff: network.tariff.clone().unwrap_or_else(|| Tariff::free(context.untariffed_transit_days)),
            tariff_version: network.tariff_version,
            ..TenantWorld::default()
        };
        (tenant, world)
    };
    let mut worlds: BTreeMap<TenantId, TenantWorld> = networks.into_iter().map(world).collect();
    // No zone is more than a day behind UTC.
    let from = now.date_naive() - Days::new(1);
    for ((tenant, location, date), count) in store::claimed(tx, &limited, from).await? {
        if let Some(world) = worlds.get_mut(&tenant) {
            world.capacity.add(location, date, u32::try_from(count).unwrap_or(u32::MAX));
        }
    }
    for row in available {
        if let Some(world) = worlds.get_mut(&row.tenant) {
            world.stock.set(row.item, row.location, row.open, row.held);
        }
    }
    for (tenant, world) in &mut worlds {
        world.supply_endlessly(items.get(tenant).into_iter().flatten());
    }
    Ok(worlds)
}
