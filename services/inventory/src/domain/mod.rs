//! Stock and the claims on it. Pure: verbs work on a [`Book`] in memory and leave movements and events.

mod book;
mod event;
mod hold;
mod issue;
mod movement;
pub mod planning;
mod release;
mod remember;
mod reservation;
mod reserve;
mod review;
mod stock;
#[cfg(test)]
mod tests;
mod wait;

pub use book::{Book, Cause, ItemFacts, Movement};
pub use event::{Event, Shortage, Told};
pub use hold::Hold;
pub use issue::Issue;
pub use movement::{MovementKind, NewMovement};
pub use release::Release;
pub use remember::Broken;
pub use reservation::{
    Leg, LegKey, LineUnits, LocationUnits, Reservation, ReservationKey, State, reservation_id,
};
pub use reserve::{Plan, PlannedUnits};
pub use review::LocationRules;
pub use stock::{Stock, StockKey, stock_id};
pub use wait::{Wait, WaitEntry, WaitKind};
