//! The gRPC server: parse, call, convert.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use chrono::SecondsFormat;
use qm_proto::operations::v1::{self, operations_service_server};
use tonic::{Request, Response, Status};

use super::{
    AuditError, Auditor, DeadLetter, Queues, QueuesError,
    queues::{clamped, clamped_millis},
};
use crate::grpc::MAX_MESSAGE_BYTES;

const FACTS_DEFAULT: u16 = 1000;
const FACTS_MOST: u16 = 5000;
const LETTERS_DEFAULT: u16 = 100;
const LETTERS_MOST: u16 = 500;

/// The server to give to [`Assembly::serve`](crate::Assembly::serve).
pub type OperationsServer = operations_service_server::OperationsServiceServer<Operations>;

/// Answers `OperationsService` from a service's auditor and its queues.
#[derive(Clone)]
pub struct Operations {
    auditor: Arc<dyn Auditor>,
    queues: Arc<dyn Queues>,
}

impl std::fmt::Debug for Operations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}

impl Operations {
    /// Answers from these two.
    pub fn new(auditor: impl Auditor, queues: impl Queues) -> Self {
        Self { auditor: Arc::new(auditor), queues: Arc::new(queues) }
    }

    /// The same as a gRPC server.
    pub fn into_server(self) -> OperationsServer {
        OperationsServer::new(self).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }
}

#[async_trait]
impl operations_service_server::OperationsService for Operations {
    async fn check_laws(
        &self,
        request: Request<v1::CheckLawsRequest>,
    ) -> Result<Response<v1::CheckLawsResponse>, Status> {
        let tenant = match request.get_ref().tenant_id.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| {
                Status::invalid_argument("tenant_id: expected an id that begins with tenant_, or nothing")
            })?),
        };
        let laws = self.auditor.check_laws(tenant).await?;
        Ok(Response::new(v1::CheckLawsResponse { laws: laws.into_iter().map(Into::into).collect() }))
    }

    async fn list_facts(
        &self,
        request: Request<v1::ListFactsRequest>,
    ) -> Result<Response<v1::ListFactsResponse>, Status> {
        let v1::ListFactsRequest { set, after_key, limit } = request.into_inner();
        let limit = usize::from(bounded("limit", limit, FACTS_DEFAULT, FACTS_MOST)?);
        // One more than asked for tells whether any follow.
        let mut facts = self.auditor.list_facts(&set, &after_key, limit + 1).await?;
        let done = facts.len() <= limit;
        facts.truncate(limit);
        Ok(Response::new(v1::ListFactsResponse { facts, done }))
    }

    async fn get_backlog(
        &self,
        _: Request<v1::GetBacklogRequest>,
    ) -> Result<Response<v1::GetBacklogResponse>, Status> {
        let backlog = self.queues.backlog().await?;
        let jobs_due = self.auditor.jobs_due().await?;
        Ok(Response::new(v1::GetBacklogResponse {
            outbox: clamped(backlog.outbox),
            outbox_oldest_ms: clamped_millis(backlog.outbox_oldest),
            unconsumed: clamped(backlog.unconsumed),
            jobs_due: clamped(jobs_due),
            dead_letters: clamped(backlog.dead_letters),
        }))
    }

    async fn list_dead_letters(
        &self,
        request: Request<v1::ListDeadLettersRequest>,
    ) -> Result<Response<v1::ListDeadLettersResponse>, Status> {
        let limit = bounded("limit", request.get_ref().limit, LETTERS_DEFAULT, LETTERS_MOST)?;
        let letters = self.queues.dead_letters(u64::from(limit)).await?;
        Ok(Response::new(v1::ListDeadLettersResponse {
            dead_letters: letters.into_iter().map(dead_letter).collect(),
        }))
    }

    async fn replay_dead_letters(
        &self,
        request: Request<v1::ReplayDeadLettersRequest>,
    ) -> Result<Response<v1::ReplayDeadLettersResponse>, Status> {
        let event_ids = request.into_inner().event_ids;
        let replayed = self.queues.replay(&event_ids).await?;
        Ok(Response::new(v1::ReplayDeadLettersResponse {
            replayed: i32::try_from(replayed.applied).unwrap_or(i32::MAX),
            failed: i32::try_from(replayed.failed).unwrap_or(i32::MAX),
        }))
    }
}

/// A limit of 1 to `most`; 0 means `default`.
fn bounded(field: &str, asked: i32, default: u16, most: u16) -> Result<u16, Status> {
    match u16::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(limit) if limit <= most => Ok(limit),
        _ => Err(Status::invalid_argument(format!(
            "{field}: expected 1 to {most}, or 0 for {default}, got {asked}"
        ))),
    }
}

fn dead_letter(letter: DeadLetter) -> v1::DeadLetter {
    v1::DeadLetter {
        event_id: letter.message_id,
        consumer: letter.consumer,
        event_type: letter.event_type,
        tenant_id: letter.tenant.map(|tenant| tenant.to_string()).unwrap_or_default(),
        error: letter.error,
        deliveries: i32::try_from(letter.deliveries).unwrap_or(i32::MAX),
        dead_at: letter.dead_at.to_rfc3339_opts(SecondsFormat::Micros, true),
    }
}

impl From<AuditError> for Status {
    fn from(error: AuditError) -> Self {
        match &error {
            AuditError::UnknownSet(_) => Status::invalid_argument(format!("set: {error}")),
            AuditError::Unavailable(_) => unavailable(&error),
            AuditError::Failed(_) => failed(&error),
        }
    }
}

impl From<QueuesError> for Status {
    fn from(error: QueuesError) -> Self {
        if error.is_unavailable() { unavailable(&error) } else { failed(&error) }
    }
}

fn unavailable(error: &(dyn Error + 'static)) -> Status {
    tracing::warn!(error, "operations: {error}");
    Status::unavailable("try again later")
}

fn failed(error: &(dyn Error + 'static)) -> Status {
    tracing::error!(error, "operations: {error}");
    Status::internal("internal error, see the log")
}
