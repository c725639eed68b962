//! Reading orders by id: those that are asked for at the same time are asked for together.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use qm_database::{Batcher, BatcherOptions};
use qm_ids::{OrderId, ParseIdError, TenantId};
use qm_proto::order::v1::{BatchGetOrdersRequest, Order, OrderKey, order_service_client::OrderServiceClient};
use qm_refusal::Refusal;
use qm_runtime::grpc::GrpcChannel;
use tonic::{Code, Status};
use tracing::{Instrument as _, Span};

/// Orders asked for at a time; the service takes up to 500.
const MAX_BATCH: usize = 100;
/// What a caller is told to wait when too many reads are waiting.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Key = (TenantId, OrderId);
type Answer = Result<Option<Order>, Status>;
type Client = OrderServiceClient<GrpcChannel>;

/// Orders by id.
///
/// A call costs both sides more than an order in it does. Nobody waits for company: what arrives while others are asked for
/// is asked for next. A read begins after it was asked for, and so sees all that was committed before.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    batcher: Arc<Batcher<Asked, Answer>>,
}

/// One caller's question.
struct Asked {
    key: Key,
    span: Span,
}

impl Orders {
    /// Must be called inside a tokio runtime.
    pub(super) fn new(client: Client) -> Self {
        let options =
            BatcherOptions { max_batch: MAX_BATCH, linger: Duration::ZERO, ..BatcherOptions::default() };
        let batcher = Batcher::new(options, move |asked: Vec<Asked>| {
            let client = client.clone();
            // One call has one trace: that of whoever asked first.
            let span = asked.first().map_or_else(Span::none, |asked| asked.span.clone());
            let keys: Vec<Key> = asked.into_iter().map(|asked| asked.key).collect();
            async move { read(&client, &keys).await }.instrument(span).boxed()
        });
        Self { batcher: Arc::new(batcher) }
    }

    /// The tenant's order; refuses what is no id, and the id of no order.
    pub(super) async fn get(&self, tenant: TenantId, id: &str) -> Result<Order, Status> {
        let order = id
            .parse()
            .map_err(|error: ParseIdError| Refusal::invalid("order_id", "malformed_id", error.to_string()))?;
        let asked = Asked { key: (tenant, order), span: Span::current() };
        let found =
            self.batcher.submit(tenant, asked).await.map_err(|overloaded| {
                Refusal::too_many("too_many_reads", overloaded.to_string(), RETRY_AFTER)
            })?;
        found?.ok_or_else(|| Refusal::not_found("order").into())
    }
}

fn read<'a>(client: &'a Client, keys: &'a [Key]) -> BoxFuture<'a, Vec<Answer>> {
    let read = async move {
        match ask(client, keys).await {
            Ok(answers) => answers,
            // One that cannot be read must not take the others with it, nor may large ones that do not fit into one message.
            Err(status) if keys.len() > 1 && matches!(status.code(), Code::Internal | Code::OutOfRange) => {
                let (some, others) = keys.split_at(keys.len() / 2);
                let mut answers = read(client, some).await;
                answers.extend(read(client, others).await);
                answers
            }
            Err(status) => keys.iter().map(|_| Err(status.clone())).collect(),
        }
    };
    read.boxed()
}

async fn ask(client: &Client, keys: &[Key]) -> Result<Vec<Answer>, Status> {
    let name =
        |(tenant, order): &Key| OrderKey { tenant_id: tenant.to_string(), order_id: order.to_string() };
    let request = BatchGetOrdersRequest { keys: keys.iter().map(name).collect() };
    let answered = client.clone().batch_get_orders(request).await?.into_inner();
    let mut found = HashMap::with_capacity(answered.orders.len());
    for it in answered.orders {
        let order = it.order.unwrap_or_default();
        if let (Ok(tenant), Ok(id)) = (it.tenant_id.parse::<TenantId>(), order.id.parse::<OrderId>()) {
            found.insert((tenant, id), order);
        }
    }
    // One order may be asked for by several at once.
    Ok(keys.iter().map(|key| Ok(found.get(key).cloned())).collect())
}
