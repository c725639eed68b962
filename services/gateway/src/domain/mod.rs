//! Tenants, credentials and what they allow: values in, values out.

mod claims;
mod credential;
mod principal;
mod scope;
mod tenant;

pub use claims::{Attested, Expected, Rejection, check_claims};
pub use credential::{ApiKey, Credential, NewKey, Secret, check_new_key};
pub use principal::Principal;
pub use scope::Scope;
pub use tenant::{Tenant, check_tenant};
