//! Units go into parcels.

use std::collections::{BTreeMap, HashMap};

use qm_ids::{ItemId, derive};
use qm_refusal::Refusal;

use super::{
    event::Event,
    fulfilment::{Parcel, State},
    step::Step,
    units::{LineUnits, merged},
    work::not_now,
};

/// Most parcels of one fulfilment.
const MAX_PARCELS: usize = 200;
/// Heaviest parcel, grams: a freight container.
const MAX_WEIGHT_GRAMS: i64 = 30_000_000;

/// A box to pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewParcel {
    /// What is inside.
    pub units: Vec<LineUnits>,
    /// Weight with packaging, grams; 0 lets the items' weights be added up.
    pub weight_grams: i64,
}

/// Packs all units that are left; no parcels means one with all of them. A small location packs what it accepted without
/// saying that it picks: then picking begins with packing, since inventory must know.
pub fn pack(
    step: &mut Step,
    parcels: &[NewParcel],
    item_weights_grams: &HashMap<ItemId, i64>,
) -> Result<(), Refusal> {
    let fulfilment = step.fulfilment();
    let left = fulfilment.left();
    let is_picking = match fulfilment.state {
        State::Accepted => false,
        State::Picking => true,
        _ => return Err(not_now(fulfilment, "accepted or picking")),
    };
    let parcels = if parcels.is_empty() {
        vec![NewParcel { units: left.clone(), weight_grams: 0 }]
    } else {
        check(parcels, &left)?;
        parcels.to_vec()
    };
    let label = format!("parcel/{}", fulfilment.version);
    let parcels = (0..)
        .zip(parcels)
        .map(|(n, parcel)| Parcel {
            // A repeat after a rejection has another version, and so other boxes.
            id: derive(fulfilment.id.as_uuid(), &label, n),
            weight_grams: match parcel.weight_grams {
                0 => weight(&parcel.units, item_weights_grams),
                weighed => weighed,
            },
            units: merged(&parcel.units),
        })
        .collect();
    let has_carrier = fulfilment.has_carrier();
    if !is_picking {
        step.emit(Event::PickingStarted { units: left });
    }
    step.emit(if has_carrier { Event::Packed { parcels } } else { Event::ReadyForPickup { parcels } });
    Ok(())
}

fn weight(units: &[LineUnits], item_weights_grams: &HashMap<ItemId, i64>) -> i64 {
    units
        .iter()
        .map(|it| item_weights_grams.get(&it.item).copied().unwrap_or(0).max(0).saturating_mul(it.quantity))
        .fold(0, i64::saturating_add)
        .min(MAX_WEIGHT_GRAMS)
}

/// Refuses parcels that do not hold exactly what is left.
fn check(parcels: &[NewParcel], left: &[LineUnits]) -> Result<(), Refusal> {
    if parcels.len() > MAX_PARCELS {
        return Err(Refusal::invalid("parcels", "too_many", format!("must be at most {MAX_PARCELS}")));
    }
    let mut budget: BTreeMap<_, i64> = left.iter().map(|it| ((it.line, it.item), it.quantity)).collect();
    for (index, parcel) in parcels.iter().enumerate() {
        let within = |refusal: Refusal| refusal.within(&format!("parcels[{index}]"));
        if parcel.units.is_empty() {
            return Err(within(Refusal::invalid("units", "required", "must not be empty")));
        }
        if !(0..=MAX_WEIGHT_GRAMS).contains(&parcel.weight_grams) {
            let message = format!("must be 0 to {MAX_WEIGHT_GRAMS}");
            return Err(within(Refusal::invalid("weight_grams", "out_of_range", message)));
        }
        for (position, it) in parcel.units.iter().enumerate() {
            let within = |refusal: Refusal| within(refusal.within(&format!("units[{position}]")));
            let left = budget.get_mut(&(it.line, it.item)).ok_or_else(|| {
                let message = "nothing of this line and item is left here";
                within(Refusal::invalid("line_id", "unknown_line", message))
            })?;
            if it.quantity <= 0 {
                return Err(within(Refusal::invalid("quantity", "not_positive", "must be positive")));
            }
            if it.quantity > *left {
                let message = format!("only {left} are not in a parcel yet");
                return Err(within(Refusal::invalid("quantity", "more_than_left", message)));
            }
            *left -= it.quantity;
        }
    }
    match budget.into_iter().find(|(_, left)| *left > 0) {
        Some(((line, _), left)) => {
            let message = format!("{left} units of {line} are in no parcel: pack or reject them");
            Err(Refusal::invalid("parcels", "units_left_out", message))
        }
        None => Ok(()),
    }
}
