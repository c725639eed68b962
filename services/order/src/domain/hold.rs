//! Holds: what keeps an order from being released. Work that was released before goes on.

use qm_ids::HoldId;
use qm_refusal::Refusal;

use super::{event::Event, order::Hold, piece::Bucket, sourcing::request_fulfilments, step::Step};

/// Holds that an order may have over its life.
const MAX_HOLDS: usize = 100;

/// What a hold is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldKind {
    Payment,
    Fraud,
    Credit,
    Approval,
    Address,
    Stock,
    Compliance,
    CustomerRequest,
    AwaitingReturn,
    ReleaseDate,
    Configuration,
    Manual,
}

const WORDS: [(HoldKind, &str); 12] = [
    (HoldKind::Payment, "payment"),
    (HoldKind::Fraud, "fraud"),
    (HoldKind::Credit, "credit"),
    (HoldKind::Approval, "approval"),
    (HoldKind::Address, "address"),
    (HoldKind::Stock, "stock"),
    (HoldKind::Compliance, "compliance"),
    (HoldKind::CustomerRequest, "customer_request"),
    (HoldKind::AwaitingReturn, "awaiting_return"),
    (HoldKind::ReleaseDate, "release_date"),
    (HoldKind::Configuration, "configuration"),
    (HoldKind::Manual, "manual"),
];

impl HoldKind {
    /// The word for it, everywhere.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(kind, _)| *kind == self).map_or("manual", |(_, word)| word)
    }

    /// The kind of a word; refuses others.
    pub fn parse(word: &str) -> Result<Self, Refusal> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind).ok_or_else(|| {
            let known: Vec<_> = WORDS.iter().map(|(_, word)| *word).collect();
            Refusal::invalid("kind", "unknown_hold_kind", format!("must be one of {}", known.join(", ")))
        })
    }
}

/// Places a hold.
pub fn hold(
    step: &mut Step,
    id: HoldId,
    kind: HoldKind,
    reason: &str,
    actor: (String, String),
) -> Result<String, Refusal> {
    if !step.order().pieces().any(|(_, piece)| piece.bucket.is_in_play()) {
        return Err(Refusal::conflict("order_ended", "nothing of the order is left to hold"));
    }
    if step.order().holds.len() >= MAX_HOLDS {
        return Err(Refusal::conflict(
            "too_many_holds",
            format!("an order may have {MAX_HOLDS} holds at most"),
        ));
    }
    let placed_at = step.now();
    step.emit(Event::HoldPlaced(Hold {
        id,
        kind,
        reason: reason.to_owned(),
        actor,
        placed_at,
        released_at: None,
    }));
    let released = step.order().count(Bucket::InFulfilment);
    Ok(if released == 0 {
        format!("held: {}", kind.word())
    } else {
        format!("held: {}; {released} units were released before and go on", kind.word())
    })
}

/// Lifts one hold, or all. With the last one the order is released.
pub fn release_hold(step: &mut Step, id: Option<HoldId>) -> Result<String, Refusal> {
    let open: Vec<HoldId> = step
        .order()
        .holds
        .iter()
        .filter(|hold| hold.released_at.is_none() && id.is_none_or(|id| id == hold.id))
        .map(|hold| hold.id)
        .collect();
    if open.is_empty() {
        let is_known = id.is_some_and(|id| step.order().holds.iter().any(|hold| hold.id == id));
        return Err(match id {
            Some(_) if !is_known => Refusal::not_found("hold"),
            _ => Refusal::conflict("not_held", "no such hold stands"),
        });
    }
    let (count, at) = (open.len(), step.now());
    for hold in open {
        step.emit(Event::HoldReleased { hold, at });
    }
    request_fulfilments(step);
    Ok(format!("{count} holds lifted"))
}
