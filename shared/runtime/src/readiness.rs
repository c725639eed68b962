//! Whether a service may be sent requests.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture, future::join_all};
use serde::Serialize;

/// How long a check may take; after that the answer is no.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// A condition without which a service cannot answer: its database answers, its bus is there.
#[derive(Clone)]
pub struct ReadinessCheck {
    name: &'static str,
    check: Check,
}

impl ReadinessCheck {
    /// A check that answers with a detail for people, both when it holds and when it does not.
    pub fn new<F>(name: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, String>> + Send + 'static,
    {
        Self { name, check: Arc::new(move || check().boxed()) }
    }
}

impl fmt::Debug for ReadinessCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadinessCheck").field(&self.name).finish()
    }
}

/// All checks of a process, and whether it is on its way out.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    checks: Vec<(String, ReadinessCheck)>,
    is_draining: AtomicBool,
}

/// The body of `/readyz`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) ready: bool,
    draining: bool,
    checks: BTreeMap<String, CheckReport>,
}

#[derive(Debug, Serialize)]
struct CheckReport {
    ok: bool,
    detail: String,
}

impl Readiness {
    pub(crate) fn add(&mut self, service: &str, check: ReadinessCheck) {
        self.checks.push((format!("{service}/{}", check.name), check));
    }

    /// Not ready from now on.
    pub(crate) fn start_draining(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    pub(crate) async fn report(&self) -> Report {
        let run = |(name, check): &(String, ReadinessCheck)| {
            let (name, running) = (name.clone(), (check.check)());
            async move {
                let (ok, detail) = match tokio::time::timeout(CHECK_TIMEOUT, running).await {
                    Ok(Ok(detail)) => (true, detail),
                    Ok(Err(detail)) => (false, detail),
                    Err(_) => (false, format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
                };
                (name, CheckReport { ok, detail })
            }
        };
        let checks: BTreeMap<_, _> = join_all(self.checks.iter().map(run)).await.into_iter().collect();
        let draining = self.is_draining.load(Ordering::Acquire);
        Report { ready: !draining && checks.values().all(|check| check.ok), draining, checks }
    }
}
