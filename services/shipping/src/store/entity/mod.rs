//! Rows.

pub mod arrival;
pub mod fulfilment;
pub mod fulfilment_line;
pub mod item;
pub mod journal;
pub mod label_intent;
pub mod location;
pub mod parcel;
pub mod planned_scan;
pub mod shipment;
pub mod tracking_event;
