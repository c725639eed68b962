//! The only place that knows SQL.

mod audit;
mod books;
mod convert;
mod entity;
mod lists;
mod looks;
mod masters;
mod reviews;
mod waits;

pub use audit::{check_claims, check_ledger, check_live, check_stock, facts};
pub use books::{
    due_holds, insert_stock, lock_breakable, lock_legs, lock_reservations, lock_stock, put_claims, put_holds,
    put_items, put_legs, put_waiting, save,
};
pub use convert::stock;
pub use entity::{
    item::Model as ItemRow, location::Model as LocationRow, movement::Model as MovementRow,
    stock_review::Model as StockReview,
};
pub use lists::{StockFilter, available, list_items, list_locations, list_movements, list_stock};
pub use looks::{ItemKey, due_looks, end_looks, lock_looks, look_by, rows_with_stock};
pub use masters::{
    items_by_id, items_by_sku, locations_by_code, locations_by_id, lock_items, lock_locations, save_items,
    save_locations,
};
pub use reviews::{
    LocationKey, ask_for_reviews, continue_review, end_review, lock_review, rows_to_review, waiting_reviews,
};
pub use waits::{Note, items_that_wait, note};
