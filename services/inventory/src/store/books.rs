//! Loading a book under lock, and writing it back.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, TenantEntity, Tx, keys};
use qm_ids::{HoldId, ItemId, TenantId, Uuid};
use sea_orm::{
    ColumnTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::Expr,
};

use super::{
    convert,
    entity::{backorder_wait, item, movement, reservation, reservation_leg, stock, stock_hold},
};
use crate::domain::{Book, Hold, LegKey, NewMovement, ReservationKey, Stock, StockKey};

/// Pairs in one statement; SQLite allows some 16,000.
const PAIRS: usize = 5_000;

/// Rows whose (tenant, `column`) is one of these pairs.
pub(super) async fn find_pairs<E: TenantEntity>(
    tx: &Tx,
    column: E::Column,
    pairs: &BTreeSet<(TenantId, Uuid)>,
    narrow: impl Fn(Select<E>) -> Select<E>,
) -> Result<Vec<E::Model>> {
    let pairs: Vec<_> = pairs.iter().copied().collect();
    tx.find_pairs::<E>(column, &pairs, narrow).await
}

/// Puts reservations in, locked.
pub async fn lock_reservations(tx: &Tx, book: &mut Book, wanted: &[ReservationKey]) -> Result<()> {
    for row in tx.find_keys_for_update::<reservation::Entity>(&keys(wanted.iter().copied())).await? {
        book.put_reservation(convert::reservation(row)?);
    }
    Ok(())
}

/// Puts the legs of these reservations in, and returns the stock rows that they claim from. Legs change under the lock
/// of their stock row, so whoever is to change them locks those rows and then calls this again.
pub async fn put_legs(tx: &Tx, book: &mut Book, wanted: &[ReservationKey]) -> Result<BTreeSet<StockKey>> {
    let rows = tx.find_keys::<reservation_leg::Entity>(&keys(wanted.iter().copied())).await?;
    let mut stock = BTreeSet::new();
    for row in rows {
        stock.insert((row.tenant_id, row.stock_id));
        book.put_leg(convert::leg(row));
    }
    Ok(stock)
}

/// Puts reservations, their legs and the stock rows that they claim from in, all locked.
pub async fn lock_legs(tx: &Tx, book: &mut Book, wanted: &[ReservationKey]) -> Result<()> {
    lock_reservations(tx, book, wanted).await?;
    let stock = put_legs(tx, book, wanted).await?;
    lock_stock(tx, book, &stock).await?;
    put_legs(tx, book, wanted).await?;
    Ok(())
}

/// Puts stock rows in, locked in key order.
pub async fn lock_stock(tx: &Tx, book: &mut Book, wanted: &BTreeSet<StockKey>) -> Result<()> {
    let wanted: Vec<_> = wanted.iter().copied().collect();
    for row in tx.find_keys_for_update::<stock::Entity>(&wanted).await? {
        book.put_stock(convert::stock(row));
    }
    Ok(())
}

/// Makes the stock rows that do not exist yet, and says whether there were any.
pub async fn insert_stock(tx: &Tx, rows: &[Stock]) -> Result<bool> {
    let rows = rows.iter().map(convert::stock_row).collect();
    Ok(tx.insert_ignore_many::<stock::Entity>(rows).await? > 0)
}

/// Puts in what is known of the items of the book's stock rows and of `more`.
pub async fn put_items(tx: &Tx, book: &mut Book, more: &[(TenantId, ItemId)]) -> Result<()> {
    let wanted: BTreeSet<_> = items_of(book)
        .into_iter()
        .chain(more.iter().map(|(tenant, item)| (*tenant, item.as_uuid())))
        .collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    for row in tx.find_keys::<item::Entity>(&wanted).await? {
        book.put_item(row.tenant_id, row.item_id, convert::facts(&row));
    }
    Ok(())
}

/// Puts in all holds of the items of the book's stock rows. Those of other rows only count as what is covered.
pub async fn put_holds(tx: &Tx, book: &mut Book) -> Result<()> {
    let items = items_of(book);
    let holds = find_pairs::<stock_hold::Entity>(tx, stock_hold::Column::ItemId, &items, |select| select);
    for row in holds.await? {
        book.put_hold(convert::hold(row));
    }
    Ok(())
}

/// Puts in how many units wait for the items of the book's stock rows: one sum each, however many orders wait.
pub async fn put_waiting(tx: &Tx, book: &mut Book) -> Result<()> {
    use backorder_wait::Column;
    let items: Vec<_> = items_of(book).into_iter().collect();
    for chunk in items.chunks(PAIRS) {
        // PostgreSQL sums bigints as numeric.
        let sums = tx
            .find::<backorder_wait::Entity>()
            .filter(tx.is_one_of_pairs::<backorder_wait::Entity>(Column::ItemId, chunk))
            // A constant, and no bound value, so that the partial index is known to hold all of it.
            .filter(Expr::cust("quantity > 0"))
            .select_only()
            .column(Column::TenantId)
            .column(Column::ItemId)
            .column_as(Expr::col(Column::Quantity).sum().cast_as("bigint"), "units")
            .group_by(Column::TenantId)
            .group_by(Column::ItemId);
        for (tenant, item, units) in sums.into_tuple::<(TenantId, ItemId, i64)>().all(tx.conn()).await? {
            book.put_waiting(tenant, item, units);
        }
    }
    Ok(())
}

/// Locks the reservations that these reports may break, before the stock rows are locked, as everywhere. Puts the stock
/// rows in as they are now; they are to be locked next.
pub async fn lock_breakable(
    tx: &Tx,
    book: &mut Book,
    wanted: &BTreeSet<StockKey>,
    reports: &[NewMovement],
) -> Result<()> {
    let wanted: Vec<_> = wanted.iter().copied().collect();
    for row in tx.find_keys::<stock::Entity>(&wanted).await? {
        book.put_stock(convert::stock(row));
    }
    let claiming = open_legs(tx, &short(book, reports)).await?;
    let claiming: Vec<_> = claiming.iter().map(|leg| (leg.tenant_id, leg.reservation_id)).collect();
    lock_reservations(tx, book, &claiming).await
}

/// Puts in the claims on the locked stock rows that these reports take below what is claimed: the reservations, which
/// tell who is to go first, and all their legs, which tell what is left of them.
pub async fn put_claims(tx: &Tx, book: &mut Book, reports: &[NewMovement]) -> Result<()> {
    let claiming = open_legs(tx, &short(book, reports)).await?;
    let claiming: BTreeSet<_> = claiming.iter().map(|leg| (leg.tenant_id, leg.reservation_id)).collect();
    // Those that were granted between the two looks come late. Whoever holds one of them and waits for the stock is told of
    // a deadlock, and starts over.
    let late: Vec<_> =
        claiming.iter().filter(|key| !book.reservations().contains_key(*key)).copied().collect();
    lock_reservations(tx, book, &late).await?;
    put_legs(tx, book, &claiming.into_iter().collect::<Vec<_>>()).await?;
    Ok(())
}

/// The stock rows that these reports take below what is claimed.
fn short(book: &Book, reports: &[NewMovement]) -> BTreeSet<StockKey> {
    let rows = book.stock().iter();
    rows.filter(|(key, stock)| book.lowest(**key, reports.iter()) < stock.claims())
        .map(|(key, _)| *key)
        .collect()
}

async fn open_legs(tx: &Tx, stock: &BTreeSet<StockKey>) -> Result<Vec<reservation_leg::Model>> {
    use reservation_leg::Column;
    find_pairs::<reservation_leg::Entity>(tx, Column::StockId, stock, |select| {
        select.filter(Expr::cust("open_units > 0"))
    })
    .await
}

fn items_of(book: &Book) -> BTreeSet<(TenantId, Uuid)> {
    book.stock().values().map(|stock| (stock.tenant, stock.item.as_uuid())).collect()
}

/// Holds whose time is over, longest over first.
pub async fn due_holds(database: &Database, now: DateTime<Utc>, limit: u64) -> Result<Vec<Hold>> {
    let tx = database.read_system().await?;
    let rows = tx
        .find::<stock_hold::Entity>()
        .filter(stock_hold::Column::ExpiresAt.lte(now))
        .order_by_asc(stock_hold::Column::ExpiresAt)
        .limit(limit)
        .all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(convert::hold).collect())
}

/// Writes what changed, each table at once.
pub async fn save(tx: &Tx, book: &Book) -> Result<()> {
    let written = book.written();
    tx.upsert_many::<stock::Entity>(
        written.stock.iter().filter_map(|key| book.stock().get(key)).map(convert::stock_row).collect(),
    )
    .await?;
    let reservations = |keys: &BTreeSet<ReservationKey>| {
        keys.iter().filter_map(|key| book.reservations().get(key)).map(convert::reservation_row).collect()
    };
    // The same plan, or its release, may be handled by another transaction at this time.
    tx.insert_first_many::<reservation::Entity>(reservations(&written.new_reservations)).await?;
    tx.upsert_many::<reservation::Entity>(reservations(&written.reservations)).await?;
    // A reservation and its legs are written at once.
    let is_new =
        |(tenant, reservation, _): &&LegKey| written.new_reservations.contains(&(*tenant, *reservation));
    let (new, changed): (Vec<_>, Vec<_>) = written.legs.iter().partition(is_new);
    let legs = |keys: Vec<&LegKey>| {
        keys.into_iter().filter_map(|key| book.legs().get(key)).map(convert::leg_row).collect()
    };
    tx.insert_many::<reservation_leg::Entity>(legs(new)).await?;
    tx.upsert_many::<reservation_leg::Entity>(legs(changed)).await?;
    let holds = written.holds.iter().filter_map(|key| book.holds().get(key)).map(convert::hold_row);
    tx.upsert_many::<stock_hold::Entity>(holds.collect()).await?;
    let gone: Vec<(TenantId, HoldId)> = written.gone_holds.iter().copied().collect();
    tx.delete_keys::<stock_hold::Entity>(&keys(gone)).await?;
    tx.insert_many::<movement::Entity>(written.movements.iter().map(convert::movement_row).collect()).await
}
