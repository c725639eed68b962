//! A fulfilment to try verbs on.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use qm_ids::{Id, Uuid};

use crate::domain::*;

pub(super) fn id<T: Id>(n: u128) -> T {
    T::from_uuid(Uuid::from_u128(n))
}

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
}

pub(super) fn units(line: u128, quantity: i64) -> LineUnits {
    LineUnits { line: id(line), item: id(line + 100), quantity }
}

pub(super) fn asked(kind: Kind) -> Request {
    Request {
        tenant: id(1),
        id: id(2),
        order: id(3),
        order_number: 1_001,
        plan: id(4),
        reservation: id(5),
        location: id(6),
        kind,
        group: "ship:standard:ambient".to_owned(),
        service_level: "standard".to_owned(),
        ship_by: "2026-11-23".to_owned(),
        promise_by: String::new(),
        units: vec![units(10, 3), units(11, 2)],
    }
}

/// A fulfilment and everything that was told about it.
pub(super) struct Work {
    pub(super) fulfilment: Fulfilment,
    pub(super) told: Vec<Event>,
    pub(super) clock: i64,
}

impl Work {
    pub(super) fn new(kind: Kind) -> Self {
        Self::from(request(&asked(kind), false, at(0)))
    }

    pub(super) fn from(step: Step) -> Self {
        let decision = step.finish();
        Self { fulfilment: decision.fulfilment, told: decision.events, clock: 0 }
    }

    /// Carries out a verb; what a refused verb emitted counts for nothing.
    pub(super) fn try_do<T, E>(&mut self, verb: impl FnOnce(&mut Step) -> Result<T, E>) -> Result<T, E> {
        self.clock += 1;
        let mut step = Step::new(self.fulfilment.clone(), at(self.clock));
        let value = verb(&mut step)?;
        let decision = step.finish();
        let changed = decision.events.iter().any(Event::is_change);
        assert_eq!(decision.fulfilment.version - self.fulfilment.version, i64::from(changed));
        self.fulfilment = decision.fulfilment;
        self.told.extend(decision.events);
        self.told.extend(decision.repeats);
        Ok(value)
    }

    pub(super) fn run(&mut self, verb: impl FnOnce(&mut Step)) {
        let _ = self.try_do(|step| {
            verb(step);
            Ok::<_, ()>(())
        });
    }

    pub(super) fn pack(&mut self) {
        self.try_do(accept).unwrap();
        self.try_do(|step| pack(step, &[], &HashMap::new())).unwrap();
    }

    /// In two parcels: all of the first line, all of the second.
    pub(super) fn pack_in_two(&mut self) {
        self.try_do(accept).unwrap();
        let parcels =
            [units(10, 3), units(11, 2)].map(|units| NewParcel { units: vec![units], weight_grams: 500 });
        self.try_do(|step| pack(step, &parcels, &HashMap::new())).unwrap();
    }

    pub(super) fn buy(&mut self) {
        for parcel in self.try_do(label).unwrap() {
            self.sold(parcel);
        }
    }

    pub(super) fn sold(&mut self, parcel: qm_ids::ParcelId) -> LabelOutcome {
        let sold = sale(parcel);
        self.try_do(|step| Ok::<_, ()>(record_label(step, parcel, "c", &sold))).unwrap()
    }

    pub(super) fn scan(&mut self, shipment: usize, event: TrackingEvent) -> Tracked {
        let id = self.fulfilment.shipments[shipment].id;
        self.try_do(|step| Ok::<_, ()>(track(step, id, vec![event]))).unwrap()
    }

    pub(super) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.told.iter().filter(|event| wanted(event)).count()
    }
}

pub(super) fn sale(parcel: qm_ids::ParcelId) -> Label {
    Label { tracking_number: format!("T{parcel}"), tracking_url: String::new(), cost_minor: 700 }
}

pub(super) fn scan(name: &str, status: ShipmentStatus, seconds: i64) -> TrackingEvent {
    TrackingEvent {
        id: name.to_owned(),
        status,
        description: String::new(),
        place: String::new(),
        occurred_at: at(seconds),
    }
}
