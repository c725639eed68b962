//! Sending mails that are due.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use lettre::message::Mailbox;
use qm_clock::SharedClock;
use qm_database::{Database, TenantSet};
use qm_ids::{OrderId, TenantId};
use qm_proto::order::v1::{BatchGetOrdersRequest, Order, OrderKey, order_service_client::OrderServiceClient};
use qm_runtime::{
    BuildError, Rest, Turns,
    grpc::{GrpcChannel, MAX_MESSAGE_BYTES},
};
use qm_tracking_link::TrackingLinks;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, warn};

use super::{POLL, sending};
use crate::{
    channel::mail::{MailError, Mailer},
    domain::{
        backoff,
        problem::for_people,
        template::{self, Context, ContextLine, Template},
    },
    store::{self, Message, TemplateRow},
};

/// Mails claimed at a time.
const BATCH: u64 = 200;
/// Mails being sent at a time.
const CONCURRENCY: usize = 8;
/// A claim of a process that died ends after this: no mail waits longer for that.
const CLAIM_SECONDS: i64 = 45;
/// No mail is begun later than this after it was claimed, so that its try ends before its claim does. Of real time, as mail
/// servers have it.
const BEGIN: Duration = Duration::from_secs(10);
/// Locale of the built-in templates.
const DEFAULT_LOCALE: &str = "en";

/// Sends mails.
#[derive(Clone)]
pub struct MailJob {
    /// Where mails wait.
    pub database: Database,
    /// Tells what is due.
    pub clock: SharedClock,
    /// Asked for addresses.
    pub orders: GrpcChannel,
    /// The way out.
    pub mailer: Mailer,
    /// Makes links to tracking pages.
    pub links: Arc<TrackingLinks>,
    /// Where the gateway is.
    pub base_url: String,
    /// What became of mails, when it is not written yet.
    pub tried: Option<Tried>,
}

/// Mails that were tried.
#[derive(Clone)]
pub struct Tried {
    mails: Vec<Message>,
    ours_until: DateTime<Utc>,
}

impl std::fmt::Debug for MailJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailJob").finish_non_exhaustive()
    }
}

/// What a mail is made of.
struct Ground {
    orders: HashMap<(TenantId, OrderId), Order>,
    templates: HashMap<(TenantId, String, String), Template>,
}

#[async_trait]
impl Turns for MailJob {
    async fn turn(&mut self, _: &CancellationToken) -> Result<Rest, BuildError> {
        if self.step().await? == BATCH as usize {
            return Ok(Rest::none());
        }
        let next = store::messages::next_due(&self.database).await?;
        Ok(Rest::of(POLL).until(&self.clock, next))
    }
}

impl MailJob {
    /// Sends the mails that are due now, at most a batch. Returns how many were tried.
    pub async fn step(&mut self) -> Result<usize, String> {
        let failed = |error: qm_database::Error| qm_runtime::with_causes(&error);
        self.write().await.map_err(failed)?;
        let (now, claimed) = (self.clock.now(), Instant::now());
        let ours_until = now + TimeDelta::seconds(CLAIM_SECONDS);
        let due = store::messages::claim(&self.database, now, ours_until, BATCH).await.map_err(failed)?;
        if due.is_empty() {
            return Ok(0);
        }
        let count = due.len();
        let ground = match self.ground(&due).await {
            Ok(ground) => ground,
            Err(error) => {
                // Without order nothing can be sent, and that is not these mails' fault.
                let again = now + TimeDelta::seconds(5);
                let mails = due.into_iter().map(|row| Message { due_at: Some(again), ..row }).collect();
                self.tried = Some(Tried { mails, ours_until });
                self.write().await.map_err(failed)?;
                return Err(error);
            }
        };
        let mails: Vec<Message> = stream::iter(due)
            .map(|row| async {
                if claimed.elapsed() > BEGIN {
                    // Whoever comes next has the time for it.
                    return row;
                }
                let span = sending("send mail", row.trace.as_deref());
                let outcome = self.send(&row, &ground).instrument(span).await;
                after(row, outcome, self.clock.now())
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        self.tried = Some(Tried { mails, ours_until });
        self.write().await.map_err(failed)?;
        Ok(count)
    }

    /// Writes what became of mails. While the database is away it is kept for the next turn, as long as the mails are ours:
    /// they must neither wait until their claim ends nor be sent twice.
    async fn write(&mut self) -> qm_database::Result<()> {
        let Some(tried) = self.tried.take_if(|tried| !tried.mails.is_empty()) else { return Ok(()) };
        match store::messages::save(&self.database, tried.mails.clone()).await {
            Err(error) if error.is_unavailable() && self.clock.now() < tried.ours_until => {
                self.tried = Some(tried);
                Err(error)
            }
            outcome => outcome,
        }
    }

    async fn ground(&self, due: &[Message]) -> Result<Ground, String> {
        let mut keys: Vec<_> = due.iter().map(|row| (row.tenant_id, row.order_id)).collect();
        keys.sort_unstable();
        keys.dedup();
        let request = BatchGetOrdersRequest {
            keys: keys
                .into_iter()
                .map(|(tenant, order)| OrderKey {
                    tenant_id: tenant.to_string(),
                    order_id: order.to_string(),
                })
                .collect(),
        };
        let mut client =
            OrderServiceClient::new(self.orders.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let response = client.batch_get_orders(request).await.map_err(|status| format!("order: {status}"))?;
        let mut orders = HashMap::new();
        for found in response.into_inner().orders {
            let order = found.order.unwrap_or_default();
            if let (Ok(tenant), Ok(id)) = (found.tenant_id.parse(), order.id.parse()) {
                orders.insert((tenant, id), order);
            }
        }
        Ok(Ground { orders, templates: self.templates(due).await? })
    }

    async fn templates(
        &self,
        due: &[Message],
    ) -> Result<HashMap<(TenantId, String, String), Template>, String> {
        let tenants = TenantSet::of(due.iter().map(|row| row.tenant_id));
        let mut names: Vec<_> = due.iter().map(|row| row.template.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let failed = |error: qm_database::Error| qm_runtime::with_causes(&error);
        let tx = self.database.read(&tenants).await.map_err(failed)?;
        let rows = store::templates::named(&tx, &names).await.map_err(failed)?;
        Ok(rows
            .into_iter()
            .map(|TemplateRow { tenant_id, name, locale, subject, body, .. }| {
                ((tenant_id, name, locale), Template { subject, body })
            })
            .collect())
    }

    async fn send(&self, row: &Message, ground: &Ground) -> Result<bool, MailError> {
        let Some(order) = ground.orders.get(&(row.tenant_id, row.order_id)) else {
            return Err(MailError::Failed("the order is not known yet".to_owned()));
        };
        let customer = order.customer.clone().unwrap_or_default();
        if customer.email.is_empty() {
            return Ok(false);
        }
        let address = customer.email.parse().map_err(|error| MailError::Malformed(format!("{error}")))?;
        let name = Some(customer.name.clone()).filter(|name| !name.is_empty());
        let template = ground
            .template(row.tenant_id, &row.template, &customer.locale)
            .ok_or_else(|| MailError::Malformed(format!("there is no template {}", row.template)))?;
        let context = self.context(row, order);
        let text =
            template::render(&template, &context).map_err(|error| MailError::Malformed(error.to_string()))?;
        let to = Mailbox::new(name, address);
        self.mailer.send(row.message_id, to, &text, self.clock.now()).await?;
        debug!(order.id = %row.order_id, message.id = %row.message_id, "sent {} for {}", row.template, row.order_id);
        Ok(true)
    }

    fn context(&self, row: &Message, order: &Order) -> Context {
        let lines = order
            .lines
            .iter()
            .map(|line| {
                let mut units = BTreeMap::new();
                for piece in &line.pieces {
                    *units.entry(piece.bucket.clone()).or_default() += piece.quantity;
                }
                ContextLine { title: line.title.clone(), quantity: line.quantity, units }
            })
            .collect();
        let promise =
            if order.current_promise.is_empty() { &order.promise_by } else { &order.current_promise };
        Context {
            number: order.number,
            name: order.customer.as_ref().map(|customer| customer.name.clone()).unwrap_or_default(),
            lines,
            total: amount(order.total_minor, &order.currency),
            promise_by: promise.clone(),
            tracking_url: format!("{}/t/{}", self.base_url, self.links.token(row.tenant_id, row.order_id)),
            event: serde_json::from_str(&row.data).unwrap_or_default(),
        }
    }
}

impl Ground {
    /// The tenant's own words in the shopper's language, then in its base language, then in the default; else ours.
    fn template(&self, tenant: TenantId, name: &str, locale: &str) -> Option<Template> {
        let locale = locale.to_ascii_lowercase();
        let base = locale.split('-').next().unwrap_or_default();
        [locale.as_str(), base, DEFAULT_LOCALE]
            .into_iter()
            .find_map(|locale| self.templates.get(&(tenant, name.to_owned(), locale.to_owned())).cloned())
            .or_else(|| template::built_in(name))
    }
}

/// What a mail becomes after a try.
fn after(row: Message, outcome: Result<bool, MailError>, now: DateTime<Utc>) -> Message {
    let attempts = row.attempts + 1;
    let over = |status: &str, error: String| Message {
        status: status.to_owned(),
        due_at: None,
        last_error: for_people(&error),
        ..row.clone()
    };
    let done = match outcome {
        Ok(true) => Message { sent_at: Some(now), ..over("sent", String::new()) },
        Ok(false) => over("skipped", "the shopper has no email address".to_owned()),
        Err(error) => match backoff::mail(attempts).filter(|_| !error.is_final()) {
            Some(wait) => Message {
                due_at: Some(now + wait),
                last_error: for_people(&error.to_string()),
                ..row.clone()
            },
            None => {
                warn!(message.id = %row.message_id, %error, "gave a mail up");
                over("failed", error.to_string())
            }
        },
    };
    Message { attempts, ..done }
}

fn amount(minor: i64, currency: &str) -> String {
    match qm_money::Currency::parse(currency) {
        Ok(known) => format!("{} {currency}", qm_money::Minor(minor).format(known)),
        Err(_) => format!("{minor} {currency}"),
    }
}
