//! Routing decides which locations and suppliers fill which units of an order, and can explain it. It owns plans, the
//! carrier tariff and the capacity ledger; stock belongs to inventory, and attempts are minted by order alone.

pub mod domain;
