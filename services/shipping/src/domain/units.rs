//! Units of order lines.

use std::collections::BTreeMap;

use qm_ids::{ItemId, LineId};

/// Units of one line and item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineUnits {
    /// Order line.
    pub line: LineId,
    /// Item; a line whose unit is a kit has several.
    pub item: ItemId,
    /// Units in the item's base unit, > 0.
    pub quantity: i64,
}

/// The same units with each line and item named once, in their order. A message may name a line twice.
pub fn merged(units: &[LineUnits]) -> Vec<LineUnits> {
    let mut sums: BTreeMap<(LineId, ItemId), i64> = BTreeMap::new();
    for unit in units {
        let sum = sums.entry((unit.line, unit.item)).or_default();
        *sum = sum.saturating_add(unit.quantity);
    }
    sums.into_iter().map(|((line, item), quantity)| LineUnits { line, item, quantity }).collect()
}
