//! The worlds of a run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use super::{Collector, Kind, Receivers, World, one_process, real_parts};

/// Signs links and carriers' messages in all worlds.
const TRACKING_SECRET: &str = "end-to-end-tracking-secret";
const CARRIER_SECRET: &str = "whsec_ZW5kLXRvLWVuZC1jYXJyaWVyLXNlY3JldC0wMDAx";

/// Starts worlds when they are first needed, and ends them.
#[derive(Default)]
struct Worlds {
    one_process: Option<Arc<World>>,
    real_parts: Option<Arc<World>>,
    held: Option<Arc<World>>,
}

/// The worlds of a run.
pub(crate) struct Stage {
    runtime: Handle,
    worlds: Mutex<Worlds>,
    turn: Mutex<()>,
}

/// What a world is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Many scenarios at a time.
    Shared,
    /// One scenario, which may kill its processes.
    Alone,
    /// Scenarios one after another, which hold its consumers.
    Held,
    /// One scenario, which asks for more than there is room for.
    Narrow,
}

impl Role {
    /// What its services are told besides.
    pub(super) fn settings(self) -> Vec<(String, String)> {
        let settings: &[(&str, &str)] = match self {
            Self::Shared | Self::Alone => &[],
            Self::Narrow => &[("QM_GATEWAY__HTTP__MAX_IN_FLIGHT", "8")],
            // No question is asked again: whatever is held, the events themselves must carry each order to its rest. And
            // stock that nobody draws on is everyone's before a test gives up.
            Self::Held => {
                &[("QM_ORDER__SAGA__ASK_AGAIN_AFTER_MS", "3600000"), ("QM_INVENTORY__HOLDS__TTL_MS", "2000")]
            }
        };
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}

impl Stage {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { runtime, worlds: Mutex::default(), turn: Mutex::default() }
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The world that scenarios share.
    pub(crate) fn shared(&self, kind: Kind) -> Arc<World> {
        let mut worlds = self.worlds.lock().unwrap();
        let slot = match kind {
            Kind::OneProcess => &mut worlds.one_process,
            Kind::RealParts => &mut worlds.real_parts,
        };
        Arc::clone(slot.get_or_insert_with(|| self.start(kind, Role::Shared)))
    }

    /// The world whose consumers are held, for whoever has the turn: what one scenario holds, all orders wait for.
    pub(crate) fn held(&self) -> (MutexGuard<'_, ()>, Arc<World>) {
        // A scenario that failed has released what it held.
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut worlds = self.worlds.lock().unwrap();
        let world = worlds.held.get_or_insert_with(|| self.start(Kind::RealParts, Role::Held));
        (turn, Arc::clone(world))
    }

    /// A world for one scenario alone.
    pub(crate) fn fresh(&self, kind: Kind) -> Arc<World> {
        self.start(kind, Role::Alone)
    }

    /// A world with little room, for one scenario alone.
    pub(crate) fn narrow(&self) -> Arc<World> {
        self.start(Kind::OneProcess, Role::Narrow)
    }

    fn start(&self, kind: Kind, role: Role) -> Arc<World> {
        let collector = self.runtime.block_on(Collector::start());
        Arc::new(match kind {
            Kind::OneProcess => one_process::start(collector, role),
            Kind::RealParts => self.runtime.block_on(real_parts::start(collector, role)),
        })
    }

    /// Audits and ends the shared worlds; says what was wrong.
    pub(crate) fn close(&self) -> Vec<String> {
        let mut worlds = self.worlds.lock().unwrap();
        let worlds = [worlds.one_process.take(), worlds.real_parts.take(), worlds.held.take()];
        let ended = worlds.into_iter().flatten().flat_map(|world| [world.audit(), world.stop()]);
        ended.filter_map(Result::err).collect()
    }
}

/// What all services are told: where receivers are, and that carriers and sagas shall not take days.
pub(super) fn settings(receivers: &Receivers, http: u16) -> Vec<(String, String)> {
    let base = format!("http://127.0.0.1:{http}");
    [
        ("QM_GATEWAY__TRACKING__SECRET", TRACKING_SECRET.to_owned()),
        ("QM_GATEWAY__RATE_LIMIT__BURST", "100000".to_owned()),
        ("QM_NOTIFICATION__TRACKING__SECRET", TRACKING_SECRET.to_owned()),
        ("QM_NOTIFICATION__TRACKING__BASE_URL", base.clone()),
        ("QM_NOTIFICATION__MAIL__URL", receivers.smtp_url()),
        ("QM_NOTIFICATION__WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
        ("QM_ORDER__SAGA__ASK_AGAIN_AFTER_MS", "3000".to_owned()),
        ("QM_SHIPPING__SIMULATED_CARRIER__WEBHOOK_SECRET", CARRIER_SECRET.to_owned()),
        ("QM_SHIPPING__SIMULATED_CARRIER__WEBHOOK_URL", format!("{base}/v1/carriers/simulated/tracking")),
        ("QM_SHIPPING__SIMULATED_CARRIER__IN_TRANSIT_AFTER_MS", "200".to_owned()),
        ("QM_SHIPPING__SIMULATED_CARRIER__OUT_FOR_DELIVERY_AFTER_MS", "400".to_owned()),
        ("QM_SHIPPING__SIMULATED_CARRIER__DELIVERED_AFTER_MS", "600".to_owned()),
        // Each parcel goes straight to the door: what is told of it is known.
        ("QM_SHIPPING__SIMULATED_CARRIER__DELAYED_PER_MILLE", "0".to_owned()),
        ("QM_SHIPPING__SIMULATED_CARRIER__ATTEMPTED_PER_MILLE", "0".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// A folder for a world's data and logs. They are deleted with it, unless QM_TEST_KEEP names a folder to keep them in.
pub(super) fn folder() -> tempfile::TempDir {
    match std::env::var("QM_TEST_KEEP") {
        Ok(keep) => tempfile::Builder::new().prefix("world-").disable_cleanup(true).tempdir_in(keep).unwrap(),
        Err(_) => tempfile::tempdir().unwrap(),
    }
}
