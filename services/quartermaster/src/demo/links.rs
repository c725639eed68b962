//! Where to look around once the demo has played.

use std::collections::BTreeSet;

use qm_runtime::BuildError;
use serde_json::Value;

use crate::{cli::program, shop::Api, system::DataDir};

/// Orders among which one worth a look is chosen.
const CHOICE: usize = 400;

/// Prints the links.
pub(super) async fn print(api: &Api, base_url: &str, key: &str, dir: &DataDir) -> Result<(), BuildError> {
    let order = an_order(api).await?;
    let text = |name: &str| order[name].as_str().unwrap_or_default().to_owned();
    let id = text("id");
    println!("Look around\n");
    println!("  API documentation   {base_url}/docs/");
    println!("  a shopper's page    {base_url}{}", text("tracking_path"));
    println!("  mails sent          {}", dir.mailbox().display());
    println!();
    println!("  KEY={key}");
    println!("  curl -H \"Authorization: Bearer $KEY\" {base_url}/v1/orders/{id}");
    println!(
        "  curl -H \"Authorization: Bearer $KEY\" {base_url}/v1/orders/{id}/plans      # why it left from there"
    );
    println!("  {} verify --data-dir {}      # the books again", program(), dir.path().display());
    println!("\nThe system keeps running. Ctrl-C stops it.");
    Ok(())
}

/// A completed order that two or three locations had a part in, or else any order.
async fn an_order(api: &Api) -> Result<Value, BuildError> {
    let completed = api.list("/v1/orders?status=completed", CHOICE).await?;
    match completed.into_iter().max_by_key(|order| (2..=3).contains(&locations(order))) {
        Some(order) => Ok(order),
        None => Ok(api.get("/v1/orders?limit=1").await?["data"][0].take()),
    }
}

fn locations(order: &Value) -> usize {
    let lines = order["lines"].as_array().into_iter().flatten();
    let pieces = lines.flat_map(|line| line["pieces"].as_array().into_iter().flatten());
    pieces.filter_map(|piece| piece["location_id"].as_str()).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_counts_each_of_its_locations_once() {
        let piece = |location: &str| json!({ "location_id": location });
        let order = json!({ "lines": [
            { "pieces": [piece("a"), piece("b")] }, { "pieces": [piece("a"), { "location_id": null }] },
        ]});
        assert_eq!(locations(&order), 2);
        assert_eq!(locations(&Value::Null), 0);
    }
}
