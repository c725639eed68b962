#![doc = include_str!("../README.md")]

#[cfg(not(fuzzing))]
mod spoil;

#[cfg(not(fuzzing))]
pub use spoil::withstand;

/// A parser of bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Parser {
    /// Names it, for `scripts/fuzz`.
    pub name: &'static str,
    /// Input that it can read.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads; panics when something does not hold that must.
    pub read: fn(&[u8]),
}

/// Seeds that are text.
pub fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
