//! Lists, and walls between tenants.

use qm_proto::{
    shipping::v1 as shipping,
    types::v1::{FulfilmentKind, PageRequest},
};
use qm_runtime::grpc::with_tenant;
use tonic::Code;

use crate::world::{World, worlds};

async fn pages(world: &World, filter: shipping::ListFulfilmentsRequest) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = Some(PageRequest { limit: 2, cursor });
        let request = shipping::ListFulfilmentsRequest { page, ..filter.clone() };
        let answer = world.client.clone().list_fulfilments(with_tenant(request, world.tenant)).await;
        let answer = answer.unwrap().into_inner();
        assert!(answer.fulfilments.len() <= 2);
        ids.extend(answer.fulfilments.into_iter().map(|it| it.id));
        cursor = answer.next_cursor;
        if cursor.is_empty() {
            return ids;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_page_oldest_first_through_every_filter() {
    for mut world in worlds().await {
        let mut asked = Vec::new();
        for n in 0..5 {
            asked.push(world.requested(FulfilmentKind::Ship, &[1]).await);
            // Some of the same moment, so that the id must decide.
            if n % 2 == 0 {
                world.clock.advance(std::time::Duration::from_millis(5));
            }
        }
        let all: Vec<_> = asked.iter().map(|work| work.fulfilment_id.clone()).collect();
        let mut listed = pages(&world, shipping::ListFulfilmentsRequest::default()).await;
        assert_eq!(listed.len(), 5);
        listed.sort_unstable();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(listed, sorted);
        world.accept(&all[1]).await.unwrap();
        let by = |status: &str, location: String, order: String| shipping::ListFulfilmentsRequest {
            status: status.to_owned(),
            location_id: location,
            order_id: order,
            page: None,
        };
        let at = world.location.to_string();
        assert_eq!(pages(&world, by("accepted", at, String::new())).await, [all[1].as_str()]);
        let elsewhere = world.ids.next::<qm_ids::LocationId>().to_string();
        assert!(pages(&world, by("", elsewhere, String::new())).await.is_empty());
        let of_order = pages(&world, by("", String::new(), asked[3].order_id.clone())).await;
        assert_eq!(of_order, [all[3].as_str()]);
        let bad = |request| {
            let mut client = world.client.clone();
            let tenant = world.tenant;
            async move { client.list_fulfilments(with_tenant(request, tenant)).await.unwrap_err().code() }
        };
        assert_eq!(bad(by("eaten", String::new(), String::new())).await, Code::InvalidArgument);
        let cursor = Some(PageRequest { limit: 1, cursor: "nonsense".to_owned() });
        let request = shipping::ListFulfilmentsRequest { page: cursor, ..Default::default() };
        assert_eq!(bad(request).await, Code::InvalidArgument);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shipments_are_found_by_number_order_and_status() {
    for mut world in worlds().await {
        let labelled = [world.labelled(&[1]).await, world.labelled(&[2]).await];
        let list = async |request: shipping::ListShipmentsRequest| {
            let answer = world.client.clone().list_shipments(with_tenant(request, world.tenant)).await;
            let found = answer.unwrap().into_inner().shipments;
            found.into_iter().map(|shipment| shipment.id).collect::<Vec<_>>()
        };
        let shipment = &labelled[1].shipments[0];
        let by_number = shipping::ListShipmentsRequest {
            tracking_number: shipment.tracking_number.clone(),
            ..Default::default()
        };
        assert_eq!(list(by_number).await, [shipment.id.as_str()]);
        let by_order =
            shipping::ListShipmentsRequest { order_id: labelled[1].order_id.clone(), ..Default::default() };
        assert_eq!(list(by_order).await, [shipment.id.as_str()]);
        let by_status =
            shipping::ListShipmentsRequest { status: "label_purchased".to_owned(), ..Default::default() };
        assert_eq!(list(by_status).await.len(), 2);
        let request = shipping::GetShipmentRequest { shipment_id: shipment.id.clone() };
        let got = world.client.clone().get_shipment(with_tenant(request, world.tenant)).await.unwrap();
        assert_eq!(got.into_inner().shipment.as_ref(), Some(shipment));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_sees_and_changes_nothing() {
    for mut world in worlds().await {
        let labelled = world.labelled(&[1]).await;
        let (mut client, theirs) = (world.client.clone(), world.other_tenant);
        let action = || world.action(&labelled.id, "");
        let id = || labelled.id.clone();
        let request = shipping::GetFulfilmentRequest { fulfilment_id: id() };
        let get = client.get_fulfilment(with_tenant(request, theirs)).await.unwrap_err();
        let request = shipping::HandOverFulfilmentRequest { action: action() };
        let hand_over = client.hand_over_fulfilment(with_tenant(request, theirs)).await.unwrap_err();
        let request = shipping::LabelFulfilmentRequest { action: action() };
        let label = client.label_fulfilment(with_tenant(request, theirs)).await.unwrap_err();
        let request = shipping::PackFulfilmentRequest { action: action(), parcels: vec![] };
        let pack = client.pack_fulfilment(with_tenant(request, theirs)).await.unwrap_err();
        let request = shipping::GetShipmentRequest { shipment_id: labelled.shipments[0].id.clone() };
        let shipment = client.get_shipment(with_tenant(request, theirs)).await.unwrap_err();
        for refused in [get, hand_over, label, pack, shipment] {
            assert_eq!(refused.code(), Code::NotFound, "{refused}");
        }
        let request = shipping::ListShipmentsRequest::default();
        let list = client.list_shipments(with_tenant(request, theirs)).await.unwrap().into_inner();
        assert!(list.shipments.is_empty());
        world.hand_over(&labelled.id).await.unwrap();
        world.stop().await;
    }
}
