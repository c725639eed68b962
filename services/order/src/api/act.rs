//! Changes that a person asks for: once per key, each in one transaction with its answer.

use futures::future::BoxFuture;
use prost::Message as _;
use qm_database::{TenantSet, Tx};
use qm_idempotency::{OnceKey, Seen};
use qm_ids::{OrderId, TenantId};
use qm_proto::{
    order::v1 as proto,
    types::v1::{Actor, Idempotency},
};
use qm_refusal::Refusal;
use qm_runtime::CommandError;
use qm_telemetry::propagation::current_traceparent;

use super::{Api, convert, parse};
use crate::commands::{self, Cause, Change, Verb};

/// A change that a person waits for.
pub(super) struct Asked {
    tenant: TenantId,
    order: OrderId,
    command: &'static str,
    cause: Cause,
    once: Option<OnceKey>,
    expected_revision: i64,
}

/// What every request for a change carries.
pub(super) struct Request<'r> {
    pub(super) order_id: &'r str,
    pub(super) actor: Option<&'r Actor>,
    pub(super) idempotency: Option<&'r Idempotency>,
    pub(super) expected_revision: i64,
}

impl Asked {
    /// Checks a request. `operation` is the scope of its idempotency key.
    pub(super) fn new(
        tenant: TenantId,
        (operation, command): (&'static str, &'static str),
        request: &Request<'_>,
    ) -> Result<Self, Refusal> {
        if request.expected_revision < 0 {
            return Err(Refusal::invalid("expected_revision", "out_of_range", "must be 0 or more"));
        }
        Ok(Self {
            tenant,
            order: parse::id("order_id", request.order_id)?,
            command,
            cause: Cause { event: None, trace: current_traceparent(), actor: parse::actor(request.actor)? },
            once: OnceKey::new(tenant, operation, request.idempotency)?,
            expected_revision: request.expected_revision,
        })
    }

    pub(super) fn order(&self) -> OrderId {
        self.order
    }

    /// Kind and id of who asks.
    pub(super) fn actor(&self) -> &(String, String) {
        &self.cause.actor
    }

    /// The idempotency key as the caller gave it.
    pub(super) fn key(&self) -> Option<&str> {
        self.once.as_ref().map(OnceKey::text)
    }

    fn change(&self, verb: Verb) -> Change {
        Change {
            key: (self.tenant, self.order),
            command: self.command,
            cause: self.cause.clone(),
            expected_revision: self.expected_revision,
            verb,
            then: None,
        }
    }
}

impl Api {
    /// Carries out a verb once per key, and gives the first answer again. `make` makes the verb anew for each try.
    pub(super) async fn act(
        &self,
        asked: &Asked,
        make: impl Fn() -> Verb + Send + Sync,
    ) -> Result<proto::Order, CommandError> {
        let (context, make) = (&self.context, &make);
        self.database
            .write(
                &TenantSet::one(asked.tenant),
                |attempt| -> BoxFuture<'_, Result<proto::Order, CommandError>> {
                    Box::pin(async move {
                        let tx = attempt.tx();
                        if let Some(answer) = seen(tx, asked).await? {
                            return Ok(answer);
                        }
                        let outcome = commands::change(context, tx, vec![asked.change(make())]).await?.pop();
                        let order = outcome.ok_or_else(|| Refusal::not_found("order"))??;
                        let answer = convert::order(&order);
                        let kept = asked.once.iter().map(|once| (once.clone(), answer.encode_to_vec()));
                        qm_idempotency::store(tx, kept.collect(), context.clock.now()).await?;
                        Ok(answer)
                    })
                },
            )
            .await
    }
}

/// The answer that the key got before, if it got one.
async fn seen(tx: &Tx, asked: &Asked) -> Result<Option<proto::Order>, CommandError> {
    let Some(once) = &asked.once else { return Ok(None) };
    match qm_idempotency::look_up(tx, std::slice::from_ref(once)).await?.pop() {
        Some(Seen::Answered(bytes)) => {
            let answer = proto::Order::decode(bytes.as_slice()).map_err(|_| Refusal::internal())?;
            // The path names the order, which the hash of the body does not cover.
            if answer.id != asked.order.to_string() {
                return Err(Refusal::idempotency_mismatch().into());
            }
            Ok(Some(answer))
        }
        Some(Seen::OtherBody) => Err(Refusal::idempotency_mismatch().into()),
        Some(Seen::New) | None => Ok(None),
    }
}
