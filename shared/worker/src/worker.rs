//! A worker and the loop that it runs in.

use std::{borrow::Cow, fmt, sync::Arc};

use async_trait::async_trait;
use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Rest, outage::Outage};

/// Why a worker, or one of its turns, failed.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

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

/// Something that is done again and again.
#[async_trait]
pub trait Turns: Send + 'static {
    /// Does what there is to do now, at most a batch, and says how long to rest. When `stop` is cancelled it ends soon, with
    /// whatever it has begun finished or given back.
    async fn turn(&mut self, stop: &CancellationToken) -> Result<Rest, Error>;
}

/// A part of a service that runs until its token is cancelled.
///
/// Ending before that, with or without an error, or panicking, brings the service down: a service that has silently
/// stopped consuming is worse than one that is restarted.
pub struct Worker {
    name: Cow<'static, str>,
    stage: Stage,
    work: Work,
}

enum Work {
    Once(Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<(), Error>> + Send>),
    Again { turns: Box<dyn Turns>, woken: Arc<Notify>, has_last_turn: bool },
}

/// What a worker's future may return: nothing, or a result.
pub trait WorkerOutcome {
    /// The outcome as a result.
    fn into_result(self) -> Result<(), Error>;
}

impl WorkerOutcome for () {
    fn into_result(self) -> Result<(), Error> {
        Ok(())
    }
}

impl<E: Into<Error>> WorkerOutcome for Result<(), E> {
    fn into_result(self) -> Result<(), Error> {
        self.map_err(Into::into)
    }
}

/// Turns that need no memory of those before.
struct Plain<T>(T);

#[async_trait]
impl<T, F, E> Turns for Plain<T>
where
    T: FnMut() -> F + Send + 'static,
    F: Future<Output = Result<Rest, E>> + Send,
    E: Into<Error>,
{
    async fn turn(&mut self, _: &CancellationToken) -> Result<Rest, Error> {
        (self.0)().await.map_err(Into::into)
    }
}

impl Worker {
    /// A worker that runs by itself, of the stage [`Stage::Jobs`]. `run` gets the token that tells it to stop.
    pub fn new<F>(
        name: impl Into<Cow<'static, str>>,
        run: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output: WorkerOutcome> + Send + 'static,
    {
        let run = move |token| run(token).map(WorkerOutcome::into_result).boxed();
        Self { name: name.into(), stage: Stage::Jobs, work: Work::Once(Box::new(run)) }
    }

    /// A worker that takes turns, of the stage [`Stage::Jobs`].
    pub fn taking(name: impl Into<Cow<'static, str>>, turns: impl Turns) -> Self {
        let work = Work::Again { turns: Box::new(turns), woken: Arc::default(), has_last_turn: false };
        Self { name: name.into(), stage: Stage::Jobs, work }
    }

    /// The same for turns that need no memory of those before, and are not long enough to be told to stop.
    pub fn repeating<F, E>(
        name: impl Into<Cow<'static, str>>,
        turn: impl FnMut() -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Rest, E>> + Send + 'static,
        E: Into<Error> + 'static,
    {
        Self::taking(name, Plain(turn))
    }

    /// The same worker in another stage.
    #[must_use]
    pub fn stage(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    /// The same worker, whose rests end early when `notify` is notified.
    #[must_use]
    pub fn woken_by(mut self, notify: &Arc<Notify>) -> Self {
        if let Work::Again { woken, .. } = &mut self.work {
            *woken = Arc::clone(notify);
        }
        self
    }

    /// The same worker, which takes one more turn when it is told to stop.
    #[must_use]
    pub fn with_last_turn(mut self) -> Self {
        if let Work::Again { has_last_turn, .. } = &mut self.work {
            *has_last_turn = true;
        }
        self
    }

    /// Its name within the service.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it stops.
    pub fn stops_in(&self) -> Stage {
        self.stage
    }

    /// Takes one turn; none for a worker that runs by itself.
    pub async fn turn(&mut self, stop: &CancellationToken) -> Option<Result<Rest, Error>> {
        match &mut self.work {
            Work::Once(_) => None,
            Work::Again { turns, .. } => Some(turns.turn(stop).await),
        }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let (mut turns, woken, has_last_turn) = match self.work {
            Work::Once(run) => return run(stop).await,
            Work::Again { turns, woken, has_last_turn } => (turns, woken, has_last_turn),
        };
        let mut outage = Outage::default();
        loop {
            let is_last = stop.is_cancelled();
            if is_last && !has_last_turn {
                return Ok(());
            }
            let rest = match turns.turn(&stop).await {
                Ok(rest) => {
                    outage.end(&self.name);
                    rest
                }
                // Not to be woken from: what is down would be asked all the time.
                Err(error) => Rest::none().at_least(outage.go_on(&self.name, &error)),
            };
            if is_last {
                return Ok(());
            }
            tokio::select! {
                () = rest.over(&woken) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("name", &self.name).field("stage", &self.stage).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A worker that counts its turns, each third of which fails, and rests until it is woken.
    fn counting() -> (Worker, Arc<AtomicU32>, Arc<Notify>) {
        let (turns, woken): (Arc<AtomicU32>, Arc<Notify>) = Default::default();
        let count = Arc::clone(&turns);
        let worker = Worker::repeating("count", move || {
            let turn = count.fetch_add(1, Ordering::SeqCst) + 1;
            async move { if turn % 3 == 0 { Err("down") } else { Ok(Rest::of(LONG)) } }
        });
        (worker.woken_by(&woken), turns, woken)
    }

    async fn until(turns: &AtomicU32, count: u32) {
        let all = async {
            while turns.load(Ordering::SeqCst) < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(LONG / 2, all).await.unwrap();
    }

    #[tokio::test]
    async fn it_takes_turns_when_woken_goes_on_after_a_failure_and_stops_when_told_to() {
        for (has_last_turn, expected) in [(false, 4), (true, 5)] {
            let (worker, turns, woken) = counting();
            let worker = if has_last_turn { worker.with_last_turn() } else { worker };
            let stop = CancellationToken::new();
            let running = tokio::spawn(worker.run(stop.clone()));
            for count in 1..=2 {
                until(&turns, count).await;
                woken.notify_one();
            }
            // The third fails, and is followed by a fourth without anybody's help.
            until(&turns, 4).await;
            stop.cancel();
            running.await.unwrap().unwrap();
            assert_eq!(turns.load(Ordering::SeqCst), expected);
        }
    }

    #[tokio::test]
    async fn a_turn_can_be_asked_for_by_itself() {
        let (mut worker, turns, _) = counting();
        let stop = CancellationToken::new();
        assert!(worker.turn(&stop).await.unwrap().is_ok());
        assert_eq!(turns.load(Ordering::SeqCst), 1);
        assert!(Worker::new("serve", |_| async {}).turn(&stop).await.is_none());
    }
}
