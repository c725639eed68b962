//! Proofs of the domain.

mod laws;
mod stories;
mod waits;
mod world;
