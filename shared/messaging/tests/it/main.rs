//! One suite for both sides of the bus, and what rests on it.

mod bus;
mod consuming;
mod side;
