//! Carriers behind one trait. They are asked outside transactions, may answer twice, late or with nonsense, and report by
//! signed webhooks.

mod message;
pub mod simulated;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use qm_ids::ParcelId;
use qm_refusal::Refusal;

pub use message::{SignedMessage, TrackingUpdate, encode, read};

pub use crate::domain::{Label, ShipmentStatus, TrackingEvent};

/// Most characters of an error that are kept.
const MAX_PROBLEM: usize = 500;

/// Where a parcel starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The location's code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its postal code.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// Asks for a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRequest {
    /// The parcel: also the idempotency key. A carrier that is asked twice sells one label and gives the same answer.
    pub parcel: ParcelId,
    /// Weight with packaging, grams.
    pub weight_grams: i64,
    /// Service level of the order.
    pub service_level: String,
    /// Where it starts; none until the location's event has arrived.
    pub origin: Option<Origin>,
}

/// Why a carrier did not do what it was asked, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarrierError {
    /// It never will, for this reason.
    #[error("the carrier refused: {0}")]
    Refused(String),
    /// It could not be reached, or not in time. It may have done it all the same.
    #[error("the carrier could not be reached: {0}")]
    Unavailable(String),
    /// Its answer makes no sense.
    #[error("the carrier's answer makes no sense: {0}")]
    Garbage(String),
}

impl CarrierError {
    /// The text of it, fit to be stored: a carrier's words may be long, and hold what no database takes.
    pub fn for_people(&self) -> String {
        self.to_string().chars().map(|it| if it.is_control() { ' ' } else { it }).take(MAX_PROBLEM).collect()
    }
}

/// A parcel that was given to a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// The carrier's number.
    pub tracking_number: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A report that is known beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Unique within the shipment.
    pub id: String,
    /// What will have happened.
    pub status: ShipmentStatus,
    /// In words.
    pub description: &'static str,
    /// Where.
    pub place: &'static str,
    /// When.
    pub at: DateTime<Utc>,
}

/// A carrier.
#[async_trait]
pub trait Carrier: Debug + Send + Sync {
    /// Its code in URLs and rows: lower case, never changed.
    fn code(&self) -> &'static str;

    /// Buys a label, once for each `request.parcel`.
    async fn buy_label(&self, request: &LabelRequest) -> Result<Label, CarrierError>;

    /// Gives a label back. One that was given back before counts as given back.
    async fn void_label(&self, tracking_number: &str) -> Result<(), CarrierError>;

    /// Believes or refuses a message, and reads it.
    fn read_tracking(
        &self,
        message: &SignedMessage<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<TrackingUpdate>, Refusal>;

    /// What it will report of itself about a parcel. Only a simulated carrier knows.
    fn timeline(&self, _: &HandedOver) -> Vec<Scan> {
        Vec::new()
    }
}

/// The carriers that parcels can go with.
#[derive(Debug, Clone)]
pub struct Carriers {
    by_code: BTreeMap<&'static str, Arc<dyn Carrier>>,
    default: &'static str,
}

impl Carriers {
    /// Parcels go with `default` unless something says otherwise.
    pub fn new(default: Arc<dyn Carrier>) -> Self {
        Self { default: default.code(), by_code: BTreeMap::from([(default.code(), default)]) }
    }

    /// The code of the carrier that new labels are bought from.
    pub fn default_code(&self) -> &'static str {
        self.default
    }

    /// The carrier with this code.
    pub fn get(&self, code: &str) -> Option<&Arc<dyn Carrier>> {
        self.by_code.get(code)
    }
}

/// Refuses what no carrier may answer, so that it never reaches the books.
pub fn check_label(label: Label) -> Result<Label, CarrierError> {
    let is_number = (1..=64).contains(&label.tracking_number.len())
        && label.tracking_number.bytes().all(|byte| byte.is_ascii_graphic());
    let garbage = |what: &str| Err(CarrierError::Garbage(what.to_owned()));
    if !is_number {
        return garbage("tracking number: expected 1 to 64 visible ASCII characters");
    }
    if label.cost_minor < 0 {
        return garbage("cost: expected 0 or more");
    }
    let is_plain = |url: &str| url.len() <= 2_000 && url.bytes().all(|byte| byte.is_ascii_graphic());
    let is_url = |url: &str| url.is_empty() || (url.starts_with("https://") && is_plain(url));
    if !is_url(&label.tracking_url) {
        return garbage("URL: expected https://… of at most 2000 visible ASCII characters");
    }
    Ok(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carriers_words_fit_into_a_row() {
        let refused = |words: &str| CarrierError::Refused(words.to_owned()).for_people();
        assert_eq!(refused("no\0such\nplace"), "the carrier refused: no such place");
        assert_eq!(refused(&"ä".repeat(1_000)).chars().count(), MAX_PROBLEM);
    }

    #[test]
    fn an_address_that_no_database_would_take_is_nonsense() {
        let label = |url: &str| Label {
            tracking_number: "N1".to_owned(),
            tracking_url: url.to_owned(),
            cost_minor: 1,
        };
        for good in ["", "https://carrier.example/track?n=N1"] {
            assert!(check_label(label(good)).is_ok(), "{good:?}");
        }
        for bad in ["http://carrier.example", "https://carrier.example/\0", "https://carrier.example/a b"] {
            assert!(matches!(check_label(label(bad)), Err(CarrierError::Garbage(_))), "{bad:?}");
        }
    }
}
