//! The order service as a whole, on SQLite and the bus in this process, and on PostgreSQL and JetStream where the
//! environment names them. The test plays routing, inventory and shipping.

mod life;
mod placing;
mod world;
