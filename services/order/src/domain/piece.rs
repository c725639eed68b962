//! Pieces: consecutive units of a line that share a fate.

use qm_ids::{FulfilmentId, LineId, LocationId, PlanId, ReservationId};

/// Units of a line, numbered from 0: `[first, first + quantity)`.
pub type Range = std::ops::Range<i64>;

/// Where units are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// A source is being looked for.
    Open,
    /// No source has them; they wait for stock.
    Backordered,
    /// Stock is reserved.
    Allocated,
    /// A location works on them.
    InFulfilment,
    /// They left the building.
    Shipped,
    /// The shopper has them.
    Delivered,
    /// They are on their way back.
    Returning,
    /// They came back.
    Returned,
    /// They went missing on the way.
    Lost,
    /// Nobody wants them any more.
    Cancelled,
}

impl Bucket {
    /// Every bucket.
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Backordered,
        Self::Allocated,
        Self::InFulfilment,
        Self::Shipped,
        Self::Delivered,
        Self::Returning,
        Self::Returned,
        Self::Lost,
        Self::Cancelled,
    ];

    /// The word for it, everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Backordered => "backordered",
            Self::Allocated => "allocated",
            Self::InFulfilment => "in_fulfilment",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Returning => "returning",
            Self::Returned => "returned",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
        }
    }

    /// The bucket of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bucket.word() == word)
    }

    /// True while something is still to happen to the units.
    pub fn is_in_play(self) -> bool {
        match self {
            Self::Open
            | Self::Backordered
            | Self::Allocated
            | Self::InFulfilment
            | Self::Shipped
            | Self::Returning => true,
            Self::Delivered | Self::Returned | Self::Lost | Self::Cancelled => false,
        }
    }
}

/// Consecutive units of a line that share a fate. The pieces of a line tile its units (law 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The first unit, from 0.
    pub first_unit: i64,
    /// How many, > 0.
    pub quantity: i64,
    /// Where they are.
    pub bucket: Bucket,
    /// The sourcing attempt that they belong to.
    pub attempt: i32,
    /// What backs them, once something does.
    pub source: Option<Source>,
}

/// The stock behind units, and the work that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Plan that chose the location.
    pub plan: PlanId,
    /// Claim on the stock.
    pub reservation: ReservationId,
    /// Where the stock is.
    pub location: LocationId,
    /// The work.
    pub fulfilment: FulfilmentId,
}

/// Some consecutive units of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRange {
    /// The line.
    pub line: LineId,
    /// Its units.
    pub units: Range,
}

impl UnitRange {
    /// How many units.
    pub fn quantity(&self) -> i64 {
        self.units.end - self.units.start
    }
}

impl Piece {
    /// Its units.
    pub fn units(&self) -> Range {
        self.first_unit..self.first_unit + self.quantity
    }

    fn same_fate(&self, other: &Self) -> bool {
        (self.bucket, self.attempt, self.source) == (other.bucket, other.attempt, other.source)
    }
}

/// Gives the units `range` of a line another fate: pieces are split at its ends, and pieces that then share a fate and
/// touch are merged.
pub(super) fn change(pieces: &mut Vec<Piece>, range: &Range, mut fate: impl FnMut(&mut Piece)) {
    let mut tiled = Vec::with_capacity(pieces.len() + 2);
    for piece in pieces.drain(..) {
        let units = piece.units();
        let (start, end) =
            (range.start.clamp(units.start, units.end), range.end.clamp(units.start, units.end));
        let part = |from: i64, to: i64| Piece { first_unit: from, quantity: to - from, ..piece.clone() };
        if units.start < start {
            tiled.push(part(units.start, start));
        }
        if start < end {
            let mut changed = part(start, end);
            fate(&mut changed);
            tiled.push(changed);
        }
        if end.max(start) < units.end {
            tiled.push(part(end.max(start), units.end));
        }
    }
    for piece in tiled {
        match pieces.last_mut() {
            Some(last) if last.same_fate(&piece) => last.quantity += piece.quantity,
            _ => pieces.push(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(quantity: i64) -> Vec<Piece> {
        vec![Piece { first_unit: 0, quantity, bucket: Bucket::Open, attempt: 1, source: None }]
    }

    proptest! {
        #[test]
        fn pieces_tile_the_line_whatever_is_changed(
            quantity in 1i64..50,
            changes in prop::collection::vec((0i64..50, 0i64..50, 0usize..10), 0..20),
        ) {
            let mut pieces = line(quantity);
            let mut model = vec![Bucket::Open; usize::try_from(quantity).unwrap()];
            for (from, length, bucket) in changes {
                let range = from.min(quantity)..(from + length).min(quantity);
                let bucket = Bucket::ALL[bucket];
                change(&mut pieces, &range, |piece| piece.bucket = bucket);
                for unit in range {
                    model[usize::try_from(unit).unwrap()] = bucket;
                }
            }
            let units: Vec<_> = pieces
                .iter()
                .flat_map(|piece| piece.units().map(|unit| (unit, piece.bucket)))
                .collect();
            let expected: Vec<_> = model.into_iter().enumerate().map(|(unit, bucket)| (unit as i64, bucket)).collect();
            prop_assert_eq!(units, expected);
            prop_assert!(pieces.windows(2).all(|pair| !pair[0].same_fate(&pair[1])));
        }
    }
}
