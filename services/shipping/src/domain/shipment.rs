//! What travels with a carrier, and where it stands.

use chrono::{DateTime, Utc};
use qm_ids::{ParcelId, ShipmentId};

/// Where a shipment stands. Of two moving statuses at one time the later in this list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShipmentStatus {
    /// It has a label.
    LabelPurchased,
    /// The carrier has it.
    HandedOver,
    /// It moves.
    InTransit,
    /// It comes later than the carrier thought.
    Delayed,
    /// It comes today.
    OutForDelivery,
    /// Nobody was there.
    Attempted,
    /// It waits for the shopper at a pickup point.
    AvailableForPickup,
    /// The shopper has it.
    Delivered,
    /// It goes back.
    Returning,
    /// Nobody knows where it is.
    Lost,
    /// The label was given up before anything travelled.
    Voided,
}

impl ShipmentStatus {
    /// Every status.
    pub const ALL: [Self; 11] = [
        Self::LabelPurchased,
        Self::HandedOver,
        Self::InTransit,
        Self::Delayed,
        Self::OutForDelivery,
        Self::Attempted,
        Self::AvailableForPickup,
        Self::Delivered,
        Self::Returning,
        Self::Lost,
        Self::Voided,
    ];

    /// The status in the project's vocabulary.
    pub const fn word(self) -> &'static str {
        match self {
            Self::LabelPurchased => "label_purchased",
            Self::HandedOver => "handed_over",
            Self::InTransit => "in_transit",
            Self::Delayed => "delayed",
            Self::OutForDelivery => "out_for_delivery",
            Self::Attempted => "attempted",
            Self::AvailableForPickup => "available_for_pickup",
            Self::Delivered => "delivered",
            Self::Returning => "returning",
            Self::Lost => "lost",
            Self::Voided => "voided",
        }
    }

    /// The status of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// True when a carrier that reports it has, or had, the goods.
    pub const fn is_with_carrier(self) -> bool {
        !matches!(self, Self::LabelPurchased | Self::Voided)
    }

    /// True when nothing more is expected.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Returning | Self::Lost | Self::Voided)
    }
}

/// Something the carrier reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackingEvent {
    /// The carrier's own id; unique within the shipment.
    pub id: String,
    /// What it means.
    pub status: ShipmentStatus,
    /// In words.
    pub description: String,
    /// Where, in words; may be empty.
    pub place: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
}

/// One parcel with a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// Derived from the parcel: a parcel has one shipment at most.
    pub id: ShipmentId,
    /// What travels.
    pub parcel: ParcelId,
    /// Carrier code.
    pub carrier: String,
    /// The carrier's tracking number.
    pub tracking_number: String,
    /// Where the shopper can follow it; may be empty.
    pub tracking_url: String,
    /// What the label cost, minor units.
    pub cost_minor: i64,
    /// When the label was bought.
    pub created_at: DateTime<Utc>,
    /// When we gave it to the carrier.
    pub handed_over_at: Option<DateTime<Utc>>,
    /// True when the label was given up.
    pub is_voided: bool,
    /// What the carrier reported, by time.
    pub events: Vec<TrackingEvent>,
}

impl Shipment {
    /// Where it stands: a function of the set of tracking events, whatever order they came in.
    ///
    /// A voided label stays voided. Delivered is final. Else lost, else returning, whatever else was scanned meanwhile:
    /// order has moved the units by then, and scans on the way back look like scans on the way there. Else the latest
    /// scan by the carrier's own time; else what we did ourselves.
    pub fn status(&self) -> ShipmentStatus {
        use ShipmentStatus::{Delivered, HandedOver, LabelPurchased, Lost, Returning, Voided};
        if self.is_voided {
            return Voided;
        }
        let is_reported = |status| self.events.iter().any(|event| event.status == status);
        if let Some(end) = [Delivered, Lost, Returning].into_iter().find(|status| is_reported(*status)) {
            return end;
        }
        let latest = self
            .events
            .iter()
            .filter(|event| event.status.is_with_carrier())
            .max_by_key(|event| (event.occurred_at, event.status));
        match (latest, self.handed_over_at) {
            (Some(event), _) => event.status,
            (None, Some(_)) => HandedOver,
            (None, None) => LabelPurchased,
        }
    }
}
