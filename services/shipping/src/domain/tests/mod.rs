//! Given, when, then: the races by name, and random lives that may never break a law.

mod lives;
mod races;
mod remembering;
mod shipments;
mod world;
