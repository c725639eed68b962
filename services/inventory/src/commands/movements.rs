//! Reports of people and systems of record: all of a request, or nothing.

use std::collections::BTreeSet;

use qm_database::Tx;
use qm_ids::{LocationId, TenantId};
use qm_refusal::Refusal;
use qm_runtime::CommandError;

use super::Context;
use crate::{
    domain::{Book, Cause, MovementKind, NewMovement, Stock},
    events::emit,
    store,
};

/// A report that names its stock row as people do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Stock keeping unit.
    pub sku: String,
    /// Location code.
    pub location_code: String,
    /// What is reported.
    pub kind: MovementKind,
    /// Units, as the kind says.
    pub quantity: i64,
    /// Why.
    pub reason: String,
    /// The reporter's own reference.
    pub reference: String,
    /// The version that the reporter saw; 0 for any.
    pub expected_version: i64,
}

/// Records reports in the order given and returns the stock row of each, as it is after all of them.
pub async fn record_movements(
    context: &Context,
    tx: &Tx,
    tenant: TenantId,
    reports: &[Report],
    cause: &Cause,
) -> Result<Vec<(Stock, String, String)>, CommandError> {
    let skus: BTreeSet<&str> = reports.iter().map(|report| report.sku.as_str()).collect();
    let codes: BTreeSet<&str> = reports.iter().map(|report| report.location_code.as_str()).collect();
    let items = store::items_by_sku(tx, tenant, &skus.into_iter().collect::<Vec<_>>()).await?;
    let locations = store::locations_by_code(tx, tenant, &codes.into_iter().collect::<Vec<_>>()).await?;
    let (mut movements, mut rows) = (Vec::with_capacity(reports.len()), Vec::new());
    for (index, report) in reports.iter().enumerate() {
        let unknown = |field: &str, what: &str, name: &str| {
            let message = format!("there is no {what} {name:?}");
            Refusal::invalid(field, format!("unknown_{what}"), message).within(&format!("movements[{index}]"))
        };
        let item = items.get(&report.sku).ok_or_else(|| unknown("sku", "item", &report.sku))?;
        let location = locations
            .get(&report.location_code)
            .ok_or_else(|| unknown("location_code", "location", &report.location_code))?;
        let stock = Stock::new(tenant, item.item_id, location.location_id, location.safety_units);
        movements.push(NewMovement {
            stock: stock.key(),
            kind: report.kind,
            quantity: report.quantity,
            reason: report.reason.clone(),
            reference: report.reference.clone(),
            expected_version: report.expected_version,
        });
        rows.push(stock);
    }
    let keys: BTreeSet<_> = rows.iter().map(Stock::key).collect();
    rows.sort_by_key(Stock::key);
    rows.dedup_by_key(|stock| stock.key());
    let is_new = store::insert_stock(tx, &rows).await?;
    let mut book = context.book();
    store::lock_breakable(tx, &mut book, &keys, &movements).await?;
    store::lock_stock(tx, &mut book, &keys).await?;
    if is_new {
        follow_locations(tx, &mut book, locations.values().map(|row| (tenant, row.location_id))).await?;
    }
    store::put_items(tx, &mut book, &[]).await?;
    store::put_holds(tx, &mut book).await?;
    store::put_waiting(tx, &mut book).await?;
    store::put_claims(tx, &mut book, &movements).await?;
    for (index, movement) in movements.iter().enumerate() {
        book.report(movement, cause).map_err(|refusal| refusal.within(&format!("movements[{index}]")))?;
    }
    store::save(tx, &book).await?;
    context.outbox.append(tx, emit::messages(book.take_events(), context.clock.now())?).await?;
    let answers = movements.iter().zip(reports).map(|(movement, report)| {
        let stock = book.stock().get(&movement.stock).cloned().ok_or_else(|| Refusal::not_found("stock"))?;
        Ok((stock, report.sku.clone(), report.location_code.clone()))
    });
    answers.collect::<Result<_, Refusal>>().map_err(Into::into)
}

/// Looks again at what locations keep back, for rows that were just made: a location that changed between the first look
/// and their making may have been reviewed without them. Since then they hold it in place.
async fn follow_locations(
    tx: &Tx,
    book: &mut Book,
    locations: impl Iterator<Item = (TenantId, LocationId)>,
) -> Result<(), CommandError> {
    let locations = store::locations_by_id(tx, locations).await?;
    let made: Vec<Stock> = book.stock().values().filter(|row| row.version == 0).cloned().collect();
    for mut row in made {
        row.safety = locations.get(&row.location).map_or(row.safety, |location| location.safety_units);
        book.put_stock(row);
    }
    Ok(())
}
