//! What people do, as a seed decides: shoppers and their change of mind, warehouses, whoever counts and receives.

use qm_clock::{Entropy as _, SeededEntropy};
use qm_proto::{
    inventory::v1::MovementKind,
    shipping::v1::{Fulfilment, RejectReason},
    types::v1::LineUnits,
};

use crate::system::{LOCATIONS, SKUS, System};

/// Orders of a life.
const ORDERS: usize = 10;

/// People with the orders that they placed.
pub(crate) struct People<'s> {
    system: &'s System,
    dice: SeededEntropy,
    /// Ids, each with the units ordered.
    pub(crate) orders: Vec<(String, i64)>,
}

impl<'s> People<'s> {
    pub(crate) fn new(system: &'s System, seed: u64) -> Self {
        Self { system, dice: SeededEntropy::new(!seed), orders: Vec::new() }
    }

    /// True when all orders are placed.
    pub(crate) fn have_all(&self) -> bool {
        self.orders.len() == ORDERS
    }

    /// A number from 0 to below `end`.
    fn roll(&self, end: usize) -> usize {
        let mut byte = [0];
        self.dice.fill(&mut byte);
        usize::from(byte[0]) % end
    }

    fn happens(&self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    fn some_order(&self) -> Option<&str> {
        self.orders.get(self.roll(ORDERS)).map(|(id, _)| id.as_str())
    }

    fn quantity(&self, end: usize) -> i64 {
        i64::try_from(self.roll(end)).unwrap()
    }

    /// A moment of a busy day, on which everything may happen.
    pub(crate) async fn be_busy(&mut self) {
        let (sku, location) = (SKUS[self.roll(2)], LOCATIONS[self.roll(2)]);
        if self.happens(80) && !self.have_all() {
            let lines = [(sku, 1 + self.quantity(3)), (SKUS[0], 1 + self.quantity(2))];
            let lines = if sku == SKUS[0] { &lines[..1] } else { &lines[..] };
            let id = self.system.place(lines, &format!("order-{}", self.orders.len())).await;
            self.orders.push((id, lines.iter().map(|(_, quantity)| quantity).sum()));
        }
        if self.happens(40) {
            self.system.report(MovementKind::Receive, sku, location, 1 + self.quantity(4)).await;
        }
        if self.happens(20) {
            self.system.report(MovementKind::Count, sku, location, self.quantity(5)).await;
        }
        if let Some(order) = self.some_order().filter(|_| self.happens(20)) {
            self.system.cancel(order).await;
        }
        if let Some(order) = self.some_order().filter(|_| self.happens(20)) {
            let is_held = self.happens(50);
            self.system.hold(order, is_held).await;
        }
        for fulfilment in self.system.open_work().await {
            match self.roll(100) {
                0..50 => self.system.work_on(&fulfilment).await,
                50..56 => self.system.reject(&fulfilment, Vec::new(), RejectReason::Declined).await,
                56..66 => self.pick_short(&fulfilment).await,
                _ => {}
            }
        }
    }

    /// One unit of a line is not there.
    async fn pick_short(&self, fulfilment: &Fulfilment) {
        let line = &fulfilment.lines[self.roll(fulfilment.lines.len())];
        let missing = LineUnits { line_id: line.line_id.clone(), item_id: line.item_id.clone(), quantity: 1 };
        if line.rejected < line.quantity {
            self.system.reject(fulfilment, vec![missing], RejectReason::ShortPick).await;
        }
    }

    /// No order is held any more, and goods arrive for those who wait.
    pub(crate) async fn let_go(&self) {
        for (order, _) in &self.orders {
            self.system.hold(order, false).await;
        }
        for (sku, location) in SKUS.iter().zip(LOCATIONS) {
            self.system.report(MovementKind::Receive, sku, location, 4).await;
        }
    }

    /// The warehouses do what is left to do.
    pub(crate) async fn work(&self) {
        for fulfilment in self.system.open_work().await {
            self.system.work_on(&fulfilment).await;
        }
    }
}
