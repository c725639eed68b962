//! Labels that are being bought or voided.

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, Tx, keys};
use qm_ids::{ParcelId, TenantId};
use sea_orm::{
    ColumnTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{LockBehavior, LockType},
};

use super::entity::label_intent::{Column, Entity, Model};

/// What a label intent waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentState {
    /// The carrier is asked for a label until it answers.
    Buying,
    /// The parcel has its shipment.
    Bought,
    /// The carrier will not sell, or never answered; a person may ask again.
    Refused,
    /// The label is given up, and the carrier is told until it answers.
    Voiding,
    /// The carrier took the label back.
    Voided,
    /// The carrier would not take the label back, or never answered.
    Kept,
}

impl IntentState {
    const ALL: [Self; 6] =
        [Self::Buying, Self::Bought, Self::Refused, Self::Voiding, Self::Voided, Self::Kept];

    /// The state as the column holds it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Buying => "buying",
            Self::Bought => "bought",
            Self::Refused => "refused",
            Self::Voiding => "voiding",
            Self::Voided => "voided",
            Self::Kept => "kept",
        }
    }
}

impl Model {
    /// What it waits for; none for a word that no version writes.
    pub fn state(&self) -> Option<IntentState> {
        IntentState::ALL.into_iter().find(|state| state.word() == self.state)
    }
}

/// The intents of parcels, locked. Whoever asks holds their fulfilments' locks.
pub async fn lock_many(tx: &Tx, parcels: &[(TenantId, ParcelId)]) -> Result<Vec<Model>> {
    tx.find_keys_for_update::<Entity>(&keys(parcels.iter().copied())).await
}

/// Writes intents.
pub async fn save(tx: &Tx, intents: Vec<Model>) -> Result<()> {
    tx.upsert_many::<Entity>(intents).await
}

/// Claims intents that are due, longest due first: nobody else gets them before `until`.
pub async fn claim_due(
    database: &Database,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>> {
    let tx = database.begin_system().await?;
    let rows = tx
        .find::<Entity>()
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(tx.conn())
        .await?;
    let claim = |row: Model| Model {
        due_at: Some(until),
        is_claimed: true,
        attempts: row.attempts.saturating_add(1),
        ..row
    };
    let claimed: Vec<_> = rows.into_iter().map(claim).collect();
    save(&tx, claimed.clone()).await?;
    tx.commit().await?;
    Ok(claimed)
}
