//! Domain event → payload.

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{FulfilmentId, LocationId};
use qm_messaging::NewEvent;
use qm_proto::{
    order::v1 as proto,
    types::v1::{FulfilmentKind, GeoPoint, LineUnits as ProtoUnits},
};

use crate::domain::{
    Attempt, Bucket, Decision, Event, FulfilmentState, Hold, Kind, LineUnits, Order, RecallIntent,
    ReleaseReason, SourcingReason, UnitRange,
};

/// The messages that follow from a decision.
pub fn messages(decision: &Decision, trace: Option<&str>, now: DateTime<Utc>) -> Vec<NewEvent> {
    let writer = Writer { order: &decision.order, now };
    decision
        .events
        .iter()
        .filter_map(|event| writer.message(event))
        .map(|message| message.traced(trace.map(str::to_owned)))
        .collect()
}

struct Writer<'d> {
    order: &'d Order,
    now: DateTime<Utc>,
}

impl Writer<'_> {
    fn message(&self, event: &Event) -> Option<NewEvent> {
        let (order_id, revision) = (self.order.id.to_string(), self.order.revision);
        Some(match event {
            Event::Placed(_) => self.about(&proto::Placed {
                order_id,
                revision,
                number: self.order.number,
                channel: self.order.channel.clone(),
                placed_at: self.order.placed_at.to_rfc3339(),
            }),
            Event::SourcingRequested { attempt, units, .. } => {
                self.about(&self.sourcing(self.order.attempt(*attempt)?, units))
            }
            Event::SourcingRepeated { attempt, .. } => {
                let known = self.order.attempt(*attempt)?;
                let units: Vec<UnitRange> = self
                    .order
                    .pieces()
                    .filter(|(_, piece)| piece.bucket == Bucket::Open && piece.attempt == *attempt)
                    .map(|(line, piece)| UnitRange { line: line.id, units: piece.units() })
                    .collect();
                self.about(&self.sourcing(known, &units))
            }
            Event::Backordered { units, again, .. } => {
                let payload = proto::Backordered { order_id, revision, units: self.ranges(units) };
                // Shoppers are told once; inventory must know each time.
                let event_type = if *again { "order.backordered_again" } else { "order.backordered" };
                NewEvent::typed(event_type, self.order.tenant, self.order.id, &payload, self.now)
            }
            Event::Allocated => self.about(&proto::Allocated { order_id, revision }),
            Event::FulfilmentRequested { fulfilment, units, .. } => {
                self.about(&self.fulfilment(*fulfilment, units)?)
            }
            Event::FulfilmentRepeated { fulfilment, .. } => {
                self.about(&self.fulfilment(*fulfilment, &self.order.units_in_work(*fulfilment))?)
            }
            Event::RecallRequested { fulfilment, intent, .. } => {
                self.about(&self.recall(*fulfilment, *intent))
            }
            Event::RecallRepeated { fulfilment, .. } => match self.order.fulfilment(*fulfilment)?.state {
                FulfilmentState::Recalling { intent, .. } => self.about(&self.recall(*fulfilment, intent)),
                _ => return None,
            },
            Event::ReleaseRequested { reservation, plan, units, reason } => {
                self.about(&proto::ReleaseRequested {
                    order_id,
                    revision,
                    reservation_id: reservation.to_string(),
                    plan_id: plan.to_string(),
                    units: units.iter().map(|(location, units)| at_location(*location, units)).collect(),
                    reason: release_reason(*reason).into(),
                })
            }
            // When all are, `order.cancelled` says it.
            Event::UnitsCancelled { units, reason } if !self.order.is_cancelled() => {
                self.about(&proto::UnitsCancelled {
                    order_id,
                    revision,
                    units: self.ranges(units),
                    reason: reason.clone(),
                })
            }
            Event::HoldPlaced(hold) => self.about(&self.hold(hold, true)),
            Event::HoldReleased { hold, .. } => {
                let hold = self.order.holds.iter().find(|known| known.id == *hold)?;
                self.about(&self.hold(hold, false))
            }
            Event::Cancelled { reason } => {
                self.about(&proto::Cancelled { order_id, revision, reason: reason.clone() })
            }
            Event::Completed => self.about(&proto::Completed { order_id, revision }),
            Event::UnitsCancelled { .. }
            | Event::AttemptClosed { .. }
            | Event::FoundNothing { .. }
            | Event::FulfilmentPlanned { .. }
            | Event::BrokenEarly { .. }
            | Event::ClaimBroken { .. }
            | Event::BrokenLeft { .. }
            | Event::Reported { .. }
            | Event::Travelled { .. }
            | Event::PromiseChanged { .. }
            | Event::FulfilmentOpened { .. }
            | Event::RecallRefused { .. }
            | Event::FulfilmentEnded { .. }
            | Event::Moved { .. } => return None,
        })
    }

    fn about<E: qm_proto::events::Event>(&self, payload: &E) -> NewEvent {
        NewEvent::new(self.order.tenant, self.order.id, payload, self.now)
    }

    fn sourcing(&self, attempt: &Attempt, units: &[UnitRange]) -> proto::SourcingRequested {
        let (kind, pickup) = match self.order.kind {
            Kind::Ship => (FulfilmentKind::Ship, String::new()),
            Kind::Pickup(location) => (FulfilmentKind::Pickup, location.to_string()),
        };
        let destination = self.order.ship_to.as_ref().map(|address| proto::Destination {
            country: address.country.clone(),
            region: address.region.clone(),
            postal_code: address.postal_code.clone(),
            point: address.point.map(|(latitude, longitude)| GeoPoint { latitude, longitude }),
        });
        proto::SourcingRequested {
            order_id: self.order.id.to_string(),
            revision: self.order.revision,
            attempt: attempt.number,
            reason: sourcing_reason(attempt.reason).into(),
            units: self.ranges(units),
            exclusions: attempt
                .exclusions
                .iter()
                .map(|exclusion| proto::Exclusion {
                    location_id: exclusion.location.to_string(),
                    item_id: exclusion.item.map(|item| item.to_string()).unwrap_or_default(),
                })
                .collect(),
            fulfilment_kind: kind.into(),
            pickup_location_id: pickup,
            service_level: self.order.service_level.clone(),
            promise_by: date(self.order.promise_by),
            destination,
            placed_at: self.order.placed_at.to_rfc3339(),
            priority: self.order.priority,
            rejections: attempt.rejections,
        }
    }

    fn fulfilment(&self, id: FulfilmentId, units: &[LineUnits]) -> Option<proto::FulfilmentRequested> {
        let fulfilment = self.order.fulfilment(id)?;
        Some(proto::FulfilmentRequested {
            order_id: self.order.id.to_string(),
            revision: self.order.revision,
            fulfilment_id: id.to_string(),
            plan_id: fulfilment.plan.to_string(),
            reservation_id: fulfilment.reservation.to_string(),
            location_id: fulfilment.location.to_string(),
            group: fulfilment.group.clone(),
            kind: fulfilment.kind,
            service_level: self.order.service_level.clone(),
            units: units.iter().map(line_units).collect(),
            ship_by: fulfilment.ship_by.clone(),
            promise_by: date(fulfilment.promised),
            order_number: self.order.number,
        })
    }

    fn recall(&self, fulfilment: FulfilmentId, intent: RecallIntent) -> proto::RecallRequested {
        proto::RecallRequested {
            order_id: self.order.id.to_string(),
            revision: self.order.revision,
            fulfilment_id: fulfilment.to_string(),
            reason: match intent {
                RecallIntent::Cancel => "cancelled".to_owned(),
                RecallIntent::Resource => "the stock is gone".to_owned(),
            },
        }
    }

    fn hold(&self, hold: &Hold, placed: bool) -> proto::HoldChanged {
        proto::HoldChanged {
            order_id: self.order.id.to_string(),
            revision: self.order.revision,
            hold_id: hold.id.to_string(),
            kind: hold.kind.word().to_owned(),
            placed,
        }
    }

    fn ranges(&self, ranges: &[UnitRange]) -> Vec<ProtoUnits> {
        self.order.units_of(ranges).iter().map(line_units).collect()
    }
}

fn line_units(units: &LineUnits) -> ProtoUnits {
    ProtoUnits { line_id: units.line.to_string(), item_id: units.item.to_string(), quantity: units.quantity }
}

fn at_location(location: LocationId, units: &LineUnits) -> proto::LocationUnits {
    proto::LocationUnits {
        location_id: location.to_string(),
        line_id: units.line.to_string(),
        item_id: units.item.to_string(),
        quantity: units.quantity,
    }
}

fn sourcing_reason(reason: SourcingReason) -> proto::SourcingReason {
    match reason {
        SourcingReason::Placed => proto::SourcingReason::Placed,
        SourcingReason::Rejected => proto::SourcingReason::Rejected,
        SourcingReason::Backorder => proto::SourcingReason::Backorder,
        SourcingReason::ShortPick => proto::SourcingReason::ShortPick,
        SourcingReason::ReservationBroken => proto::SourcingReason::ReservationBroken,
    }
}

fn release_reason(reason: ReleaseReason) -> proto::ReleaseReason {
    match reason {
        ReleaseReason::Cancelled => proto::ReleaseReason::Cancelled,
        ReleaseReason::Stale => proto::ReleaseReason::Stale,
        ReleaseReason::ShortPick => proto::ReleaseReason::ShortPick,
        ReleaseReason::Declined => proto::ReleaseReason::Declined,
    }
}

fn date(date: Option<NaiveDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}
