//! The only place that knows SQL.

mod audit;
mod capacity;
mod convert;
mod entity;
mod known;
mod lists;
mod plans;
mod replicas;
mod tariffs;

pub use audit::each_plan;
pub use capacity::{claimed, each_day, lock_planning};
pub use entity::{
    announcement::Model as Announcement, item::Model as ItemRow, location::Model as LocationRow,
};
pub use known::{Known, Network};
pub use lists::{Listed, Summary, plans_of, summary};
pub use plans::{Key, announcements, insert, lock_many, replace, save};
pub use replicas::{put_items, put_locations};
pub use tariffs::{Band, StoredTariff, put_tariff, tariffs};
