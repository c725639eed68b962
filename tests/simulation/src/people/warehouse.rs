//! Warehouses: goods, work, and what is not there.

use qm_ids::FulfilmentId;
use qm_proto::{
    inventory::v1::{self as inventory, MovementKind},
    shipping::v1::{self as shipping, Fulfilment, RejectReason},
    types::v1::{LineUnits, PageRequest},
};
use tonic::{Code, Response, Status};

use super::{LOCATIONS, People, SKUS, requests};

impl People {
    /// Locations and items, and the first goods.
    pub async fn open_shop(&mut self) -> Result<(), Status> {
        let locations = vec![requests::location(LOCATIONS[0], 41.0), requests::location(LOCATIONS[1], 30.0)];
        self.inventory().put_locations(self.ask(inventory::PutLocationsRequest { locations })).await?;
        let items = SKUS.map(requests::item).to_vec();
        self.inventory().put_items(self.ask(inventory::PutItemsRequest { items })).await?;
        for (sku, location) in SKUS.iter().flat_map(|sku| LOCATIONS.map(|location| (*sku, location))) {
            self.report(MovementKind::Receive, sku, location, 3).await;
        }
        Ok(())
    }

    /// Reports about stock, once more under the same key if nobody answers.
    pub(super) async fn report(
        &mut self,
        kind: MovementKind,
        sku: &str,
        location: &str,
        quantity: i64,
    ) -> String {
        let text = self.new_key();
        let movement = inventory::NewMovement {
            sku: sku.to_owned(),
            location_code: location.to_owned(),
            kind: kind.into(),
            quantity,
            reference: text.clone(),
            ..inventory::NewMovement::default()
        };
        let request = inventory::RecordMovementsRequest {
            movements: vec![movement],
            idempotency: Some(requests::key(&text)),
            ..Default::default()
        };
        let mut answer = self.inventory().record_movements(self.ask(request.clone())).await;
        if matches!(&answer, Err(status) if status.code() == Code::Unavailable) {
            answer = self.inventory().record_movements(self.ask(request)).await;
        }
        if kind == MovementKind::Receive {
            self.received.insert(text, answer.is_ok());
        }
        self.answered(&format!("{kind:?} {quantity} {sku} at {location}"), answer)
    }

    /// The work that waits for a location's next step.
    pub(super) async fn open_work(&self) -> Result<Vec<Fulfilment>, Status> {
        let page = Some(PageRequest { limit: 200, ..PageRequest::default() });
        let request = shipping::ListFulfilmentsRequest { page, ..Default::default() };
        let found = self.shipping().list_fulfilments(self.ask(request)).await?.into_inner().fulfilments;
        let is_open =
            |it: &Fulfilment| ["requested", "accepted", "picking", "packed"].contains(&it.status.as_str());
        Ok(found.into_iter().filter(is_open).collect())
    }

    /// The location takes the next step. A refusal is a recall that was quicker.
    pub(super) async fn work_on(&mut self, fulfilment: &Fulfilment) -> String {
        let id: Option<FulfilmentId> = fulfilment.id.parse().ok();
        if id.is_some_and(|id| self.broker.was_told("fulfilment.issued", id.as_uuid())) {
            self.scandals.push(format!("{} is {} and has left", fulfilment.id, fulfilment.status));
        }
        let action = Some(self.action(fulfilment));
        let (mut client, what) =
            (self.shipping(), format!("go on with {} {}", fulfilment.status, fulfilment.id));
        match fulfilment.status.as_str() {
            "requested" => {
                let answer =
                    client.accept_fulfilment(self.ask(shipping::AcceptFulfilmentRequest { action })).await;
                self.answered(&what, answer)
            }
            "accepted" => {
                let answer = client.start_picking(self.ask(shipping::StartPickingRequest { action })).await;
                self.answered(&what, answer)
            }
            "picking" => {
                let request = shipping::PackFulfilmentRequest { action, parcels: Vec::new() };
                let answer = client.pack_fulfilment(self.ask(request)).await;
                self.answered(&what, answer)
            }
            _ if fulfilment.shipments.is_empty() => {
                let answer =
                    client.label_fulfilment(self.ask(shipping::LabelFulfilmentRequest { action })).await;
                self.answered(&what, answer)
            }
            _ => {
                let request = shipping::HandOverFulfilmentRequest { action };
                let answer = client.hand_over_fulfilment(self.ask(request)).await;
                self.answered(&what, answer)
            }
        }
    }

    fn action(&mut self, fulfilment: &Fulfilment) -> shipping::FulfilmentAction {
        shipping::FulfilmentAction {
            fulfilment_id: fulfilment.id.clone(),
            idempotency: Some(requests::key(&self.new_key())),
            ..Default::default()
        }
    }

    /// The location does not do all of it; no unit named means nothing of it.
    pub(super) async fn reject(
        &mut self,
        fulfilment: &Fulfilment,
        units: Vec<LineUnits>,
        reason: RejectReason,
    ) -> String {
        let what = format!("reject {} for {reason:?}", fulfilment.id);
        let action = Some(self.action(fulfilment));
        let request =
            shipping::RejectFulfilmentRequest { action, units, reason: reason.into(), ..Default::default() };
        let answer = self.shipping().reject_fulfilment(self.ask(request)).await;
        self.answered(&what, answer)
    }

    /// One unit of a line is not there.
    pub(super) async fn pick_short(&mut self, fulfilment: &Fulfilment) -> String {
        let Some(line) = fulfilment.lines.get(self.chance.roll(fulfilment.lines.len())) else {
            return "no line".to_owned();
        };
        if line.rejected >= line.quantity {
            return "nothing left to reject".to_owned();
        }
        let missing = LineUnits { line_id: line.line_id.clone(), item_id: line.item_id.clone(), quantity: 1 };
        self.reject(fulfilment, vec![missing], RejectReason::ShortPick).await
    }

    /// The warehouses do what there is to do.
    pub async fn work(&mut self) -> String {
        match self.open_work().await {
            Ok(open) => {
                let mut outcomes = Vec::with_capacity(open.len());
                for fulfilment in open {
                    outcomes.push(self.work_on(&fulfilment).await);
                }
                outcomes.join(", ")
            }
            Err(status) => self.answered("look for work", Err::<Response<()>, _>(status)),
        }
    }
}
