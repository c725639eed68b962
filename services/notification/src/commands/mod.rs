//! One file per verb.

pub mod endpoints;
pub mod put_template;
pub mod record_changes;
pub mod resend;
