//! Decisions of one transaction: collected, then written with one statement for each table.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use qm_database::Tx;
use qm_ids::{ParcelId, TenantId, derive};
use qm_messaging::NewEvent;
use qm_runtime::CommandError;

use super::{Cause, Context};
use crate::{
    carriers::HandedOver,
    domain::{Decision, Event, Fulfilment},
    events::emit,
    store::{self, Intent, IntentState, JournalRow, Key, PlannedScan},
};

/// What a transaction decides on.
pub(super) struct Batch<'c> {
    context: &'c Context,
    pub(super) now: DateTime<Utc>,
    before: BTreeMap<Key, Fulfilment>,
    after: BTreeMap<Key, Fulfilment>,
    journal: Vec<JournalRow>,
    messages: Vec<NewEvent>,
    voided: Vec<(TenantId, ParcelId)>,
    scans: Vec<PlannedScan>,
}

impl<'c> Batch<'c> {
    /// Locks fulfilments.
    pub(super) async fn lock(context: &'c Context, tx: &Tx, keys: &[Key]) -> Result<Self, CommandError> {
        Ok(Self {
            context,
            before: store::lock_many(tx, keys).await?,
            now: context.clock.now(),
            after: BTreeMap::new(),
            journal: Vec::new(),
            messages: Vec::new(),
            voided: Vec::new(),
            scans: Vec::new(),
        })
    }

    /// A fulfilment as it is after what was decided so far.
    pub(super) fn get(&self, key: Key) -> Option<&Fulfilment> {
        self.after.get(&key).or_else(|| self.before.get(&key))
    }

    /// Takes a decision in. What is decided next sees it.
    pub(super) fn take(&mut self, decision: Decision, command: &str, cause: &Cause, note: &str) {
        self.messages.extend(emit::messages(&decision, cause.trace.as_deref(), self.now));
        self.take_silently(decision, command, cause, note);
    }

    /// Takes a decision in of which others know already.
    pub(super) fn take_silently(&mut self, decision: Decision, command: &str, cause: &Cause, note: &str) {
        let Decision { fulfilment, events, .. } = decision;
        if events.iter().any(Event::is_change) {
            self.journal.push(JournalRow {
                tenant_id: fulfilment.tenant,
                fulfilment_id: fulfilment.id,
                version: fulfilment.version,
                command: command.to_owned(),
                note: note.to_owned(),
                cause_event_id: cause.event,
                actor_kind: cause.actor.0.clone(),
                actor_id: cause.actor.1.clone(),
                at: self.now,
            });
        }
        for event in &events {
            match event {
                Event::LabelVoided { shipment } => {
                    let parcel = fulfilment.shipment(*shipment).map(|shipment| shipment.parcel);
                    self.voided.extend(parcel.map(|parcel| (fulfilment.tenant, parcel)));
                }
                Event::Issued { at, .. } => self.plan_scans(&fulfilment, *at),
                Event::ShipmentRemembered { .. } => {
                    if let Some(at) = fulfilment.state.issued_at() {
                        self.plan_scans(&fulfilment, at);
                    }
                }
                _ => {}
            }
        }
        self.after.insert((fulfilment.tenant, fulfilment.id), fulfilment);
    }

    /// A simulated carrier scans by itself what it was given.
    fn plan_scans(&mut self, fulfilment: &Fulfilment, at: DateTime<Utc>) {
        for shipment in fulfilment.live_shipments() {
            let Some(carrier) = self.context.carriers.get(&shipment.carrier) else { continue };
            let given = HandedOver { tracking_number: shipment.tracking_number.clone(), at };
            let scans = (0..).zip(carrier.timeline(&given)).map(|(n, scan)| PlannedScan {
                tenant_id: fulfilment.tenant,
                scan_id: derive(shipment.id.as_uuid(), "scan", n),
                carrier: shipment.carrier.clone(),
                tracking_number: shipment.tracking_number.clone(),
                carrier_event_id: scan.id,
                status: scan.status.word().to_owned(),
                description: scan.description.to_owned(),
                place: scan.place.to_owned(),
                occurs_at: scan.at,
                attempts: 0,
                last_error: String::new(),
                due_at: Some(scan.at),
                is_claimed: false,
            });
            self.scans.extend(scans);
        }
    }

    /// Writes all of it: state, messages, and the work that follows.
    pub(super) async fn write(self, tx: &Tx) -> Result<(), CommandError> {
        store::save(tx, &self.before, &self.after, self.journal, self.now).await?;
        if !self.voided.is_empty() {
            let now = self.now;
            let void = |intent: Intent| Intent {
                state: IntentState::Voiding.word().to_owned(),
                attempts: 0,
                due_at: Some(now),
                is_claimed: false,
                updated_at: now,
                ..intent
            };
            let intents = store::lock_intents(tx, &self.voided).await?;
            store::save_intents(tx, intents.into_iter().map(void).collect()).await?;
            let wake = Arc::clone(&self.context.wake);
            tx.after_commit(move || wake.labels.notify_one());
        }
        if !self.scans.is_empty() {
            store::plan_scans(tx, self.scans).await?;
            let wake = Arc::clone(&self.context.wake);
            tx.after_commit(move || wake.scans.notify_one());
        }
        self.context.outbox.append(tx, self.messages).await?;
        Ok(())
    }
}
