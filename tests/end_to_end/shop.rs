//! A merchant with locations, items and stock, and what its people do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    api::{Answer, Api},
    wait,
    world::World,
};

/// A merchant.
pub(crate) struct Shop {
    pub(crate) api: Api,
    pub(crate) slug: String,
    /// Where its shoppers get mail; nobody else's.
    pub(crate) email: String,
}

/// Chicago, where all shoppers live: nearer to "near" than to "far".
const SHOPPER: (f64, f64) = (41.88, -87.63);
const NEAR: (f64, f64) = (41.50, -87.60);
const FAR: (f64, f64) = (34.05, -118.24);

impl Shop {
    /// A merchant with two distribution centres, "NEAR" and "FAR", and a tariff. `name` is its slug.
    pub(crate) async fn open(world: &World, name: &str) -> Self {
        let slug = name.replace('_', "-");
        let (is_done, said) =
            world.quartermaster(&["tenants", "create", &slug, "--name", &format!("Shop {slug}")]);
        assert!(is_done, "{said}");
        let (is_done, said) = world.quartermaster(&["keys", "create", "--tenant", &slug, "--name", "test"]);
        assert!(is_done, "{said}");
        let key = said.lines().find(|line| line.starts_with("qm_")).unwrap();
        let shop = Self { api: Api::new(&world.base, key), email: format!("shopper@{slug}.example"), slug };
        let locations = json!({ "locations": [location("NEAR", NEAR), location("FAR", FAR)] });
        shop.api.put("/v1/locations", &locations).await.ok();
        let band = |zone: i32, max_miles: i32, base_minor: i64| {
            json!({ "service_level": "standard", "zone": zone, "max_miles": max_miles, "base_minor": base_minor,
                    "per_pound_micros": 250_000, "transit_days": zone })
        };
        let tariff = json!({ "bands": [band(1, 150, 500), band(2, 600, 800), band(3, 20_000, 1_500)] });
        shop.api.put("/v1/tariff", &tariff).await.ok();
        shop
    }

    /// Makes items known.
    pub(crate) async fn items(&self, skus: &[&str]) {
        let item = |sku: &&str| json!({ "sku": sku, "name": format!("The {sku}"), "weight_grams": 500 });
        let items: Vec<Value> = skus.iter().map(item).collect();
        self.api.put("/v1/items", &json!({ "items": items })).await.ok();
    }

    /// Goods arrive.
    pub(crate) async fn receive(&self, sku: &str, location: &str, quantity: i64) {
        self.report("receive", sku, location, quantity).await;
    }

    /// All of an item that a location has is gone.
    pub(crate) async fn lose(&self, sku: &str, location: &str) {
        let sellable = self.stock(sku, location).await["sellable"].as_i64().unwrap();
        self.report("adjust", sku, location, -sellable).await;
    }

    /// Somebody counted.
    pub(crate) async fn count(&self, sku: &str, location: &str, quantity: i64) {
        self.report("count", sku, location, quantity).await;
    }

    async fn report(&self, kind: &str, sku: &str, location: &str, quantity: i64) {
        let movement =
            json!({ "sku": sku, "location": location, "kind": kind, "quantity": quantity, "reason": kind });
        self.api.post("/v1/stock/movements", &json!({ "movements": [movement] })).await.ok();
    }

    /// An order of units at 10.00 each, as the platform sends it.
    pub(crate) fn order(&self, lines: &[(&str, i64)]) -> Value {
        let line = |(sku, quantity): &(&str, i64)| json!({ "sku": sku, "quantity": quantity, "unit_price": "10.00" });
        let total: i64 = lines.iter().map(|(_, quantity)| quantity * 1_000).sum();
        json!({
            "channel": "web", "currency": "USD", "customer": { "name": "Ada Shopper", "email": self.email },
            "ship_to": { "name": "Ada Shopper", "line1": "1 Main St", "city": "Chicago", "region": "IL",
                "postal_code": "60601", "country": "US", "latitude": SHOPPER.0, "longitude": SHOPPER.1 },
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "total_minor": total,
        })
    }

    /// Places an order; its id.
    pub(crate) async fn place(&self, lines: &[(&str, i64)]) -> String {
        self.place_order(&self.order(lines)).await
    }

    /// Places an order; its id.
    pub(crate) async fn place_order(&self, order: &Value) -> String {
        self.api.post("/v1/orders", order).await.ok()["id"].as_str().unwrap().to_owned()
    }

    /// The shopper changes their mind; what is said to that.
    pub(crate) async fn cancel(&self, order: &str) -> Answer {
        self.api.post(&format!("/v1/orders/{order}/cancel"), &json!({ "reason": "changed my mind" })).await
    }

    pub(crate) async fn read(&self, order: &str) -> Value {
        self.api.get(&format!("/v1/orders/{order}")).await.ok()
    }

    /// Waits until the order's units lie so, and nowhere else.
    pub(crate) async fn until_units(&self, order: &str, wanted: &[(&str, i64)]) -> Value {
        let wanted: BTreeMap<String, i64> =
            wanted.iter().map(|(bucket, count)| ((*bucket).to_owned(), *count)).collect();
        wait::until(&format!("{order} with {wanted:?}"), async || {
            let read = self.read(order).await;
            let seen = units(&read);
            if seen == wanted {
                return Ok(read);
            }
            let told = self.timeline(order).await;
            Err(format!("it has {seen:?}, status {}, after {told:#?}", read["status"]))
        })
        .await
    }

    /// What happened to the order, each as `command: outcome`.
    pub(crate) async fn timeline(&self, order: &str) -> Vec<String> {
        let timeline = self.api.get(&format!("/v1/orders/{order}/timeline")).await.ok();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let entries = timeline["data"].as_array().unwrap().iter();
        entries.map(|it| format!("{}: {}", text(it, "command"), text(it, "outcome"))).collect()
    }

    pub(crate) async fn until_status(&self, order: &str, status: &str) -> Value {
        wait::until(&format!("{order} {status}"), async || {
            let read = self.read(order).await;
            if read["status"] == status {
                Ok(read)
            } else {
                let told = self.timeline(order).await;
                Err(format!("it is {} with {:?}, after {told:#?}", read["status"], units(&read)))
            }
        })
        .await
    }

    /// Waits until so many units are physically there for sale.
    pub(crate) async fn until_sellable(&self, sku: &str, location: &str, units: i64) {
        wait::until(&format!("{units} {sku} at {location}"), async || {
            let row = self.stock(sku, location).await;
            if row["sellable"] == units { Ok(()) } else { Err(format!("it is {row}")) }
        })
        .await;
    }

    /// The order's fulfilments in this status, once there are so many.
    pub(crate) async fn until_fulfilments(&self, order: &str, status: &str, count: usize) -> Vec<Value> {
        wait::until(&format!("{count} fulfilments of {order} {status}"), async || {
            let all = self.api.all(&format!("/v1/fulfilments?order_id={order}")).await;
            let found: Vec<Value> = all.iter().filter(|it| it["status"] == status).cloned().collect();
            if found.len() == count { Ok(found) } else { Err(format!("there are {all:?}")) }
        })
        .await
    }

    /// The one fulfilment of the order in this status; its id.
    pub(crate) async fn until_fulfilment(&self, order: &str, status: &str) -> String {
        id(&self.until_fulfilments(order, status, 1).await[0])
    }

    /// The codes of the locations that an attempt was planned for.
    pub(crate) async fn planned(&self, order: &str, attempt: i64) -> Vec<String> {
        let locations = self.api.all("/v1/locations").await;
        let plans = self.api.get(&format!("/v1/orders/{order}/plans")).await.ok();
        let plan = plans["data"].as_array().unwrap().iter().find(|plan| plan["attempt"] == attempt);
        let plan = plan.unwrap_or_else(|| panic!("no plan of attempt {attempt}: {plans}"));
        let code = |assignment: &Value| {
            let at = locations.iter().find(|location| location["id"] == assignment["location_id"]).unwrap();
            at["code"].as_str().unwrap().to_owned()
        };
        plan["assignments"].as_array().unwrap().iter().map(code).collect()
    }

    /// What a warehouse does with a fulfilment.
    pub(crate) async fn act(&self, fulfilment: &str, action: &str) -> Value {
        self.api.post(&format!("/v1/fulfilments/{fulfilment}/{action}"), &json!({})).await.ok()
    }

    /// Brings a requested fulfilment to the carrier.
    pub(crate) async fn ship(&self, fulfilment: &str) {
        for action in ["accept", "pick", "pack", "label", "hand-over"] {
            self.act(fulfilment, action).await;
        }
    }

    /// The stock of an item at a location.
    pub(crate) async fn stock(&self, sku: &str, location: &str) -> Value {
        let rows = self.api.all(&format!("/v1/stock?sku={sku}&location={location}")).await;
        rows.into_iter().next().unwrap_or_else(|| panic!("no stock row of {sku} at {location}"))
    }

    /// Where a location's work shows up.
    pub(crate) async fn location_id(&self, code: &str) -> String {
        let all = self.api.all("/v1/locations").await;
        id(all.iter().find(|location| location["code"] == code).unwrap())
    }
}

/// A distribution centre.
pub(crate) fn location(code: &str, (latitude, longitude): (f64, f64)) -> Value {
    json!({
        "code": code, "name": format!("{code} centre"), "kind": "distribution_centre",
        "address": { "line1": "1 Dock Rd", "city": code, "country": "US", "latitude": latitude, "longitude": longitude },
        "time_zone": "America/Chicago", "cutoff_local": "23:59", "handling_order_minor": 100, "can_pickup": true,
    })
}

/// Units by bucket.
pub(crate) fn units(order: &Value) -> BTreeMap<String, i64> {
    let mut units = BTreeMap::new();
    for piece in order["lines"].as_array().unwrap().iter().flat_map(|line| line["pieces"].as_array().unwrap())
    {
        *units.entry(piece["bucket"].as_str().unwrap().to_owned()).or_default() +=
            piece["quantity"].as_i64().unwrap();
    }
    units
}

/// The id of whatever has one.
pub(crate) fn id(of: &Value) -> String {
    of["id"].as_str().unwrap_or_else(|| panic!("has no id: {of}")).to_owned()
}
