//! Domain to proto.

use chrono::SecondsFormat;
use prost::Message as _;
use qm_proto::routing::v1 as proto;
use qm_refusal::Refusal;

use crate::{
    domain::Outcome,
    store::{Band, Listed, Summary},
};

pub(super) fn band(band: &Band) -> proto::TariffBand {
    let small = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    proto::TariffBand {
        service_level: band.service_level.clone(),
        zone: small(band.zone),
        max_miles: small(band.max_miles),
        base_minor: band.base_minor,
        per_pound_micros: band.per_pound_micros,
        transit_days: band.transit_days.into(),
        regions: band.regions.clone(),
    }
}

pub(super) fn plan(listed: Listed) -> Result<proto::Plan, Refusal> {
    let unreadable = |error: prost::DecodeError| {
        tracing::error!(%error, "an announcement cannot be read");
        Refusal::internal()
    };
    let told = listed.announcement;
    let rest = proto::Unfillable::decode(told.unfillable.as_slice()).map_err(unreadable)?;
    Ok(proto::Plan {
        planned: Some(proto::Planned::decode(told.planned.as_slice()).map_err(unreadable)?),
        unfilled: rest.units,
        explanation_json: told.explanation,
        planned_at: listed.planned_at.to_rfc3339_opts(SecondsFormat::Micros, true),
    })
}

pub(super) fn summary(summary: &Summary) -> proto::GetPlanSummaryResponse {
    let count = |outcome: Outcome| {
        summary.outcomes.iter().filter(|(word, _)| word == outcome.word()).map(|(_, plans)| plans).sum()
    };
    proto::GetPlanSummaryResponse {
        planned: count(Outcome::Planned),
        partially_planned: count(Outcome::PartiallyPlanned),
        unfillable: count(Outcome::Unfillable),
        cost_minor: summary.cost_minor,
    }
}
