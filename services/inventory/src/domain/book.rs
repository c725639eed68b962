//! The working set of a batch, and what every verb on it shares: recording movements and telling what followed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use qm_ids::{HoldId, IdGenerator, ItemId, MovementId, TenantId};

use super::{
    event::{Event, Told},
    hold::Hold,
    reservation::{Leg, LegKey, Reservation, ReservationKey},
    stock::{Stock, StockKey},
};

/// What verbs need to know of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFacts {
    /// Stock keeping unit.
    pub sku: String,
    /// False when the item has no stock to count: services, and what is made on demand.
    pub stocked: bool,
    /// A location with fewer available units is low on it; 0 for never.
    pub low_stock_threshold: i64,
}

/// Who does it, when it happened, and in which trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Kind and id.
    pub actor: (String, String),
    /// When it happened, which may be before we learn of it.
    pub occurred_at: DateTime<Utc>,
    /// The trace that it belongs to.
    pub trace: Option<String>,
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Its id.
    pub id: MovementId,
    /// The stock row.
    pub stock: StockKey,
    /// A word of the vocabulary.
    pub kind: &'static str,
    /// What changed.
    pub delta: Delta,
    /// Why.
    pub reason: String,
    /// Reservation, hold or the reporter's reference.
    pub reference: String,
    /// Kind and id.
    pub actor: (String, String),
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When we learned of it.
    pub recorded_at: DateTime<Utc>,
}

/// Changes of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delta {
    /// Of `sellable`.
    pub sellable: i64,
    /// Of `allocated`.
    pub allocated: i64,
    /// Of `soft_reserved`.
    pub soft_reserved: i64,
}

/// What verbs changed, for the store.
#[derive(Debug, Default)]
pub struct Written {
    /// Stock rows that changed.
    pub stock: BTreeSet<StockKey>,
    /// Reservations that did not exist.
    pub new_reservations: BTreeSet<ReservationKey>,
    /// Reservations that changed.
    pub reservations: BTreeSet<ReservationKey>,
    /// Legs that are new or changed.
    pub legs: BTreeSet<LegKey>,
    /// Holds that are new or changed.
    pub holds: BTreeSet<(TenantId, HoldId)>,
    /// Holds that are gone.
    pub gone_holds: BTreeSet<(TenantId, HoldId)>,
    /// New entries of the ledger.
    pub movements: Vec<Movement>,
    /// What others are told.
    pub events: Vec<Told>,
}

/// The stock rows, reservations and holds that a batch works on. All that verbs may change must have been put in, and
/// be locked.
#[derive(Debug)]
pub struct Book {
    now: DateTime<Utc>,
    hold_for: TimeDelta,
    ids: IdGenerator,
    stock: BTreeMap<StockKey, Stock>,
    items: HashMap<(TenantId, ItemId), ItemFacts>,
    reservations: BTreeMap<ReservationKey, Reservation>,
    legs: BTreeMap<LegKey, Leg>,
    holds: BTreeMap<(TenantId, HoldId), Hold>,
    waiting: HashMap<(TenantId, ItemId), i64>,
    written: Written,
    /// Availability before the verb under way, of the rows that it touched.
    before: BTreeMap<StockKey, i64>,
    /// Whether increases are told when the verb under way ends.
    tells_increases: bool,
    tenant: Option<TenantId>,
    cause: Option<Cause>,
}

impl Book {
    /// An empty book. Holds last `hold_for`.
    pub fn new(now: DateTime<Utc>, hold_for: TimeDelta, ids: IdGenerator) -> Self {
        Self {
            now,
            hold_for,
            ids,
            stock: BTreeMap::new(),
            items: HashMap::new(),
            reservations: BTreeMap::new(),
            legs: BTreeMap::new(),
            holds: BTreeMap::new(),
            waiting: HashMap::new(),
            written: Written::default(),
            before: BTreeMap::new(),
            tells_increases: true,
            tenant: None,
            cause: None,
        }
    }

    /// Puts a stock row in.
    pub fn put_stock(&mut self, stock: Stock) {
        self.stock.insert(stock.key(), stock);
    }

    /// Puts in what is known of an item.
    pub fn put_item(&mut self, tenant: TenantId, item: ItemId, facts: ItemFacts) {
        self.items.insert((tenant, item), facts);
    }

    /// Puts a reservation in.
    pub fn put_reservation(&mut self, reservation: Reservation) {
        self.reservations.insert((reservation.tenant, reservation.id), reservation);
    }

    /// Puts a leg in.
    pub fn put_leg(&mut self, leg: Leg) {
        self.legs.insert(leg.key(), leg);
    }

    /// Puts a hold in.
    pub fn put_hold(&mut self, hold: Hold) {
        self.holds.insert((hold.tenant, hold.id), hold);
    }

    /// Says how many units of an item wait in all.
    pub fn put_waiting(&mut self, tenant: TenantId, item: ItemId, units: i64) {
        self.waiting.insert((tenant, item), units);
    }

    /// Stock rows by key.
    pub fn stock(&self) -> &BTreeMap<StockKey, Stock> {
        &self.stock
    }

    /// Reservations by key.
    pub fn reservations(&self) -> &BTreeMap<ReservationKey, Reservation> {
        &self.reservations
    }

    /// Legs by key.
    pub fn legs(&self) -> &BTreeMap<LegKey, Leg> {
        &self.legs
    }

    /// Holds by key.
    pub fn holds(&self) -> &BTreeMap<(TenantId, HoldId), Hold> {
        &self.holds
    }

    /// What changed since the book was made.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// Takes the events out, in the order in which they happened.
    pub fn take_events(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.written.events)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub(super) fn item(&self, tenant: TenantId, item: ItemId) -> Option<&ItemFacts> {
        self.items.get(&(tenant, item))
    }

    /// Units of an item that wait.
    pub(super) fn waiting(&self, tenant: TenantId, item: ItemId) -> i64 {
        self.waiting.get(&(tenant, item)).copied().unwrap_or(0)
    }

    pub(super) fn available(&self, key: StockKey) -> i64 {
        self.stock.get(&key).map_or(0, Stock::available)
    }

    pub(super) fn holds_at(&self, stock: StockKey) -> impl Iterator<Item = &Hold> {
        let of = self.stock.get(&stock).map(|row| (row.tenant, row.item, row.location));
        self.holds.values().filter(move |hold| of == Some((hold.tenant, hold.item, hold.location)))
    }

    /// Keys of a reservation's legs, in the plan's order.
    pub(super) fn legs_of(&self, (tenant, reservation): ReservationKey) -> Vec<LegKey> {
        let all = (tenant, reservation, i32::MIN)..=(tenant, reservation, i32::MAX);
        self.legs.range(all).map(|(key, _)| *key).collect()
    }

    pub(super) fn is_live(&self, key: ReservationKey) -> bool {
        self.reservations.get(&key).is_some_and(|it| it.state == super::State::Live)
            && self.legs_of(key).iter().any(|leg| self.legs[leg].open() > 0)
    }

    /// Every verb begins with this and ends with [`settle`](Self::settle).
    pub(super) fn begin(&mut self, tenant: TenantId, cause: &Cause) {
        self.tenant = Some(tenant);
        self.cause = Some(cause.clone());
        self.tells_increases = true;
        self.before.clear();
    }

    /// The verb under way has told of increases by itself, or has none to tell of.
    pub(super) fn forget_increases(&mut self) {
        self.tells_increases = false;
    }

    pub(super) fn tell(&mut self, event: Event) {
        let Some(tenant) = self.tenant else { return };
        let trace = self.cause.as_ref().and_then(|cause| cause.trace.clone());
        self.written.events.push(Told { tenant, trace, event });
    }

    /// Adds a new reservation.
    pub(super) fn add_reservation(&mut self, reservation: Reservation) {
        self.written.new_reservations.insert((reservation.tenant, reservation.id));
        self.put_reservation(reservation);
    }

    /// Changes a reservation.
    pub(super) fn change_reservation(&mut self, key: ReservationKey, state: super::State) {
        if let Some(reservation) = self.reservations.get_mut(&key) {
            reservation.state = state;
            if !self.written.new_reservations.contains(&key) {
                self.written.reservations.insert(key);
            }
        }
    }

    /// Adds a new leg.
    pub(super) fn add_leg(&mut self, leg: Leg) {
        self.written.legs.insert(leg.key());
        self.put_leg(leg);
    }

    /// Changes a leg.
    pub(super) fn change_leg(&mut self, key: LegKey, change: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.legs.get_mut(&key) {
            change(leg);
            self.written.legs.insert(key);
        }
    }

    /// Takes up to `units` out of a hold and says how many. Changes no bucket.
    pub(super) fn shrink_hold(&mut self, key: (TenantId, HoldId), units: i64) -> i64 {
        let Some(hold) = self.holds.get_mut(&key) else { return 0 };
        let taken = units.min(hold.quantity);
        hold.quantity -= taken;
        if hold.quantity == 0 {
            self.holds.remove(&key);
            self.written.holds.remove(&key);
            self.written.gone_holds.insert(key);
        } else {
            self.written.holds.insert(key);
        }
        taken
    }

    /// Keeps so many units of a stock row back from now on. That moves nothing, so the ledger has no entry for it.
    pub(super) fn keep_back(&mut self, key: StockKey, safety: i64) {
        let Some(stock) = self.stock.get_mut(&key) else { return };
        if stock.safety != safety {
            self.before.entry(key).or_insert_with(|| stock.available());
            stock.safety = safety;
            self.written.stock.insert(key);
        }
    }

    /// All that a stock row has available counts as an increase of the verb under way.
    pub(super) fn was_unavailable(&mut self, key: StockKey) {
        self.before.insert(key, 0);
    }

    /// The only way in which physical units and claims change: with an entry in the ledger.
    pub(super) fn record(
        &mut self,
        key: StockKey,
        kind: &'static str,
        delta: Delta,
        reason: &str,
        reference: &str,
    ) {
        let Some(stock) = self.stock.get_mut(&key) else { return };
        self.before.entry(key).or_insert_with(|| stock.available());
        stock.sellable += delta.sellable;
        stock.allocated += delta.allocated;
        stock.soft_reserved += delta.soft_reserved;
        stock.version += 1;
        self.written.stock.insert(key);
        let (actor, occurred_at) = match &self.cause {
            Some(cause) => (cause.actor.clone(), cause.occurred_at),
            None => (<_>::default(), self.now),
        };
        self.written.movements.push(Movement {
            id: self.ids.next(),
            stock: key,
            kind,
            delta,
            reason: reason.to_owned(),
            reference: reference.to_owned(),
            actor,
            occurred_at,
            recorded_at: self.now,
        });
    }

    /// Ends a verb: holds what became available for those who wait, and tells of increases and of low stock.
    pub(super) fn settle(&mut self) {
        for (key, before) in std::mem::take(&mut self.before) {
            let increase = self.available(key) - before;
            if increase > 0 && self.tells_increases {
                self.tell_increase(key, increase);
            }
            self.tell_low_stock(key, before);
        }
        self.before.clear();
    }

    fn tell_increase(&mut self, key: StockKey, increase: i64) {
        let Some(stock) = self.stock.get(&key) else { return };
        let (tenant, item, location) = (stock.tenant, stock.item, stock.location);
        let waiting = self.waiting(tenant, item);
        let covered = || -> i64 {
            let holds = self.holds.values().filter(|hold| (hold.tenant, hold.item) == (tenant, item));
            holds.map(|hold| hold.quantity).sum()
        };
        let held = if waiting > 0 { increase.min((waiting - covered()).max(0)) } else { 0 };
        let mut held_until = None;
        if held > 0 {
            let expires_at = self.now + self.hold_for;
            let id: HoldId = self.ids.next();
            self.put_hold(Hold { tenant, id, item, location, quantity: held, expires_at });
            self.written.holds.insert((tenant, id));
            let delta = Delta { soft_reserved: held, ..Delta::default() };
            self.record(key, "allocate", delta, "held for backorders", &id.to_string());
            held_until = Some(expires_at);
        }
        self.tell(Event::AvailabilityIncreased { item, location, quantity: increase, held, held_until });
    }

    fn tell_low_stock(&mut self, key: StockKey, before: i64) {
        let Some(stock) = self.stock.get(&key) else { return };
        let Some(facts) = self.items.get(&(stock.tenant, stock.item)) else { return };
        let (threshold, available) = (facts.low_stock_threshold, stock.available());
        if before >= threshold && available < threshold {
            let (item, sku, location) = (stock.item, facts.sku.clone(), stock.location);
            self.tell(Event::LowStock { item, sku, location, available, threshold });
        }
    }
}
