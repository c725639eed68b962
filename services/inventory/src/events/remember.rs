//! Events of our own → state, after the database was restored to an earlier point.

use async_trait::async_trait;
use prost::Message;
use qm_database::Tx;
use qm_messaging::{Envelope, HandleError, Received, Remember};
use qm_proto::{events::Event as _, inventory::v1 as proto, routing::v1::Planned};

use super::consume::{cause, plan, positive};
use crate::{
    api::parse,
    commands::{self, Context, Told},
    domain::Broken,
};

/// Puts back what others were told: items and locations, and what is claimed by whom. What moved stock by a report of a
/// person or another system is told to nobody in full, so it has to be reported again.
pub struct RememberBooks {
    /// What verbs need.
    pub context: Context,
}

#[async_trait]
impl Remember for RememberBooks {
    async fn remember(&self, tx: &Tx, told: &[Envelope]) -> Result<(), HandleError> {
        let (mut items, mut locations, mut claims) = (Vec::new(), Vec::new(), Vec::new());
        for event in told {
            match event.event_type.as_str() {
                proto::ItemChanged::TYPE => {
                    let changed = read::<proto::ItemChanged>(event)?;
                    let item = changed.item.ok_or_else(|| HandleError::poison("item is missing"))?;
                    items.push(parse::stored_item(event.tenant, &item)?);
                }
                proto::LocationChanged::TYPE => {
                    let changed = read::<proto::LocationChanged>(event)?;
                    let location =
                        changed.location.ok_or_else(|| HandleError::poison("location is missing"))?;
                    locations.push(parse::stored_location(event.tenant, &location)?);
                }
                proto::Reserved::TYPE => {
                    let reserved = read::<proto::Reserved>(event)?;
                    let planned = reserved.plan.ok_or_else(|| HandleError::poison("plan is missing"))?;
                    let (plan, cause) = plan(&received::<Planned>(event, planned))?;
                    claims.push((Told::Reserved(plan), cause));
                }
                proto::ReservationBroken::TYPE => {
                    let it = read::<proto::ReservationBroken>(event)?;
                    let broken = Broken {
                        tenant: event.tenant,
                        reservation: it.reservation_id.parse()?,
                        location: it.location_id.parse()?,
                        line: it.line_id.parse()?,
                        item: it.item_id.parse()?,
                        quantity: positive(it.quantity, &it.line_id)?,
                    };
                    claims.push((Told::Broken(broken), cause(&received(event, it))));
                }
                // Rejections claim nothing. Releases are asked for by others, who ask again. The rest is no state.
                _ => {}
            }
        }
        commands::remember_items(tx, items).await?;
        commands::remember_locations(&self.context, tx, locations).await?;
        commands::remember(&self.context, tx, &claims).await
    }
}

fn read<M: Message + Default>(event: &Envelope) -> Result<M, HandleError> {
    M::decode(event.payload.as_slice()).map_err(HandleError::poison)
}

fn received<P>(event: &Envelope, payload: P) -> Received<P> {
    Received {
        event_id: event.event_id,
        tenant: event.tenant,
        event_type: event.event_type.clone(),
        aggregate: event.aggregate,
        occurred_at: event.occurred_at,
        trace: event.trace.clone(),
        payload,
    }
}
