//! The only place that knows SQL.

pub mod changes;
pub mod endpoints;
mod entity;
pub mod messages;
pub mod templates;

pub use entity::{
    change::Model as Change, delivery::Model as Delivery, endpoint::Model as Endpoint,
    message::Model as Message, template::Model as TemplateRow,
};
