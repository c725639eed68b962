#![doc = include_str!("../README.md")]

mod broker;
mod chance;
mod laws;
mod life;
mod outside;
mod people;
mod process;
mod run;
mod shrink;
mod step;
mod tables;
mod template;
mod world;

pub use chance::{FAULTS, Fault};
pub use life::Outcome;
pub use run::{Lived, Report, run, run_one, template};
pub use shrink::shrink;
pub use step::{Act, Step, What};
pub use template::Template;
