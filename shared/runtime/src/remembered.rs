//! What names stood for a moment ago.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use qm_ids::TenantId;

/// Names remembered at most, of all tenants, some 200 bytes each; beyond that all are looked up anew.
const MOST: usize = 50_000;

/// What names of tenants stand for, for a time: in this process only, and never more than 50,000 of them.
#[derive(Debug)]
pub struct Remembered<T> {
    lasts: TimeDelta,
    names: Mutex<Names<T>>,
}

#[derive(Debug)]
struct Names<T> {
    by_tenant: HashMap<TenantId, HashMap<String, (T, DateTime<Utc>)>>,
    count: usize,
}

impl<T: Clone> Remembered<T> {
    /// Forgets each name after so long.
    pub fn lasting(lasts: TimeDelta) -> Self {
        Self { lasts, names: Mutex::new(Names { by_tenant: HashMap::new(), count: 0 }) }
    }

    /// Those of the names that are remembered.
    pub fn recall(
        &self,
        tenant: TenantId,
        names: &BTreeSet<String>,
        now: DateTime<Utc>,
    ) -> HashMap<String, T> {
        let remembered = self.lock();
        let Some(known) = remembered.by_tenant.get(&tenant) else { return HashMap::new() };
        let meaning = |name: &String| {
            let (meaning, until) = known.get(name)?;
            (now < *until).then(|| (name.clone(), meaning.clone()))
        };
        names.iter().filter_map(meaning).collect()
    }

    /// Remembers what was found.
    pub fn remember(&self, tenant: TenantId, found: &HashMap<String, T>, now: DateTime<Utc>) {
        if found.is_empty() {
            return;
        }
        let mut remembered = self.lock();
        if remembered.count + found.len() > MOST {
            remembered.by_tenant.clear();
            remembered.count = 0;
        }
        let until = now + self.lasts;
        let known = remembered.by_tenant.entry(tenant).or_default();
        let before = known.len();
        known.extend(found.iter().take(MOST).map(|(name, meaning)| (name.clone(), (meaning.clone(), until))));
        let added = known.len() - before;
        remembered.count += added;
    }

    fn lock(&self) -> MutexGuard<'_, Names<T>> {
        // No code that holds the lock can panic half-way through a change.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use qm_ids::Uuid;

    use super::*;

    fn tenant(number: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(number))
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_name_is_remembered_for_its_tenant_and_its_time() {
        let remembered = Remembered::lasting(TimeDelta::seconds(10));
        let (ours, other) = (tenant(1), tenant(2));
        let now = DateTime::UNIX_EPOCH;
        remembered.remember(ours, &HashMap::from([("a".to_owned(), 1)]), now);
        let recall = |tenant, at| remembered.recall(tenant, &names(&["a", "b"]), at);
        assert_eq!(recall(ours, now), HashMap::from([("a".to_owned(), 1)]));
        assert_eq!(recall(other, now), HashMap::new());
        assert_eq!(recall(ours, now + TimeDelta::seconds(10)), HashMap::new());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let remembered = Remembered::lasting(TimeDelta::seconds(10));
        let now = DateTime::UNIX_EPOCH;
        for number in 0..5 {
            let many = (0..MOST / 2).map(|n| (n.to_string(), n)).collect();
            remembered.remember(tenant(number), &many, now);
            let held: usize = remembered.lock().by_tenant.values().map(HashMap::len).sum();
            assert!(held <= MOST, "{held}");
        }
    }
}
