//! Tenants, credentials and what they allow: values in, values out.

mod credential;
mod scope;
mod tenant;

pub use credential::{ApiKey, Credential, NewKey, Secret, check_new_key};
pub use scope::Scope;
pub use tenant::{Tenant, check_tenant};
