//! Replacing a tariff.

use qm_database::Tx;
use qm_ids::TenantId;
use qm_runtime::CommandError;

use super::Context;
use crate::store::{self, Band};

/// Replaces a tenant's tariff and returns its version. Plans made before keep what they were priced by.
pub async fn put_tariff(
    context: &Context,
    tx: &Tx,
    tenant: TenantId,
    bands: &[Band],
) -> Result<i64, CommandError> {
    context.known.forget_after(tx);
    Ok(store::put_tariff(tx, tenant, bands, context.clock.now()).await?)
}
