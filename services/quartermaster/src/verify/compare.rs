//! Comparing two fact sets as they stream.

use std::cmp::Ordering;

use qm_proto::operations::v1::operations_service_client::OperationsServiceClient;
use qm_runtime::grpc::GrpcChannel;
use tonic::Status;

use super::facts::Facts;

/// Differences kept; more are as damning.
const MAX_DIFFERENCES: usize = 10_000;

type Source<'s> = (OperationsServiceClient<GrpcChannel>, &'s str);

/// A fact on which two services do not agree. A side without the fact says 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) key: String,
    pub(super) left: i64,
    pub(super) right: i64,
}

/// How many facts were compared, and where the two sets differ.
pub(super) async fn compare(left: Source<'_>, right: Source<'_>) -> Result<(u64, Vec<Difference>), Status> {
    let (mut lefts, mut rights) = (Facts::new(left.0, left.1), Facts::new(right.0, right.1));
    let (mut left, mut right) = (lefts.next().await?, rights.next().await?);
    let (mut checked, mut differences) = (0, Vec::new());
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok((checked, differences)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.key.cmp(&right.key),
        };
        let mut fact = (String::new(), 0, 0);
        if order.is_le()
            && let Some(here) = left.take()
        {
            (fact.0, fact.1) = (here.key, here.quantity);
            left = lefts.next().await?;
        }
        if order.is_ge()
            && let Some(there) = right.take()
        {
            (fact.0, fact.2) = (there.key, there.quantity);
            right = rights.next().await?;
        }
        checked += 1;
        let (key, left, right) = fact;
        if left != right && differences.len() < MAX_DIFFERENCES {
            differences.push(Difference { key, left, right });
        }
    }
}
