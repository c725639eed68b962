//! A carrier that exists only here, for a first look, tests and demonstrations. What it does follows from the parcel's id
//! alone, so a run can be repeated; what it will report stands in rows, so it survives a restart.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use qm_refusal::Refusal;
use qm_standard_webhooks::WebhookSecret;
use sha2::{Digest as _, Sha256};

use super::{Carrier, CarrierError, HandedOver, LabelRequest, Scan, SignedMessage, TrackingUpdate, read};
use crate::domain::{Label, ShipmentStatus};

/// Its code.
pub const CODE: &str = "simulated";
/// Letters and digits that nobody mixes up (Crockford's base 32).
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Heaviest parcel it takes, grams.
const MAX_WEIGHT_GRAMS: i64 = 70_000;

/// How it behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// What it signs its messages with.
    pub secret: WebhookSecret,
    /// From the handover to the first scan.
    pub in_transit_after: TimeDelta,
    /// From the handover to the last day.
    pub out_for_delivery_after: TimeDelta,
    /// From the handover to the door.
    pub delivered_after: TimeDelta,
    /// Of a thousand parcels, so many are delayed by as much as they take otherwise.
    pub delayed_per_mille: u16,
    /// Of a thousand parcels, so many meet a closed door first.
    pub attempted_per_mille: u16,
    /// Of a thousand parcels, so many are lost.
    pub lost_per_mille: u16,
    /// Price of a label, minor units.
    pub base_cost_minor: i64,
    /// Price of each kilogram begun, minor units.
    pub kilogram_cost_minor: i64,
}

/// The simulated carrier.
#[derive(Debug, Clone)]
pub struct Simulated {
    behaviour: Behaviour,
}

impl Simulated {
    /// A carrier of this behaviour.
    pub fn new(behaviour: Behaviour) -> Self {
        Self { behaviour }
    }

    /// A number of 0 to 999 that the tracking number and `what` decide.
    fn dice(tracking_number: &str, what: &str) -> u16 {
        let hash =
            Sha256::new().chain_update(tracking_number).chain_update([0]).chain_update(what).finalize();
        u16::from_be_bytes([hash[0], hash[1]]) % 1_000
    }
}

#[async_trait]
impl Carrier for Simulated {
    fn code(&self) -> &'static str {
        CODE
    }

    async fn buy_label(&self, request: &LabelRequest) -> Result<Label, CarrierError> {
        if request.weight_grams > MAX_WEIGHT_GRAMS {
            return Err(CarrierError::Refused(format!(
                "a parcel of {} g is too heavy: at most {MAX_WEIGHT_GRAMS} g",
                request.weight_grams
            )));
        }
        let hash = Sha256::digest(request.parcel.as_uuid().as_bytes());
        let digits = hash.iter().take(16).map(|byte| char::from(DIGITS[usize::from(byte % 32)]));
        let kilograms = request.weight_grams.max(1).div_euclid(1_000)
            + i64::from(request.weight_grams.max(1).rem_euclid(1_000) > 0);
        let cost_minor = self
            .behaviour
            .kilogram_cost_minor
            .saturating_mul(kilograms)
            .saturating_add(self.behaviour.base_cost_minor);
        Ok(Label {
            tracking_number: format!("SIM{}", digits.collect::<String>()),
            tracking_url: String::new(),
            cost_minor,
        })
    }

    async fn void_label(&self, _: &str) -> Result<(), CarrierError> {
        Ok(())
    }

    fn read_tracking(
        &self,
        message: &SignedMessage<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<TrackingUpdate>, Refusal> {
        read(std::slice::from_ref(&self.behaviour.secret), message, now)
    }

    fn timeline(&self, parcel: &HandedOver) -> Vec<Scan> {
        use ShipmentStatus::{Attempted, Delayed, Delivered, InTransit, Lost, OutForDelivery};
        let it = &self.behaviour;
        let number = parcel.tracking_number.as_str();
        let happens = |what, per_mille| Self::dice(number, what) < per_mille;
        let mut scans = Vec::new();
        let mut scan = |status: ShipmentStatus, description, place, after: TimeDelta| {
            scans.push(Scan {
                id: format!("{number}-{}", scans.len() + 1),
                status,
                description,
                place,
                at: parcel.at.checked_add_signed(after).unwrap_or(DateTime::<Utc>::MAX_UTC),
            });
        };
        scan(InTransit, "Departed", "Sorting centre", it.in_transit_after);
        if happens("lost", it.lost_per_mille) {
            scan(Lost, "Cannot be found", "Sorting centre", it.delivered_after * 2);
            return scans;
        }
        let mut late = TimeDelta::zero();
        if happens("delayed", it.delayed_per_mille) {
            scan(Delayed, "Held up by the weather", "Sorting centre", it.out_for_delivery_after);
            late = it.delivered_after;
        }
        scan(OutForDelivery, "On the van", "Delivery depot", it.out_for_delivery_after + late);
        if happens("attempted", it.attempted_per_mille) {
            scan(Attempted, "Nobody was there", "Front door", it.delivered_after + late);
            late += it.delivered_after;
            scan(OutForDelivery, "On the van again", "Delivery depot", it.out_for_delivery_after + late);
        }
        scan(Delivered, "Delivered", "Front door", it.delivered_after + late);
        scans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrier(delayed: u16, attempted: u16, lost: u16) -> Simulated {
        Simulated::new(Behaviour {
            secret: WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap(),
            in_transit_after: TimeDelta::hours(1),
            out_for_delivery_after: TimeDelta::hours(20),
            delivered_after: TimeDelta::hours(24),
            delayed_per_mille: delayed,
            attempted_per_mille: attempted,
            lost_per_mille: lost,
            base_cost_minor: 500,
            kilogram_cost_minor: 100,
        })
    }

    fn request(parcel: u128, weight_grams: i64) -> LabelRequest {
        LabelRequest {
            parcel: qm_ids::ParcelId::from_uuid(qm_ids::Uuid::from_u128(parcel)),
            weight_grams,
            service_level: "standard".to_owned(),
            origin: None,
        }
    }

    #[tokio::test]
    async fn asked_twice_it_sells_one_label_priced_by_weight() {
        let carrier = carrier(0, 0, 0);
        let label = carrier.buy_label(&request(1, 1_001)).await.unwrap();
        assert_eq!(label, carrier.buy_label(&request(1, 1_001)).await.unwrap());
        assert_eq!((label.tracking_number.len(), label.cost_minor), (19, 700));
        super::super::check_label(label.clone()).unwrap();
        assert_ne!(label.tracking_number, carrier.buy_label(&request(2, 1)).await.unwrap().tracking_number);
        assert!(matches!(carrier.buy_label(&request(1, 70_001)).await, Err(CarrierError::Refused(_))));
    }

    #[test]
    fn a_timeline_ends_with_the_door_or_the_loss_and_runs_forward() {
        let parcel = HandedOver { tracking_number: "SIM1".to_owned(), at: DateTime::UNIX_EPOCH };
        for (carrier, end, count) in [
            (carrier(0, 0, 0), ShipmentStatus::Delivered, 3),
            (carrier(1_000, 1_000, 0), ShipmentStatus::Delivered, 6),
            (carrier(1_000, 1_000, 1_000), ShipmentStatus::Lost, 2),
        ] {
            let scans = carrier.timeline(&parcel);
            assert_eq!((scans.len(), scans.last().unwrap().status), (count, end));
            assert!(scans.is_sorted_by(|one, next| one.at < next.at && one.id < next.id), "{scans:?}");
        }
    }
}
