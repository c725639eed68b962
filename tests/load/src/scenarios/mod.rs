//! What is measured.

mod burst;
mod end_to_end;
mod growth;
mod hot_item;
mod reads;
mod reservations;
mod stock_feed;

use clap::ValueEnum;

pub use burst::{Burst, burst};
pub use end_to_end::{EndToEnd, Plan};
pub use growth::{Stage, growth};
pub use hot_item::hot_item;
pub use reads::reads;
pub use reservations::{Inventory, reservations};
pub use stock_feed::stock_feed;

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// The highest rate at which every order reaches fulfilment, or one rate
    EndToEnd,
    /// All orders want one item: 32 and 256 callers
    HotItem,
    /// Order by id, order list, availability, tracking page
    Reads,
    /// Counts of stock positions, as a system of record reports them
    StockFeed,
    /// Ten times a rate for ten seconds
    Burst,
    /// One rate with ever more orders stored
    Growth,
    /// Inventory alone claims one item: 32, 256 and 2,048 callers. No other service may run beside it
    Reservations,
}
