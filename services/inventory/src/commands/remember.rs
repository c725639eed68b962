//! What others were told of claims, put back into books that have forgotten it.

use std::collections::BTreeSet;

use qm_database::Tx;
use qm_ids::{ItemId, TenantId};
use qm_messaging::HandleError;

use super::{Context, change::finish};
use crate::{
    domain::{Broken, Cause, Plan, ReservationKey, reservation_id, stock_id},
    store,
};

/// Something that others were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The units of a plan are claimed.
    Reserved(Plan),
    /// Units lost their claim.
    Broken(Broken),
}

impl Told {
    fn reservation(&self) -> ReservationKey {
        match self {
            Self::Reserved(plan) => (plan.tenant, reservation_id(plan.id)),
            Self::Broken(broken) => (broken.tenant, broken.reservation),
        }
    }
}

/// Puts it back, in the order in which it was told.
pub async fn remember(context: &Context, tx: &Tx, told: &[(Told, Cause)]) -> Result<(), HandleError> {
    let mut book = context.book();
    let wanted: Vec<ReservationKey> = told.iter().map(|(it, _)| it.reservation()).collect();
    store::lock_legs(tx, &mut book, &wanted).await?;
    let (mut stock, mut items) = (BTreeSet::new(), Vec::<(TenantId, ItemId)>::new());
    for (it, _) in told {
        let Told::Reserved(plan) = it else { continue };
        for units in &plan.units {
            stock.insert((plan.tenant, stock_id(units.units.item, units.location)));
            items.push((plan.tenant, units.units.item));
        }
    }
    store::lock_stock(tx, &mut book, &stock).await?;
    store::put_items(tx, &mut book, &items).await?;
    store::put_holds(tx, &mut book).await?;
    for (it, cause) in told {
        match it {
            Told::Reserved(plan) => book.remember_reserved(plan, cause),
            Told::Broken(broken) => book.remember_broken(broken, cause),
        }
    }
    finish(context, tx, book).await
}
