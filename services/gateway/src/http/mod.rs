//! The public server: what every request gets, whatever it asks for.

mod address;
mod allowance;
mod auth;
mod body;
mod credentials;
mod objects;
mod observe;
mod params;
mod problem;
mod server;
mod version;

pub use address::ClientAddress;
pub use allowance::Toll;
pub use auth::{Caller, authenticate, may};
pub use body::{Body, Posted, RawBody};
pub use credentials::Credentials;
pub use observe::Gate;
pub use observe::observe;
pub use params::Params;
pub(crate) use params::number;
pub use problem::{Details as ProblemDetails, Problem, Problems, answer, public_field, resource};
pub use server::{Shared, serve};
pub use version::{etag, expected_version, is_current};
