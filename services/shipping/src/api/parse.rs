//! Proto to domain. Everything that a caller may get wrong is refused here or by the domain, naming its field.

use qm_idempotency::OnceKey;
use qm_ids::{FulfilmentId, ParseIdError, TenantId};
use qm_proto::{
    shipping::v1 as proto,
    types::v1::{Actor, LineUnits as ProtoUnits},
};
use qm_refusal::Refusal;
use qm_telemetry::propagation::current_traceparent;

use crate::{
    commands::Cause,
    domain::{LineUnits, NewParcel, RejectReason, ShipmentStatus, State},
};

/// Longest text that a person may write.
const MAX_NOTE: usize = 500;
/// Longest tracking number that a carrier may give.
const MAX_NUMBER: usize = 64;

/// An action of a person on a fulfilment.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) tenant: TenantId,
    pub(super) fulfilment: FulfilmentId,
    pub(super) command: &'static str,
    pub(super) cause: Cause,
    pub(super) once: Option<OnceKey>,
    pub(super) expected_version: i64,
    pub(super) note: String,
}

pub(super) fn id<T: std::str::FromStr<Err = ParseIdError>>(field: &str, text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|error: ParseIdError| Refusal::invalid(field, "malformed_id", error.to_string()))
}

/// None when the text is empty.
pub(super) fn optional_id<T: std::str::FromStr<Err = ParseIdError>>(
    field: &str,
    text: &str,
) -> Result<Option<T>, Refusal> {
    if text.is_empty() { Ok(None) } else { id(field, text).map(Some) }
}

/// What every action carries. `operation` is the scope of its idempotency key.
pub(super) fn action(
    tenant: TenantId,
    action: Option<&proto::FulfilmentAction>,
    operation: &'static str,
    command: &'static str,
) -> Result<Asked, Refusal> {
    let action = action.ok_or_else(|| Refusal::invalid("action", "required", "must be given"))?;
    if action.expected_version < 0 {
        return Err(Refusal::invalid("expected_version", "out_of_range", "must be 0 or more"));
    }
    Ok(Asked {
        tenant,
        fulfilment: id("fulfilment_id", &action.fulfilment_id)?,
        command,
        cause: Cause {
            event: None,
            trace: current_traceparent(),
            actor: action.actor.as_ref().map(actor).transpose()?.unwrap_or_default(),
        },
        once: OnceKey::new(tenant, operation, action.idempotency.as_ref())?,
        expected_version: action.expected_version,
        note: String::new(),
    })
}

fn actor(actor: &Actor) -> Result<(String, String), Refusal> {
    let within = |refusal: Refusal| refusal.within("actor");
    let kind = text("kind", &actor.kind, 50).map_err(within)?;
    Ok((kind, text("id", &actor.id, 200).map_err(within)?))
}

fn text(field: &str, text: &str, max: usize) -> Result<String, Refusal> {
    if text.chars().count() > max || text.chars().any(char::is_control) {
        let message = format!("must be at most {max} characters without control characters");
        return Err(Refusal::invalid(field, "malformed_text", message));
    }
    Ok(text.trim().to_owned())
}

pub(super) fn note(note: &str) -> Result<String, Refusal> {
    text("note", note, MAX_NOTE)
}

/// The tracking number that a list asks for; none when it is empty.
pub(super) fn tracking_number(number: &str) -> Result<Option<String>, Refusal> {
    Ok(Some(text("tracking_number", number, MAX_NUMBER)?).filter(|number| !number.is_empty()))
}

/// Units as they were named; whether the fulfilment has them is for the domain to say.
pub(super) fn units(units: &[ProtoUnits]) -> Result<Vec<LineUnits>, Refusal> {
    let unit = |(index, units): (usize, &ProtoUnits)| {
        let within = |refusal: Refusal| refusal.within(&format!("units[{index}]"));
        Ok(LineUnits {
            line: id("line_id", &units.line_id).map_err(within)?,
            item: id("item_id", &units.item_id).map_err(within)?,
            quantity: units.quantity,
        })
    };
    units.iter().enumerate().map(unit).collect()
}

pub(super) fn parcels(parcels: &[proto::NewParcel]) -> Result<Vec<NewParcel>, Refusal> {
    let parcel = |(index, parcel): (usize, &proto::NewParcel)| {
        let units = units(&parcel.units).map_err(|it| it.within(&format!("parcels[{index}]")))?;
        Ok(NewParcel { units, weight_grams: parcel.weight_grams })
    };
    parcels.iter().enumerate().map(parcel).collect()
}

pub(super) fn reason(reason: proto::RejectReason) -> Result<RejectReason, Refusal> {
    match reason {
        proto::RejectReason::ShortPick => Ok(RejectReason::ShortPick),
        proto::RejectReason::Declined => Ok(RejectReason::Declined),
        proto::RejectReason::Unspecified => {
            Err(Refusal::invalid("reason", "required", "must be short_pick or declined"))
        }
    }
}

pub(super) fn fulfilment_status(word: &str) -> Result<Option<String>, Refusal> {
    status(word, &State::WORDS)
}

pub(super) fn shipment_status(word: &str) -> Result<Option<String>, Refusal> {
    status(word, &ShipmentStatus::ALL.map(ShipmentStatus::word))
}

fn status(word: &str, words: &[&str]) -> Result<Option<String>, Refusal> {
    if word.is_empty() {
        return Ok(None);
    }
    if words.contains(&word) {
        return Ok(Some(word.to_owned()));
    }
    Err(Refusal::invalid("status", "unknown_status", format!("must be one of {}", words.join(", "))))
}
