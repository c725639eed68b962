//! How a warehouse distributes what it picked over parcels that a person can lift.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::dataset::Dataset;

/// What parcels may weigh, and what items do.
#[derive(Debug, Clone, Default)]
pub(super) struct Scales {
    weights: HashMap<String, i64>,
    max_grams: i64,
}

impl Scales {
    /// Parcels as heavy as the strongest carton carries.
    pub(super) fn of(dataset: &Dataset) -> Self {
        Self {
            weights: dataset.catalogue().iter().map(|item| (item.sku.clone(), item.weight_grams)).collect(),
            max_grams: dataset
                .cartons()
                .iter()
                .map(|carton| carton.max_weight_grams)
                .max()
                .unwrap_or(i64::MAX),
        }
    }

    /// What the API is told when a fulfilment is packed: nothing if all fits into one parcel, else the parcels. Units
    /// stay in the order of the lines; a unit that is too heavy gets a parcel of its own. Whoever collects brings a trolley.
    pub(super) fn pack(&self, fulfilment: &Value) -> Value {
        if fulfilment["kind"] == "pickup" {
            return json!({});
        }
        let mut parcels: Vec<Vec<Value>> = vec![Vec::new()];
        let mut filled = 0;
        for line in fulfilment["lines"].as_array().into_iter().flatten() {
            let count = |name: &str| line[name].as_i64().unwrap_or_default();
            let weight =
                line["sku"].as_str().and_then(|sku| self.weights.get(sku)).copied().unwrap_or_default();
            let mut left = count("quantity") - count("rejected");
            while left > 0 {
                let room = if weight > 0 { (self.max_grams - filled) / weight } else { left };
                if room <= 0 && filled > 0 {
                    parcels.push(Vec::new());
                    filled = 0;
                    continue;
                }
                let taken = room.clamp(1, left);
                if let Some(parcel) = parcels.last_mut() {
                    parcel.push(json!({
                        "line_id": line["line_id"], "item_id": line["item_id"], "quantity": taken,
                    }));
                }
                (filled, left) = (filled + taken * weight, left - taken);
            }
        }
        if parcels.len() == 1 {
            return json!({});
        }
        let parcels: Vec<Value> = parcels.into_iter().map(|units| json!({ "units": units })).collect();
        json!({ "parcels": parcels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scales() -> Scales {
        let weights = [("water", 9_000), ("card", 10), ("anvil", 50_000), ("licence", 0)];
        let weights = weights.map(|(sku, grams)| (sku.to_owned(), grams)).into();
        Scales { weights, max_grams: 20_000 }
    }

    fn packed(lines: &[(&str, i64, i64)]) -> Vec<Vec<i64>> {
        let line = |(sku, quantity, rejected): &(&str, i64, i64)| json!({ "line_id": "line_1", "item_id": "item_1", "sku": sku, "quantity": quantity, "rejected": rejected });
        let fulfilment = json!({ "lines": lines.iter().map(line).collect::<Vec<_>>() });
        let body = scales().pack(&fulfilment);
        let quantities = |parcel: &Value| {
            let units = parcel["units"].as_array().unwrap();
            units.iter().map(|unit| unit["quantity"].as_i64().unwrap()).collect()
        };
        body["parcels"].as_array().into_iter().flatten().map(quantities).collect()
    }

    #[test]
    fn what_one_parcel_carries_is_packed_without_a_word() {
        assert!(packed(&[("card", 100, 0), ("water", 2, 0), ("licence", 7, 0)]).is_empty());
    }

    #[test]
    fn what_is_too_heavy_for_one_parcel_is_divided_and_nothing_is_lost() {
        assert_eq!(packed(&[("water", 5, 0)]), [vec![2], vec![2], vec![1]]);
        assert_eq!(packed(&[("card", 3, 0), ("water", 3, 0)]), [vec![3, 2], vec![1]]);
        assert_eq!(packed(&[("card", 1, 0), ("anvil", 2, 0)]), [vec![1], vec![1], vec![1]]);
        assert_eq!(packed(&[("water", 4, 1)]), [vec![2], vec![1]], "what was rejected is not packed");
    }
}
