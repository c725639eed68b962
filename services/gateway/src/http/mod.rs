//! The public server: what every request gets, whatever it asks for.

mod address;
mod allowance;
mod auth;
mod body;
mod connections;
mod credentials;
mod guesses;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod objects;
mod observe;
mod params;
mod problem;
mod resource;
mod server;
mod streams;
mod version;

pub use address::ClientAddress;
pub use allowance::Toll;
pub use auth::{Caller, authenticate, may};
pub use body::{Body, Posted, RawBody};
pub use connections::Connections;
pub use credentials::Credentials;
pub use guesses::Guesses;
pub use observe::Gate;
pub use observe::observe;
pub use params::Params;
pub(crate) use params::number;
pub use problem::{Details as ProblemDetails, Problem, Problems, answer, public_field};
pub use resource::resource;
pub use server::{Shared, serve};
pub use streams::{OpenStream, Streams};
pub use version::{etag, expected_version, is_current};
