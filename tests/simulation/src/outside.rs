//! Who is asked outside the system: a carrier that hangs, raves or cannot be heard, and a mail server of the same kind.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use lettre::Message;
use qm_ids::MessageId;
use qm_notification::{MailError, Post};
use qm_refusal::Refusal;
use qm_shipping::carriers::{
    Carrier, CarrierError, HandedOver, Label, LabelRequest, Scan, SignedMessage, TrackingUpdate,
};

use crate::chance::{Chance, Fault};

/// A carrier before the simulated one.
#[derive(Debug)]
pub struct Moody {
    /// Who does it.
    pub carrier: Arc<dyn Carrier>,
    /// What goes wrong.
    pub chance: Arc<Chance>,
}

impl Moody {
    /// It never answers; whoever waits gives up.
    async fn hang<T>(&self, what: &str) -> T {
        self.chance.note(format!("the carrier hangs {what}"));
        std::future::pending().await
    }
}

#[async_trait]
impl Carrier for Moody {
    fn code(&self) -> &'static str {
        self.carrier.code()
    }

    async fn buy_label(&self, request: &LabelRequest) -> Result<Label, CarrierError> {
        if self.chance.happens(Fault::CarrierHangs) {
            return self.hang("before a sale").await;
        }
        let label = self.carrier.buy_label(request).await?;
        if self.chance.happens(Fault::CarrierUnheard) {
            return self.hang("after a sale").await;
        }
        if self.chance.happens(Fault::CarrierRaves) {
            self.chance.note("the carrier raves");
            return Ok(Label { tracking_number: "\u{0} no number".to_owned(), ..label });
        }
        Ok(label)
    }

    async fn void_label(&self, tracking_number: &str) -> Result<(), CarrierError> {
        if self.chance.happens(Fault::CarrierHangs) {
            return self.hang("before taking a label back").await;
        }
        self.carrier.void_label(tracking_number).await?;
        if self.chance.happens(Fault::CarrierUnheard) {
            return self.hang("after taking a label back").await;
        }
        Ok(())
    }

    fn read_tracking(
        &self,
        message: &SignedMessage<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<TrackingUpdate>, Refusal> {
        self.carrier.read_tracking(message, now)
    }

    fn timeline(&self, parcel: &HandedOver) -> Vec<Scan> {
        self.carrier.timeline(parcel)
    }
}

/// A mail server, and what it took.
#[derive(Debug)]
pub struct PostOffice {
    taken: Mutex<BTreeSet<String>>,
    chance: Arc<Chance>,
}

impl PostOffice {
    /// One that has taken nothing yet.
    pub fn new(chance: Arc<Chance>) -> Self {
        Self { taken: Mutex::default(), chance }
    }

    /// Ids of the mails that it took, in hexadecimal digits.
    pub fn taken(&self) -> BTreeSet<String> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Post for PostOffice {
    async fn send(&self, id: MessageId, _: Message) -> Result<(), MailError> {
        let failed = |what: &str| Err(MailError::Failed(what.to_owned()));
        if self.chance.happens(Fault::MailRefused) {
            self.chance.note("a mail is refused");
            return failed("try again later");
        }
        let hex = id.as_uuid().simple().to_string();
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(hex);
        if self.chance.happens(Fault::MailUnheard) {
            self.chance.note("a mail is taken unheard");
            return failed("no answer");
        }
        Ok(())
    }
}
