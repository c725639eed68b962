//! Events of our own, after the database was restored to an earlier point.

use async_trait::async_trait;
use prost::Message as _;
use qm_database::Tx;
use qm_messaging::{Envelope, HandleError, Remember};
use qm_proto::{events::Event as _, order::v1::Placed};

/// Names the orders that are lost: what they consist of stood only in the database. What became of orders that are known, the
/// answers of others say, which come again.
pub struct NameLostOrders;

#[async_trait]
impl Remember for NameLostOrders {
    async fn remember(&self, _: &Tx, told: &[Envelope]) -> Result<(), HandleError> {
        match told.iter().find(|event| event.event_type == Placed::TYPE) {
            None => Ok(()),
            Some(event) => {
                let placed = Placed::decode(event.payload.as_slice()).map_err(HandleError::poison)?;
                Err(HandleError::poison(format!(
                    "order {} with the number {} is lost: it was placed after the copy of the database was made",
                    placed.order_id, placed.number
                )))
            }
        }
    }
}
