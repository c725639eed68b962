#![doc = include_str!("../README.md")]

mod bucket;
mod cache;
mod limiter;
mod memory;
mod outage;
mod redis_side;

pub use bucket::{Decision, InvalidBucket, TokenBucket};
pub use cache::{Cache, InvalidUrl, MAX_VALUE_BYTES, SharedCache, Unreachable};
pub use limiter::RateLimiter;
pub use outage::Stats;
