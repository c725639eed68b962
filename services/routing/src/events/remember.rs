//! Events of our own → state, after the database was restored to an earlier point.

use async_trait::async_trait;
use prost::Message;
use qm_database::Tx;
use qm_messaging::{Envelope, HandleError, Remember};
use qm_proto::{events::Event as _, routing::v1 as proto};

use super::read::{parsed, units};
use crate::{
    commands::{self, Told},
    domain::{Claim, plan_of},
};

/// Puts back what others were told of plans: a plan that is made anew may be another, and the first is carried out.
pub struct RememberPlans;

#[async_trait]
impl Remember for RememberPlans {
    async fn remember(&self, tx: &Tx, told: &[Envelope]) -> Result<(), HandleError> {
        let mut plans = Vec::new();
        for event in told {
            match event.event_type.as_str() {
                proto::Planned::TYPE => {
                    let announced = read::<proto::Planned>(event)?;
                    let key = (event.tenant, announced.plan_id.parse()?);
                    let order = announced.order_id.parse()?;
                    let claims = announced.assignments.iter().map(claim).collect::<Result<_, _>>()?;
                    plans.push((key, order, event.occurred_at, Told::Planned { announced, claims }));
                }
                proto::Unfillable::TYPE => {
                    let announced = read::<proto::Unfillable>(event)?;
                    let order = announced.order_id.parse()?;
                    let key = (event.tenant, plan_of(order, announced.attempt));
                    let units = units(&announced.units)?;
                    plans.push((key, order, event.occurred_at, Told::Unfillable { announced, units }));
                }
                _ => {}
            }
        }
        commands::remember(tx, plans).await
    }
}

fn claim(assignment: &proto::Assignment) -> Result<Claim, HandleError> {
    Ok(Claim {
        location: assignment.location_id.parse()?,
        group: assignment.group.clone(),
        ship_date: parsed("ship_date", &assignment.ship_date)?,
        units: units(&assignment.units)?,
        issued_at: None,
        ended_at: None,
    })
}

fn read<M: Message + Default>(event: &Envelope) -> Result<M, HandleError> {
    M::decode(event.payload.as_slice()).map_err(HandleError::poison)
}
