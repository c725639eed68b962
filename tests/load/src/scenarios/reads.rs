//! What is read most, of orders chosen at random over all that are stored.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use qm_runtime::BuildError;
use rand::{Rng as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::EndToEnd;
use crate::{
    callers::{self, Calls, NextAsk},
    http::Ask,
    report::Report,
    selection::Selection,
};

/// Callers at once.
const CALLERS: usize = 64;
/// Orders that are read, chosen at random.
const ORDERS: usize = 2_000;
/// Items in one question for availability: those of a cart or of a page of products.
const ITEMS: usize = 12;

/// Reads each thing for some time.
pub async fn reads(
    system: &EndToEnd,
    selection: &Selection,
    seconds: u64,
    report: &mut Report,
) -> Result<(), BuildError> {
    let (ids, pages) = orders(system).await?;
    let skus = selection.skus();
    let each: [(&str, NextAsk); 4] = [
        ("order by id", Arc::new(move |dice| Ask::get(one_of(&ids, dice)))),
        ("list of the newest 50 orders", Arc::new(|_| Ask::get("/v1/orders?limit=50"))),
        (
            "availability of 12 items",
            Arc::new(move |dice| {
                let skus: Vec<&str> = skus.choose_multiple(dice, ITEMS).map(String::as_str).collect();
                Ask::get(format!("/v1/availability?skus={}", skus.join(",")))
            }),
        ),
        ("tracking page", Arc::new(move |dice| Ask::get(one_of(&pages, dice)))),
    ];
    for (name, next) in each {
        let calls =
            Calls { name: name.to_owned(), callers: CALLERS, lasting: Duration::from_secs(seconds), next };
        report.served.push(callers::call(system.gateway(), system.processes(), calls).await?);
    }
    Ok(())
}

fn one_of(paths: &[String], dice: &mut ChaCha8Rng) -> String {
    paths.choose(dice).cloned().unwrap_or_default()
}

/// Where some orders are, and their tracking pages.
async fn orders(system: &EndToEnd) -> Result<(Vec<String>, Vec<String>), BuildError> {
    let mut connection = system.gateway().connection()?;
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    let newest = system.newest_number().await?;
    let (mut ids, mut pages) = (Vec::with_capacity(ORDERS), Vec::with_capacity(ORDERS));
    // Numbers of orders that were refused may be missing.
    for _ in 0..ORDERS * 2 {
        let number = dice.random_range(1..=newest);
        let answer = connection.send(Ask::get(format!("/v1/orders?number={number}"))).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.kind().into());
        }
        let page: Value = serde_json::from_slice(&answer.body)?;
        if let (Some(id), Some(path)) =
            (page["data"][0]["id"].as_str(), page["data"][0]["tracking_path"].as_str())
        {
            ids.push(format!("/v1/orders/{id}"));
            pages.push(path.to_owned());
        }
        if ids.len() == ORDERS {
            break;
        }
    }
    if ids.is_empty() {
        return Err("no order is stored".into());
    }
    Ok((ids, pages))
}
