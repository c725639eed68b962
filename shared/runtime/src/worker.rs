//! What a service does besides answering: consumers, jobs, the outbox relay. Workers run until they are told to stop, in
//! stages.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    error::Error,
    fmt,
};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::{
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::panics;

/// When a worker stops while the process drains: in this order, each stage after the one before has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// What lets requests in, such as a public HTTP server; stops together with gRPC.
    Ingress,
    /// What takes events from the bus.
    Consumers,
    /// Timers, sweeps, deliveries.
    Jobs,
    /// What brings events to the bus: last, so that everything written before still leaves.
    Relay,
}

type Run = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, WorkerResult> + Send>;
type WorkerResult = Result<(), Box<dyn Error + Send + Sync>>;

/// A part of a service that runs until its token is cancelled.
///
/// Ending before that, with or without an error, or panicking, brings the service down: a service that has silently
/// stopped consuming is worse than one that is restarted.
pub struct Worker {
    name: Cow<'static, str>,
    stage: Stage,
    run: Run,
}

/// What a worker's future may return: nothing, or a result.
pub trait WorkerOutcome {
    /// The outcome as a result.
    fn into_result(self) -> WorkerResult;
}

impl WorkerOutcome for () {
    fn into_result(self) -> WorkerResult {
        Ok(())
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> WorkerOutcome for Result<(), E> {
    fn into_result(self) -> WorkerResult {
        self.map_err(Into::into)
    }
}

impl Worker {
    /// A worker of the stage [`Stage::Jobs`]. `run` gets the token that tells it to stop.
    pub fn new<F>(
        name: impl Into<Cow<'static, str>>,
        run: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output: WorkerOutcome> + Send + 'static,
    {
        let run: Run = Box::new(move |token| run(token).map(WorkerOutcome::into_result).boxed());
        Self { name: name.into(), stage: Stage::Jobs, run }
    }

    /// The same worker in another stage.
    #[must_use]
    pub fn stage(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }
}

impl From<qm_messaging::Task> for Worker {
    fn from(task: qm_messaging::Task) -> Self {
        let stage = match task.stage {
            qm_messaging::Stage::Consumers => Stage::Consumers,
            qm_messaging::Stage::Maintenance => Stage::Jobs,
            qm_messaging::Stage::Relay => Stage::Relay,
        };
        Self::new(task.name, task.run).stage(stage)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("name", &self.name).field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// A worker ended that should not have.
#[derive(Debug, thiserror::Error)]
#[error("worker {name} {how}")]
pub struct WorkerEnded {
    /// Service and worker, such as `order/relay`.
    pub name: String,
    how: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Workers at work.
#[derive(Debug, Default)]
pub(crate) struct Running {
    tasks: JoinSet<WorkerResult>,
    members: HashMap<Id, Member>,
    tokens: BTreeMap<Stage, CancellationToken>,
}

#[derive(Debug)]
struct Member {
    name: String,
    stage: Stage,
    abort: AbortHandle,
}

impl Running {
    pub(crate) fn start(&mut self, service: &'static str, worker: Worker) {
        let Worker { name, stage, run } = worker;
        let token = self.tokens.entry(stage).or_default().clone();
        // No span around a worker's whole life: everything that it ever does would become one endless trace.
        let abort = self.tasks.spawn(run(token));
        self.members.insert(abort.id(), Member { name: format!("{service}/{name}"), stage, abort });
    }

    /// Waits until a worker ends that was not told to. Never ends if there are no workers.
    pub(crate) async fn first_end(&mut self) -> WorkerEnded {
        loop {
            match self.tasks.join_next_with_id().await {
                Some(joined) => {
                    if let Some(ended) = self.judge(joined) {
                        return ended;
                    }
                }
                None => std::future::pending::<()>().await,
            }
        }
    }

    /// Tells the workers of a stage to stop.
    pub(crate) fn cancel(&self, stage: Stage) {
        if let Some(token) = self.tokens.get(&stage) {
            token.cancel();
        }
    }

    /// Waits for a cancelled stage to end. Whoever is still at work at `deadline` is dropped and named.
    pub(crate) async fn drain(&mut self, stage: Stage, deadline: Instant) -> Drained {
        let mut drained = Drained::default();
        while self.members.values().any(|member| member.stage == stage) {
            match timeout_at(deadline, self.tasks.join_next_with_id()).await {
                Ok(Some(joined)) => drained.ended.extend(self.judge(joined)),
                Ok(None) => break,
                Err(_) => {
                    for member in self.members.values().filter(|member| member.stage == stage) {
                        member.abort.abort();
                        drained.overran.push(member.name.clone());
                    }
                    self.members.retain(|_, member| member.stage != stage);
                }
            }
        }
        drained.overran.sort();
        drained
    }

    /// Removes a worker that ended; says so if it was not told to, or failed.
    fn judge(&mut self, joined: Result<(Id, WorkerResult), JoinError>) -> Option<WorkerEnded> {
        let id = joined.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        // One that overran was dropped and removed before.
        let Member { name, stage, .. } = self.members.remove(&id)?;
        let was_told = self.tokens.get(&stage).is_some_and(CancellationToken::is_cancelled);
        match joined {
            Ok((_, Ok(()))) if was_told => None,
            Ok((_, Ok(()))) => Some(WorkerEnded { name, how: "ended before it was told to", source: None }),
            Ok((_, Err(source))) => Some(WorkerEnded { name, how: "failed", source: Some(source) }),
            Err(error) => {
                let message = match error.try_into_panic() {
                    Ok(panic) => panics::message(&*panic).to_owned(),
                    Err(error) => error.to_string(),
                };
                Some(WorkerEnded { name, how: "panicked", source: Some(message.into()) })
            }
        }
    }
}

/// How a stage ended.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    /// Workers that failed on their way out.
    pub(crate) ended: Vec<WorkerEnded>,
    /// Workers that had to be dropped.
    pub(crate) overran: Vec<String>,
}
