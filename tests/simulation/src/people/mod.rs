//! What people do and what they were promised: shoppers and their change of mind, warehouses, whoever counts and receives.

mod requests;
mod warehouse;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use qm_ids::TenantId;
use qm_proto::{
    inventory::v1::{MovementKind, inventory_service_client::InventoryServiceClient},
    order::v1::{self as order, Order, order_service_client::OrderServiceClient},
    shipping::v1::{self as shipping, RejectReason, shipping_service_client::ShippingServiceClient},
    types::v1::PageRequest,
};
use qm_runtime::grpc::{GrpcChannel, with_tenant};
use tonic::{Code, Request, Response, Status};

use crate::{broker::Broker, chance::Chance, step::Act, world::World};

/// What is sold.
const SKUS: [&str; 2] = ["mug", "tea"];
/// From where.
const LOCATIONS: [&str; 2] = ["NEAR", "FAR"];
/// Orders of a life at most.
const MOST_ORDERS: usize = 8;

/// An order that somebody wants, and what they were told.
#[derive(Debug, Clone)]
pub struct Wish {
    key: String,
    lines: Vec<(&'static str, i64)>,
    /// Ids of orders that were given as the answer.
    pub answers: BTreeSet<String>,
}

impl Wish {
    /// Units wanted.
    pub fn units(&self) -> i64 {
        self.lines.iter().map(|(_, quantity)| quantity).sum()
    }
}

/// People.
pub struct People {
    chance: Arc<Chance>,
    /// What is known to everybody.
    broker: Arc<Broker>,
    tenant: TenantId,
    inventory: GrpcChannel,
    order: GrpcChannel,
    shipping: GrpcChannel,
    /// All that was ever wanted.
    pub wishes: Vec<Wish>,
    /// The key of each receipt that was reported, and whether it was answered.
    pub received: BTreeMap<String, bool>,
    /// Keys used so far.
    keys: usize,
    /// Answers that nobody may ever get.
    pub scandals: Vec<String>,
}

impl People {
    /// People who have asked for nothing yet.
    pub fn new(world: &World, tenant: TenantId) -> Self {
        Self {
            chance: world.chance.clone(),
            broker: world.broker.clone(),
            tenant,
            inventory: world.channel("inventory"),
            order: world.channel("order"),
            shipping: world.channel("shipping"),
            wishes: Vec::new(),
            received: BTreeMap::new(),
            keys: 0,
            scandals: Vec::new(),
        }
    }

    fn ask<T>(&self, message: T) -> Request<T> {
        with_tenant(Request::new(message), self.tenant)
    }

    fn inventory(&self) -> InventoryServiceClient<GrpcChannel> {
        InventoryServiceClient::new(self.inventory.clone())
    }

    fn order(&self) -> OrderServiceClient<GrpcChannel> {
        OrderServiceClient::new(self.order.clone())
    }

    fn shipping(&self) -> ShippingServiceClient<GrpcChannel> {
        ShippingServiceClient::new(self.shipping.clone())
    }

    /// Does something; what came of it, in words.
    pub async fn act(&mut self, act: Act) -> String {
        let quantity = |end: usize| i64::try_from(self.chance.roll(end)).unwrap_or(0);
        let (sku, location) = (SKUS[self.chance.roll(2)], LOCATIONS[self.chance.roll(2)]);
        match act {
            Act::Place if self.wishes.len() < MOST_ORDERS => {
                let mut lines = vec![(sku, 1 + quantity(3))];
                if sku != SKUS[0] && self.chance.roll(2) == 0 {
                    lines.push((SKUS[0], 1 + quantity(2)));
                }
                let key = self.new_key();
                self.wishes.push(Wish { key, lines, answers: BTreeSet::new() });
                let copies = [1, 1, 1, 2, 3][self.chance.roll(5)];
                self.place(self.wishes.len() - 1, copies).await
            }
            Act::Place | Act::PlaceAgain => match self.some_wish() {
                Some(index) => self.place(index, 1).await,
                None => "nothing to place again".to_owned(),
            },
            Act::PlaceOther => self.place_other().await,
            Act::Cancel | Act::Hold | Act::Release => match self.some_order() {
                Some(id) => self.change(act, &id).await,
                None => "no order".to_owned(),
            },
            Act::Receive => {
                let quantity = 1 + quantity(4);
                self.report(MovementKind::Receive, sku, location, quantity).await
            }
            Act::Count => {
                let quantity = quantity(4);
                self.report(MovementKind::Count, sku, location, quantity).await
            }
            Act::Work | Act::Decline | Act::PickShort => {
                let open = match self.open_work().await {
                    Ok(open) => open,
                    Err(status) => return self.answered("look for work", Err::<Response<()>, _>(status)),
                };
                let Some(fulfilment) = open.get(self.chance.roll(open.len())).cloned() else {
                    return "no work".to_owned();
                };
                match act {
                    Act::Work => self.work_on(&fulfilment).await,
                    Act::Decline => self.reject(&fulfilment, Vec::new(), RejectReason::Declined).await,
                    _ => self.pick_short(&fulfilment).await,
                }
            }
        }
    }

    fn new_key(&mut self) -> String {
        self.keys += 1;
        format!("key-{}", self.keys)
    }

    fn some_wish(&self) -> Option<usize> {
        (!self.wishes.is_empty()).then(|| self.chance.roll(self.wishes.len()))
    }

    fn some_order(&self) -> Option<String> {
        let wish = &self.wishes[self.some_wish()?];
        wish.answers.first().cloned()
    }

    /// Who came too late, or could not be heard, is told so; nothing else may go wrong.
    fn answered<T>(&mut self, what: &str, answer: Result<Response<T>, Status>) -> String {
        let Err(status) = answer else { return format!("{what}: done") };
        let is_fair = matches!(
            status.code(),
            Code::FailedPrecondition | Code::Aborted | Code::Unavailable | Code::ResourceExhausted
        );
        if !is_fair {
            self.scandals.push(format!("{what} was answered {status:?}"));
        }
        format!("{what}: {:?} {}", status.code(), status.message())
    }

    /// Sends a request to place an order, perhaps several times.
    pub async fn place(&mut self, index: usize, copies: usize) -> String {
        let wish = self.wishes[index].clone();
        let request = requests::place(&wish.key, &wish.lines);
        let mut told = Vec::new();
        for _ in 0..copies {
            // One after another: of two at once it would be up to the machine which comes first.
            let answer = self.order().place_orders(self.ask(request.clone())).await;
            match answer.map(|answer| answer.into_inner().results.pop().and_then(|result| result.outcome)) {
                Ok(Some(order::place_order_result::Outcome::Order(order))) => {
                    told.push(order.id.clone());
                    self.wishes[index].answers.insert(order.id);
                }
                Ok(Some(order::place_order_result::Outcome::Refusal(refusal))) => {
                    if refusal.kind != "unavailable" {
                        self.scandals.push(format!("{} was refused: {refusal:?}", wish.key));
                    }
                    told.push(refusal.code);
                }
                Ok(None) => self.scandals.push(format!("{} got an empty answer", wish.key)),
                Err(status) => told.push(self.answered("place", Err::<Response<()>, _>(status))),
            }
        }
        if self.wishes[index].answers.len() > 1 {
            self.scandals
                .push(format!("{} became several orders: {:?}", wish.key, self.wishes[index].answers));
        }
        format!("place {} {:?} × {copies}: {}", wish.key, wish.lines, told.join(", "))
    }

    /// Another order under a key that has an answer is refused, and nothing comes of it.
    async fn place_other(&mut self) -> String {
        let Some(wish) = self.some_wish().map(|index| self.wishes[index].clone()) else {
            return "no key".to_owned();
        };
        if wish.answers.is_empty() {
            return "no answer yet".to_owned();
        }
        let request = self.ask(requests::place(&wish.key, &[(SKUS[0], 9)]));
        let answer = self.order().place_orders(request).await;
        match answer.map(|answer| answer.into_inner().results.pop().and_then(|result| result.outcome)) {
            Ok(Some(order::place_order_result::Outcome::Order(order))) => {
                self.scandals.push(format!("another body under {} was accepted as {}", wish.key, order.id));
                "accepted".to_owned()
            }
            Ok(_) => format!("other under {}: refused", wish.key),
            Err(status) => self.answered("place other", Err::<Response<()>, _>(status)),
        }
    }

    async fn change(&mut self, act: Act, id: &str) -> String {
        let order_id = id.to_owned();
        let (mut client, what) = (self.order(), format!("{act:?} {id}"));
        let idempotency = Some(requests::key(&self.new_key()));
        match act {
            Act::Hold => {
                let kind = "manual".to_owned();
                let request = order::HoldOrderRequest { order_id, kind, idempotency, ..Default::default() };
                let answer = client.hold_order(self.ask(request)).await;
                self.answered(&what, answer)
            }
            Act::Release => {
                let request = order::ReleaseHoldRequest { order_id, idempotency, ..Default::default() };
                let answer = client.release_hold(self.ask(request)).await;
                self.answered(&what, answer)
            }
            _ => {
                let request = order::CancelOrderRequest { order_id, idempotency, ..Default::default() };
                let answer = client.cancel_order(self.ask(request)).await;
                self.answered(&what, answer)
            }
        }
    }

    /// Whoever got no answer asks once more.
    pub async fn insist(&mut self) {
        for index in 0..self.wishes.len() {
            if self.wishes[index].answers.is_empty() {
                self.place(index, 1).await;
            }
        }
    }

    /// No order is held any more, and goods arrive for those who wait.
    pub async fn let_go(&mut self) {
        for id in self.orders_answered() {
            self.change(Act::Release, &id).await;
        }
        for (sku, location) in SKUS.iter().zip(LOCATIONS) {
            self.report(MovementKind::Receive, sku, location, 4).await;
        }
    }

    fn orders_answered(&self) -> Vec<String> {
        self.wishes.iter().flat_map(|wish| wish.answers.iter().cloned()).collect()
    }

    /// All orders.
    pub async fn orders(&self) -> Result<Vec<Order>, Status> {
        let page = Some(PageRequest { limit: 200, ..PageRequest::default() });
        let request = order::ListOrdersRequest { page, ..Default::default() };
        Ok(self.order().list_orders(self.ask(request)).await?.into_inner().orders)
    }

    /// What happened to an order and where its shipments are, for whoever asks why it does not come to rest.
    pub async fn story(&self, id: &str) -> Result<Vec<String>, Status> {
        let request = order::GetTimelineRequest { order_id: id.to_owned() };
        let entries = self.order().get_timeline(self.ask(request)).await?.into_inner().entries;
        let told = entries.into_iter().map(|it| format!("{} {}: {}", it.at, it.command, it.outcome));
        let page = Some(PageRequest { limit: 200, ..PageRequest::default() });
        let request =
            shipping::ListFulfilmentsRequest { page, order_id: id.to_owned(), ..Default::default() };
        let found = self.shipping().list_fulfilments(self.ask(request)).await?.into_inner().fulfilments;
        let work =
            found.into_iter().map(|it| format!("{} is {}, shipments {:?}", it.id, it.status, it.shipments));
        Ok(told.chain(work).collect())
    }
}
