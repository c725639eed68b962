//! Checks the conservation laws over all services, and repairs nothing.
//!
//! Laws within one service hold at every commit, so each service audits its own. Laws across services hold at rest: two
//! services list the same facts in the same order, and the lists are compared as they stream. What differs only for a
//! moment is in flight and counted apart.

mod compare;
mod facts;
mod report;

use std::{collections::BTreeMap, time::Duration};

use qm_proto::operations::v1::{
    CheckLawsRequest, GetBacklogRequest, LawReport, operations_service_client::OperationsServiceClient,
};
use qm_runtime::grpc::GrpcChannel;
use tonic::Status;

use compare::Difference;
pub use report::{CrossLaw, Report};

/// Two services that must tell the same facts.
struct Pair {
    law: &'static str,
    statement: &'static str,
    left: (&'static str, &'static str),
    right: (&'static str, &'static str),
}

/// The laws across services; numbers are those of the design's conservation laws.
const PAIRS: &[Pair] = &[
    Pair {
        law: "claims",
        statement: "law 4: each allocated or in-fulfilment unit is backed by exactly one live reservation, and the reverse",
        left: ("order", "live_claims"),
        right: ("inventory", "live_claims"),
    },
    Pair {
        law: "issues in the books",
        statement: "law 5: each unit that a location issued left stock once",
        left: ("shipping", "issued_units"),
        right: ("inventory", "issued_units"),
    },
    Pair {
        law: "issues in the orders",
        statement: "law 5: each unit that a location issued is shipped in its order",
        left: ("shipping", "issued_units"),
        right: ("order", "issued_units"),
    },
    Pair {
        law: "fulfilments",
        statement: "law 5: one fulfilment per (order, plan, location, group)",
        left: ("order", "fulfilments"),
        right: ("shipping", "fulfilments"),
    },
];

/// Time given to what is in flight before it is looked at again.
const SETTLE: Duration = Duration::from_millis(1_500);

/// An audit reads all books, so it may take a while.
const DEADLINE: Duration = Duration::from_secs(300);

/// Asks services about the laws.
#[derive(Debug, Clone)]
pub struct Verifier {
    services: BTreeMap<&'static str, GrpcChannel>,
    settle: Duration,
}

impl Verifier {
    /// `services` by name; a law is checked when all services that it needs are there.
    pub fn new(services: impl IntoIterator<Item = (&'static str, GrpcChannel)>) -> Self {
        let patient = |(name, channel): (&'static str, GrpcChannel)| (name, channel.with_deadline(DEADLINE));
        Self { services: services.into_iter().map(patient).collect(), settle: SETTLE }
    }

    /// The same for services of which nothing moves while it looks: every difference is one that stays.
    #[must_use]
    pub fn of_the_resting(self) -> Self {
        Self { settle: Duration::ZERO, ..self }
    }

    /// Events and jobs in flight in all services.
    pub async fn in_flight(&self) -> Result<u64, Status> {
        let mut count = 0;
        for name in self.services.keys() {
            let backlog = self.client(name)?.get_backlog(GetBacklogRequest {}).await?.into_inner();
            count += u64::try_from(backlog.outbox + backlog.unconsumed + backlog.jobs_due).unwrap_or(0);
        }
        Ok(count)
    }

    /// Dead letters in all services.
    pub async fn dead_letters(&self) -> Result<u64, Status> {
        let mut count = 0;
        for name in self.services.keys() {
            let backlog = self.client(name)?.get_backlog(GetBacklogRequest {}).await?.into_inner();
            count += u64::try_from(backlog.dead_letters).unwrap_or(0);
        }
        Ok(count)
    }

    /// Checks every law.
    pub async fn verify(&self) -> Result<Report, Status> {
        let mut report = Report::default();
        for name in self.services.keys().copied() {
            let request = CheckLawsRequest { tenant_id: String::new() };
            let laws = self.client(name)?.check_laws(request).await?.into_inner().laws;
            report.within.extend(laws.into_iter().map(|law: LawReport| (name, law)));
        }
        for pair in PAIRS {
            if let Some(law) = self.compare(pair).await? {
                report.across.push(law);
            }
        }
        report.dead_letters = self.dead_letters().await?;
        report.in_flight = self.in_flight().await?;
        Ok(report)
    }

    async fn compare(&self, pair: &Pair) -> Result<Option<CrossLaw>, Status> {
        let (Ok(left), Ok(right)) = (self.client(pair.left.0), self.client(pair.right.0)) else {
            return Ok(None);
        };
        let compare = || compare::compare((left.clone(), pair.left.1), (right.clone(), pair.right.1));
        let (mut checked, mut differences) = compare().await?;
        let seen_first = differences.len();
        if !differences.is_empty() {
            tokio::time::sleep(self.settle).await;
            let (checked_again, again) = compare().await?;
            checked = checked_again;
            // What has not moved in the meantime is not in flight.
            differences.retain(|difference| again.contains(difference));
        }
        Ok(Some(CrossLaw {
            law: pair.law,
            statement: pair.statement,
            checked,
            in_flight: seen_first - differences.len(),
            violations: differences
                .iter()
                .map(|Difference { key, left, right }| {
                    format!("{key}: {} says {left}, {} says {right}", pair.left.0, pair.right.0)
                })
                .collect(),
        }))
    }

    fn client(&self, name: &str) -> Result<OperationsServiceClient<GrpcChannel>, Status> {
        let channel = self.services.get(name).ok_or_else(|| Status::not_found(name.to_owned()))?;
        Ok(OperationsServiceClient::new(channel.clone()))
    }
}
