//! The only place that knows SQL.

mod entity;
pub mod changes;
pub mod endpoints;
pub mod messages;
pub mod templates;

pub use entity::{
    change::Model as Change, delivery::Model as Delivery, endpoint::Model as Endpoint, message::Model as Message,
    template::Model as TemplateRow,
};
