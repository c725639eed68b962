//! The only place that knows SQL.

mod audit;
mod convert;
mod entity;
mod fulfilments;
mod intents;
mod lists;
mod replicas;
mod scans;

pub use audit::{each_fulfilment, facts};
pub use entity::{
    arrival::Model as ArrivalRow, item::Model as ItemRow, journal::Model as JournalRow,
    label_intent::Model as Intent, location::Model as LocationRow, planned_scan::Model as PlannedScan,
};
pub use fulfilments::{Key, arrivals, find_by_tracking, load_many, lock_many, put_arrivals, save};
pub use intents::{
    IntentState, claim_due as claim_due_intents, lock_many as lock_intents, save as save_intents,
};
pub use lists::{FulfilmentFilter, ShipmentFilter, list_fulfilments, list_shipments};
pub use replicas::{items, locations, put_items, put_locations};
pub use scans::{
    claim_due as claim_due_scans, delete as delete_scans, plan as plan_scans, save as save_scans,
};

use chrono::{DateTime, Utc};
use qm_database::{Database, Result};
use sea_orm::{
    ColumnTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    sea_query::{Cond, Expr},
};

use entity::{label_intent, planned_scan};

/// Labels and scans that are due or being worked on.
pub async fn jobs_due(database: &Database, now: DateTime<Utc>) -> Result<u64> {
    let tx = database.read_system().await?;
    let is_claimed = Cond::all().add(label_intent::Column::DueAt.is_not_null()).add(Expr::cust("is_claimed"));
    let intents = tx
        .find::<label_intent::Entity>()
        .filter(Cond::any().add(label_intent::Column::DueAt.lte(now)).add(is_claimed));
    let is_claimed = Cond::all().add(planned_scan::Column::DueAt.is_not_null()).add(Expr::cust("is_claimed"));
    let scans = tx
        .find::<planned_scan::Entity>()
        .filter(Cond::any().add(planned_scan::Column::DueAt.lte(now)).add(is_claimed));
    Ok(intents.count(tx.conn()).await? + scans.count(tx.conn()).await?)
}

/// When the next label is due.
pub async fn next_intent_due(database: &Database) -> Result<Option<DateTime<Utc>>> {
    let tx = database.read_system().await?;
    let waiting = tx.find::<label_intent::Entity>().filter(label_intent::Column::DueAt.is_not_null());
    let next = waiting.order_by_asc(label_intent::Column::DueAt).one(tx.conn()).await?;
    Ok(next.and_then(|row| row.due_at))
}

/// When the next scan is due.
pub async fn next_scan_due(database: &Database) -> Result<Option<DateTime<Utc>>> {
    let tx = database.read_system().await?;
    let waiting = tx.find::<planned_scan::Entity>().filter(planned_scan::Column::DueAt.is_not_null());
    let next = waiting.order_by_asc(planned_scan::Column::DueAt).one(tx.conn()).await?;
    Ok(next.and_then(|row| row.due_at))
}
