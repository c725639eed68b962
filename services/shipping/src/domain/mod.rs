//! The decider of fulfilments: what may happen to the work of one location, and what follows. Pure: values in, values out.
//!
//! A verb takes a fulfilment and decides by emitting [`Event`]s on a [`Step`], which folds each into its copy at once. The
//! store saves the folded fulfilment; the emitted events become messages. Where a shipment stands is a function of the set
//! of its tracking events ([`Shipment::status`]), so duplicates and reordering change nothing.

mod event;
mod fulfilment;
mod label;
mod pack;
mod recall;
mod reject;
mod remember;
mod request;
mod shipment;
mod step;
#[cfg(test)]
mod tests;
mod track;
mod units;
mod work;

pub use event::{Event, RejectReason};
pub use fulfilment::{Fulfilment, Kind, Labels, Line, Parcel, State};
pub use label::{Label, LabelOutcome, label, record_label, shipment_id, withdraw_labels};
pub use pack::{NewParcel, pack};
pub use recall::recall;
pub use reject::reject;
pub use remember::{Told, remember};
pub use request::{Request, repeat, request};
pub use shipment::{Shipment, ShipmentStatus, TrackingEvent};
pub use step::{Decision, Step};
pub use track::{Tracked, is_settled, track};
pub use units::{LineUnits, merged};
pub use work::{accept, hand_over, start_picking};
