//! The only place that knows SQL.

mod arrivals;
mod audit;
mod convert;
mod entity;
mod gauges;
mod orders;
mod recent;
mod replicas;
mod summary;

pub use arrivals::{
    ArrivalKey, Head, items_at_last_try, lock_arrivals, save_arrivals, unserved, waiting_for,
};
pub use audit::{check_projections, check_units, facts};
pub use entity::timeline::Model as TimelineRow;
pub use gauges::{LIVE, Live, live};
pub use orders::{
    Filter, Loaded, find_by_number, known_externals, list, load_many, lock_many, next_numbers, overdue,
    read_many, save, timeline,
};
pub use recent::Recent;
pub use replicas::{ItemRow, LocationRow, items_by_sku, locations_by_code, put_items, put_locations};
pub use summary::summary;
