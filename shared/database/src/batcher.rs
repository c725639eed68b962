//! Group commit: concurrent callers are gathered and committed together, each with its own answer.

use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use qm_ids::TenantId;
use tokio::sync::{Notify, oneshot};

/// How a [`Batcher`] gathers.
#[derive(Debug, Clone)]
pub struct BatcherOptions {
    /// Requests in one batch at most.
    pub max_batch: usize,
    /// How long a batch waits for company. A writer that is busy gathers anyway.
    pub linger: Duration,
    /// Batches being committed at a time. One or two are best: more only fight over rows.
    pub writers: usize,
    /// Requests of one tenant that may wait; one more is refused.
    pub max_waiting_per_tenant: usize,
    /// Requests of all tenants that may wait; one more is refused.
    pub max_waiting: usize,
}

impl Default for BatcherOptions {
    fn default() -> Self {
        Self {
            max_batch: 200,
            linger: Duration::from_millis(1),
            writers: 2,
            max_waiting_per_tenant: 2_000,
            max_waiting: 10_000,
        }
    }
}

/// Too many requests wait already, or the batcher is gone, or the batch panicked and its transaction fell; nothing was
/// done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests are waiting")]
pub struct Overloaded;

type Handler<Req, Res> = Arc<dyn Fn(Vec<Req>) -> BoxFuture<'static, Vec<Res>> + Send + Sync>;

/// Gathers requests into batches, drawn in turn from the tenants that wait, and gives each caller its own answer.
///
/// Dropping the batcher answers what is taken already and refuses the rest.
pub struct Batcher<Req, Res> {
    queue: Arc<Queue<Req, Res>>,
    options: BatcherOptions,
}

impl<Req, Res> std::fmt::Debug for Batcher<Req, Res> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batcher").field("options", &self.options).finish_non_exhaustive()
    }
}

struct Queue<Req, Res> {
    waiting: Mutex<Waiting<Req, Res>>,
    arrived: Notify,
}

struct Waiting<Req, Res> {
    by_tenant: HashMap<TenantId, VecDeque<Entry<Req, Res>>>,
    /// Tenants with something waiting, in the order of their turns.
    turns: VecDeque<TenantId>,
    count: usize,
    closed: bool,
}

struct Entry<Req, Res> {
    request: Req,
    answer: oneshot::Sender<Res>,
}

impl<Req: Send + 'static, Res: Send + 'static> Batcher<Req, Res> {
    /// Starts a batcher. `handler` gets each batch and answers with as many results, in the same order.
    ///
    /// Must be called inside a tokio runtime.
    pub fn new(
        options: BatcherOptions,
        handler: impl Fn(Vec<Req>) -> BoxFuture<'static, Vec<Res>> + Send + Sync + 'static,
    ) -> Self {
        let queue = Arc::new(Queue { waiting: Mutex::new(Waiting::default()), arrived: Notify::new() });
        let handler: Handler<Req, Res> = Arc::new(handler);
        for _ in 0..options.writers.max(1) {
            tokio::spawn(write(queue.clone(), options.clone(), handler.clone()));
        }
        Self { queue, options }
    }

    /// Hands in a request and waits for its answer.
    ///
    /// If the caller stops waiting after its batch was taken, the request is carried out all the same.
    pub async fn submit(&self, tenant: TenantId, request: Req) -> Result<Res, Overloaded> {
        let (answer, answered) = oneshot::channel();
        self.queue.push(tenant, Entry { request, answer }, &self.options)?;
        self.queue.arrived.notify_one();
        answered.await.map_err(|_| Overloaded)
    }
}

impl<Req, Res> Drop for Batcher<Req, Res> {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.closed = true;
        waiting.by_tenant.clear();
        waiting.turns.clear();
        waiting.count = 0;
        drop(waiting);
        // One permit per writer, since each takes at most one.
        for _ in 0..self.options.writers.max(1) {
            self.queue.arrived.notify_one();
            self.queue.arrived.notify_waiters();
        }
    }
}

async fn write<Req: Send, Res: Send>(
    queue: Arc<Queue<Req, Res>>,
    options: BatcherOptions,
    handler: Handler<Req, Res>,
) {
    loop {
        match queue.state() {
            State::Closed => {
                // The next writer may have missed its wake-up.
                queue.arrived.notify_one();
                return;
            }
            State::Empty => {
                queue.arrived.notified().await;
                continue;
            }
            State::Waiting(count) if count < options.max_batch && !options.linger.is_zero() => {
                tokio::time::sleep(options.linger).await;
            }
            State::Waiting(_) => {}
        }
        let (requests, answers): (Vec<_>, Vec<_>) =
            queue.take(options.max_batch).into_iter().map(|entry| (entry.request, entry.answer)).unzip();
        if requests.is_empty() {
            continue;
        }
        // What is left is another writer's, also while this one commits.
        queue.arrived.notify_one();
        // A batch that panics fails its own callers, by dropping their answers; the writer serves on.
        let results = AssertUnwindSafe(async { handler(requests).await }).catch_unwind().await;
        let Ok(results) = results else {
            tracing::error!(requests = answers.len(), "a batch panicked, its requests are refused");
            continue;
        };
        for (answer, result) in answers.into_iter().zip(results) {
            // A caller that left does not hear its answer.
            let _ = answer.send(result);
        }
    }
}

enum State {
    Closed,
    Empty,
    Waiting(usize),
}

impl<Req, Res> Queue<Req, Res> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting<Req, Res>> {
        // No code that holds the lock can panic half-way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> State {
        let waiting = self.lock();
        match waiting.count {
            _ if waiting.closed => State::Closed,
            0 => State::Empty,
            count => State::Waiting(count),
        }
    }

    fn push(
        &self,
        tenant: TenantId,
        entry: Entry<Req, Res>,
        options: &BatcherOptions,
    ) -> Result<(), Overloaded> {
        let mut waiting = self.lock();
        if waiting.closed || waiting.count >= options.max_waiting {
            return Err(Overloaded);
        }
        let own = waiting.by_tenant.entry(tenant).or_default();
        if own.len() >= options.max_waiting_per_tenant {
            return Err(Overloaded);
        }
        own.push_back(entry);
        let is_first = own.len() == 1;
        if is_first {
            waiting.turns.push_back(tenant);
        }
        waiting.count += 1;
        Ok(())
    }

    /// Takes one request from each tenant in turn until the batch is full or nothing waits.
    fn take(&self, max: usize) -> Vec<Entry<Req, Res>> {
        let mut waiting = self.lock();
        let mut batch = Vec::new();
        while batch.len() < max {
            let Some(tenant) = waiting.turns.pop_front() else { break };
            let Some(own) = waiting.by_tenant.get_mut(&tenant) else { continue };
            batch.extend(own.pop_front());
            if own.is_empty() {
                waiting.by_tenant.remove(&tenant);
            } else {
                waiting.turns.push_back(tenant);
            }
        }
        waiting.count -= batch.len();
        batch
    }
}

impl<Req, Res> Default for Waiting<Req, Res> {
    fn default() -> Self {
        Self { by_tenant: HashMap::new(), turns: VecDeque::new(), count: 0, closed: false }
    }
}
