//! Summaries of an order: pure functions of its parts.

use super::{order::Order, piece::Bucket};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Accepted; no unit has been released.
    Placed,
    /// A hold stands and something is left to release.
    OnHold,
    /// Some units are being worked on, are on their way, or have arrived, and others are not done; or all were lost, which
    /// is no end: they may be found, or sent again.
    InFulfilment,
    /// Nothing is left in play and something was delivered or came back.
    Completed,
    /// Every unit is cancelled.
    Cancelled,
}

/// How much of an order has been fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FulfilmentStatus {
    /// Nothing has shipped.
    Unfulfilled,
    /// Some units have shipped, others wait.
    PartiallyFulfilled,
    /// Every unit that is not cancelled has shipped.
    Fulfilled,
    /// Every unit is cancelled.
    Cancelled,
}

impl Status {
    /// The word for it, everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::OnHold => "on_hold",
            Self::InFulfilment => "in_fulfilment",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FulfilmentStatus {
    /// The word for it, everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unfulfilled => "unfulfilled",
            Self::PartiallyFulfilled => "partially_fulfilled",
            Self::Fulfilled => "fulfilled",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Order {
    /// Where the order stands.
    pub fn status(&self) -> Status {
        let any = |wanted: &[Bucket]| self.pieces().any(|(_, piece)| wanted.contains(&piece.bucket));
        let waits = any(&[Bucket::Open, Bucket::Backordered, Bucket::Allocated]);
        if self.is_cancelled() {
            Status::Cancelled
        } else if self.is_completed() {
            Status::Completed
        } else if self.is_held() && waits {
            Status::OnHold
        } else if any(&[
            Bucket::InFulfilment,
            Bucket::Shipped,
            Bucket::Delivered,
            Bucket::Returning,
            Bucket::Returned,
            Bucket::Lost,
        ]) {
            Status::InFulfilment
        } else {
            Status::Placed
        }
    }

    /// True when every unit is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.pieces().all(|(_, piece)| piece.bucket == Bucket::Cancelled)
    }

    /// True when no unit is in play and some reached the customer, or came back.
    pub(super) fn is_completed(&self) -> bool {
        !self.pieces().any(|(_, piece)| piece.bucket.is_in_play())
            && self.pieces().any(|(_, piece)| matches!(piece.bucket, Bucket::Delivered | Bucket::Returned))
    }

    /// How much has been fulfilled.
    pub fn fulfilment_status(&self) -> FulfilmentStatus {
        let is_gone = |bucket: Bucket| match bucket {
            Bucket::Shipped | Bucket::Delivered | Bucket::Returning | Bucket::Returned | Bucket::Lost => true,
            Bucket::Open
            | Bucket::Backordered
            | Bucket::Allocated
            | Bucket::InFulfilment
            | Bucket::Cancelled => false,
        };
        let wanted: Vec<Bucket> = self
            .pieces()
            .map(|(_, piece)| piece.bucket)
            .filter(|bucket| *bucket != Bucket::Cancelled)
            .collect();
        if wanted.is_empty() {
            FulfilmentStatus::Cancelled
        } else if wanted.iter().all(|bucket| is_gone(*bucket)) {
            FulfilmentStatus::Fulfilled
        } else if wanted.iter().any(|bucket| is_gone(*bucket)) {
            FulfilmentStatus::PartiallyFulfilled
        } else {
            FulfilmentStatus::Unfulfilled
        }
    }
}
