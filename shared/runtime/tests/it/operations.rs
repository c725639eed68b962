//! `OperationsService` over an auditor and queues made by hand.

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use qm_ids::TenantId;
use qm_proto::operations::v1::{
    CheckLawsRequest, GetBacklogRequest, ListDeadLettersRequest, ListFactsRequest, ReplayDeadLettersRequest,
    operations_service_client::OperationsServiceClient,
};
use qm_runtime::{
    Assembly,
    grpc::{GrpcChannel, ServedRoutes},
    operations::{
        AuditError, Auditor, Backlog, DeadLetter, Fact, LawReport, Operations, Queues, QueuesError, Replayed,
    },
};
use qm_telemetry::metrics::Metrics;
use tonic::{Code, Response, Status};

struct Books;

#[async_trait]
impl Auditor for Books {
    async fn check_laws(&self, tenant: Option<TenantId>) -> Result<Vec<LawReport>, AuditError> {
        let mut report = LawReport::new("units", "pieces add up to the quantity ordered");
        report.check(tenant.is_none(), || "line 1 has 2 of 3".to_owned());
        Ok(vec![report])
    }

    async fn list_facts(&self, set: &str, after: &str, limit: usize) -> Result<Vec<Fact>, AuditError> {
        if set != "live_claims" {
            return Err(AuditError::UnknownSet(set.to_owned()));
        }
        let keys = (0..10).map(|n| format!("key-{n}")).filter(|key| key.as_str() > after);
        Ok(keys.take(limit).map(|key| Fact { key, quantity: 1 }).collect())
    }

    async fn jobs_due(&self) -> Result<u64, AuditError> {
        Err(AuditError::Failed("password=s3cret is wrong".into()))
    }
}

struct Waiting;

#[async_trait]
impl Queues for Waiting {
    async fn backlog(&self) -> Result<Backlog, QueuesError> {
        Ok(Backlog { outbox: 3, outbox_oldest: Duration::from_millis(1500), unconsumed: 2, dead_letters: 1 })
    }

    async fn dead_letters(&self, limit: u64) -> Result<Vec<DeadLetter>, QueuesError> {
        let letter = DeadLetter {
            message_id: "event_1".to_owned(),
            consumer: "inventory-reserve".to_owned(),
            event_type: "routing.planned".to_owned(),
            tenant: None,
            error: format!("asked for {limit}"),
            deliveries: 5,
            dead_at: chrono::DateTime::UNIX_EPOCH,
        };
        Ok(vec![letter])
    }

    async fn replay(&self, event_ids: &[String]) -> Result<Replayed, QueuesError> {
        Ok(Replayed { applied: u32::try_from(event_ids.len()).unwrap(), failed: 1 })
    }
}

fn client() -> OperationsServiceClient<GrpcChannel> {
    let assembly = Assembly::new("order").serve(Operations::new(Books, Waiting).into_server());
    let routes = ServedRoutes::new(assembly.routes(), Metrics::new("order"), 8);
    OperationsServiceClient::new(GrpcChannel::in_process("order", routes))
}

async fn refused<T: std::fmt::Debug>(call: impl Future<Output = Result<Response<T>, Status>>, field: &str) {
    let status = call.await.unwrap_err();
    assert!(status.code() == Code::InvalidArgument && status.message().starts_with(field), "{status}");
}

#[tokio::test]
async fn facts_come_in_pages_until_they_are_done() {
    let (mut client, mut after_key, mut keys) = (client(), String::new(), Vec::new());
    loop {
        let request =
            ListFactsRequest { set: "live_claims".to_owned(), after_key: after_key.clone(), limit: 5 };
        let page = client.list_facts(request).await.unwrap().into_inner();
        keys.extend(page.facts.into_iter().map(|fact| fact.key));
        after_key.clone_from(keys.last().unwrap());
        if page.done {
            break;
        }
        assert_eq!(keys.len(), 5, "the second page of ten is the last");
    }
    assert_eq!(keys.len(), 10);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_by_field() {
    let mut client = client();
    let facts = |set: &str, limit| ListFactsRequest { set: set.to_owned(), after_key: String::new(), limit };
    refused(client.list_facts(facts("live_claims", 5001)), "limit").await;
    refused(client.list_facts(facts("live_claims", -1)), "limit").await;
    refused(client.list_facts(facts("dead_claims", 1)), "set").await;
    refused(client.list_dead_letters(ListDeadLettersRequest { limit: 501 }), "limit").await;
    refused(client.check_laws(CheckLawsRequest { tenant_id: "order_1".to_owned() }), "tenant_id").await;
}

#[tokio::test]
async fn audits_dead_letters_and_replays_are_passed_on() {
    let mut client = client();
    let laws = client.check_laws(CheckLawsRequest::default()).await.unwrap().into_inner().laws;
    assert_eq!((laws[0].law.as_str(), laws[0].checked, laws[0].violations), ("units", 1, 0));
    let letters = client.list_dead_letters(ListDeadLettersRequest::default()).await.unwrap().into_inner();
    let letter = &letters.dead_letters[0];
    assert_eq!(
        (letter.error.as_str(), letter.dead_at.as_str()),
        ("asked for 100", "1970-01-01T00:00:00.000000Z")
    );
    let event_ids = vec!["event_1".to_owned(), "event_2".to_owned()];
    let replayed =
        client.replay_dead_letters(ReplayDeadLettersRequest { event_ids }).await.unwrap().into_inner();
    assert_eq!((replayed.replayed, replayed.failed), (2, 1));
}

#[tokio::test]
async fn what_fails_inside_is_not_told_outside() {
    let status = client().get_backlog(GetBacklogRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("s3cret"));
}
