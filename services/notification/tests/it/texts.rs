//! Texts that no database would take.

use qm_proto::{
    notification::v1::{
        CreateEndpointRequest, DeleteEndpointRequest, ListDeliveriesRequest, ListEndpointsRequest,
        ListMessagesRequest, PutTemplateRequest, ResendDeliveryRequest, SetEndpointEnabledRequest,
        WatchChangesRequest,
    },
    types::v1::{Idempotency, PageRequest},
};
use qm_refusal::Refusal;
use qm_runtime::grpc::with_tenant;
use tonic::Status;

use crate::world::{World, worlds};

fn field<T>(answer: Result<T, Status>) -> String {
    let refusal = Refusal::from(answer.err().expect("such text must be refused"));
    refusal.field.unwrap_or_else(|| panic!("{} names no field: {}", refusal.code, refusal.message))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_character_is_refused_with_the_name_of_its_field_wherever_it_stands() {
    for world in worlds(false).await {
        for bad in ["a\0b", "\u{7}", "a\u{85}"] {
            check_texts(&world, bad).await;
            check_ids(&world, bad).await;
        }
        let mut client = world.client.clone();
        let endpoints = client.list_endpoints(with_tenant(ListEndpointsRequest {}, world.tenant)).await;
        assert!(endpoints.unwrap().into_inner().endpoints.is_empty());
        let lines = PutTemplateRequest {
            name: "order_placed".to_owned(),
            locale: "en".to_owned(),
            subject: "Thanks".to_owned(),
            body: "Hello,\r\n\tthank you.\n".to_owned(),
        };
        client.put_template(with_tenant(lines, world.tenant)).await.expect("a body has lines");
        world.stop().await;
    }
}

async fn check_texts(world: &World, bad: &str) {
    let mut client = world.client.clone();
    let text = || bad.to_owned();
    let good = CreateEndpointRequest { url: "https://example.com/".to_owned(), ..<_>::default() };
    for (name, wrong) in [
        ("url", CreateEndpointRequest { url: format!("https://example.com/{bad}"), ..good.clone() }),
        ("event_types[0]", CreateEndpointRequest { event_types: vec![text()], ..good.clone() }),
        (
            "idempotency_key",
            CreateEndpointRequest {
                idempotency: Some(Idempotency { key: text(), body_hash: vec![0; 32] }),
                ..good
            },
        ),
    ] {
        assert_eq!(field(client.create_endpoint(with_tenant(wrong, world.tenant)).await), name, "{bad:?}");
    }
    let good = PutTemplateRequest {
        name: "order_placed".to_owned(),
        locale: "en".to_owned(),
        subject: "Thanks".to_owned(),
        body: "Thanks".to_owned(),
    };
    for (name, wrong) in [
        ("name", PutTemplateRequest { name: text(), ..good.clone() }),
        ("locale", PutTemplateRequest { locale: text(), ..good.clone() }),
        ("subject", PutTemplateRequest { subject: text(), ..good.clone() }),
        ("body", PutTemplateRequest { body: text(), ..good }),
    ] {
        assert_eq!(field(client.put_template(with_tenant(wrong, world.tenant)).await), name, "{bad:?}");
    }
}

async fn check_ids(world: &World, bad: &str) {
    let mut client = world.client.clone();
    let (text, tenant) = (|| bad.to_owned(), world.tenant);
    let page = || Some(PageRequest { limit: 0, cursor: text() });
    let enabled = SetEndpointEnabledRequest { endpoint_id: text(), enabled: true };
    assert_eq!(field(client.set_endpoint_enabled(with_tenant(enabled, tenant)).await), "endpoint_id");
    let delete = DeleteEndpointRequest { endpoint_id: text() };
    assert_eq!(field(client.delete_endpoint(with_tenant(delete, tenant)).await), "endpoint_id");
    let list = ListDeliveriesRequest { endpoint_id: text(), page: None };
    assert_eq!(field(client.list_deliveries(with_tenant(list, tenant)).await), "endpoint_id");
    let resend = ResendDeliveryRequest { delivery_id: text() };
    assert_eq!(field(client.resend_delivery(with_tenant(resend, tenant)).await), "delivery_id");
    let list = ListMessagesRequest { page: None, order_id: text() };
    assert_eq!(field(client.list_messages(with_tenant(list, tenant)).await), "order_id");
    let list = ListMessagesRequest { page: page(), order_id: String::new() };
    assert_eq!(field(client.list_messages(with_tenant(list, tenant)).await), "cursor");
    let watch = WatchChangesRequest { after_position: 0, order_id: text() };
    assert_eq!(field(client.watch_changes(with_tenant(watch, tenant)).await), "order_id");
}
