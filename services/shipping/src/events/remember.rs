//! Events of our own → state, after the database was restored to an earlier point.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use prost::Message;
use qm_database::Tx;
use qm_ids::FulfilmentId;
use qm_messaging::{Envelope, HandleError, Remember};
use qm_proto::{events::Event as _, shipping::v1 as proto};

use super::consume::units;
use crate::{
    commands::{self, Cause, Context, Remembered},
    domain::{RejectReason, ShipmentStatus, Told},
};

/// Brings the work of locations to where others were told that it stands.
pub struct RememberWork {
    /// What verbs need.
    pub context: Context,
}

#[async_trait]
impl Remember for RememberWork {
    async fn remember(&self, tx: &Tx, told: &[Envelope]) -> Result<(), HandleError> {
        let told = told.iter().filter_map(|event| remembered(event).transpose());
        let told = told.collect::<Result<Vec<_>, _>>()?;
        if told.is_empty() {
            return Ok(());
        }
        commands::remember(&self.context, tx, told).await
    }
}

/// None for what says nothing of the state, or what its request says already.
pub(crate) fn remembered(event: &Envelope) -> Result<Option<Remembered>, HandleError> {
    let (fulfilment, told) = match event.event_type.as_str() {
        proto::FulfilmentAccepted::TYPE => {
            (read::<proto::FulfilmentAccepted>(event)?.fulfilment, Told::Accepted)
        }
        proto::FulfilmentPicking::TYPE => {
            let it = read::<proto::FulfilmentPicking>(event)?;
            (it.fulfilment, Told::Picking(units(&it.units)?))
        }
        proto::FulfilmentRejected::TYPE => {
            let it = read::<proto::FulfilmentRejected>(event)?;
            let reason = match it.reason() {
                proto::RejectReason::ShortPick => RejectReason::ShortPick,
                proto::RejectReason::Declined => RejectReason::Declined,
                proto::RejectReason::Unspecified => return Err(HandleError::poison("no reason")),
            };
            (it.fulfilment, Told::Rejected(units(&it.units)?, reason))
        }
        proto::FulfilmentReadyForPickup::TYPE => {
            (read::<proto::FulfilmentReadyForPickup>(event)?.fulfilment, Told::ReadyForPickup)
        }
        proto::FulfilmentIssued::TYPE => {
            let it = read::<proto::FulfilmentIssued>(event)?;
            (it.fulfilment, Told::Issued(units(&it.units)?, time(&it.issued_at)?))
        }
        proto::FulfilmentCompleted::TYPE => {
            (read::<proto::FulfilmentCompleted>(event)?.fulfilment, Told::Collected)
        }
        proto::FulfilmentCancelled::TYPE => {
            let it = read::<proto::FulfilmentCancelled>(event)?;
            (it.fulfilment, Told::Cancelled(units(&it.units)?))
        }
        kind if kind.starts_with("shipment.") => return shipment(event).map(Some),
        _ => return Ok(None),
    };
    let fulfilment = fulfilment.ok_or_else(|| HandleError::poison("fulfilment is missing"))?;
    Ok(Some(about(event, fulfilment.fulfilment_id.parse()?, fulfilment.version, told)))
}

fn shipment(event: &Envelope) -> Result<Remembered, HandleError> {
    let it = read::<proto::ShipmentChanged>(event)?;
    let status = ShipmentStatus::from_word(&it.status)
        .ok_or_else(|| HandleError::poison(format!("status {:?}", it.status)))?;
    let told = Told::Shipment {
        id: it.shipment_id.parse()?,
        status,
        units: units(&it.units)?,
        carrier: it.carrier,
        tracking_number: it.tracking_number,
        at: time(&it.occurred_at)?,
    };
    Ok(about(event, it.fulfilment_id.parse()?, 0, told))
}

fn about(event: &Envelope, fulfilment: FulfilmentId, version: i64, told: Told) -> Remembered {
    let cause = Cause {
        event: Some(event.event_id),
        trace: event.trace.clone(),
        actor: ("service".to_owned(), "shipping".to_owned()),
    };
    Remembered { key: (event.tenant, fulfilment), version, told, cause }
}

fn read<M: Message + Default>(event: &Envelope) -> Result<M, HandleError> {
    M::decode(event.payload.as_slice()).map_err(HandleError::poison)
}

fn time(text: &str) -> Result<DateTime<Utc>, HandleError> {
    text.parse().map_err(|error| HandleError::poison(format!("time {text:?}: {error}")))
}
