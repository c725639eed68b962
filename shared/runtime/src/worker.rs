//! Workers at work: they run until they are told to stop, in stages.

use std::collections::{BTreeMap, HashMap};

use qm_worker::{Error, Stage, Worker};
use tokio::{
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::panics;

type WorkerResult = Result<(), Error>;

/// A worker ended that should not have.
#[derive(Debug, thiserror::Error)]
#[error("worker {name} {how}")]
pub struct WorkerEnded {
    /// Service and worker, such as `order/relay`.
    pub name: String,
    how: &'static str,
    source: Option<Error>,
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
        let (name, stage) = (format!("{service}/{}", worker.name()), worker.stops_in());
        let token = self.tokens.entry(stage).or_default().clone();
        // No span around a worker's whole life: everything that it ever does would become one endless trace.
        let abort = self.tasks.spawn(worker.run(token));
        self.members.insert(abort.id(), Member { name, stage, abort });
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
