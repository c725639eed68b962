//! Finishes labels that were left half-bought, and gives back those that nobody needs.

use qm_runtime::{CommandError, Rest};

use super::POLL;
use crate::{
    commands::{self, Context},
    store,
};

/// Finishes what is due.
pub async fn finish(context: Context) -> Result<Rest, CommandError> {
    if commands::finish_labels(&context).await? > 0 {
        return Ok(Rest::none());
    }
    let next = store::next_intent_due(&context.database).await?;
    Ok(Rest::of(POLL).until(&context.clock, next))
}
