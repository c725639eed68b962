//! What a shop says to the public API: its catalogue, locations and stock, and its orders.

mod api;
mod load;
mod order;

pub use api::{Api, ApiError};
pub use load::{Loaded, load, load_items};
pub use order::new_order;
