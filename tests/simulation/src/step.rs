//! What can happen next, as values: a recorded step happens again in the same way.

use std::{fmt, time::Duration};

use qm_proto::events::STREAMS;
use rand::{Rng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::world::{SERVICES, World};

/// One thing that happens, and the chance within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Decides what chance decides within the step.
    pub seed: u64,
    /// What happens.
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A worker of a process has its turn.
    Turn(&'static str, usize, String),
    /// A person does something.
    Act(Act),
    /// Time passes.
    Pass(Duration),
    /// A process is killed.
    Kill(&'static str, usize),
    /// A process starts.
    Start(&'static str),
    /// A stream is lost with all that was settled on it.
    LoseStream(String),
    /// A service's database is copied.
    BackUp(&'static str),
    /// A service's database is lost with its processes, and the copy takes its place.
    GoBack(&'static str),
}

/// What a person does; with whom, chance decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Places an order, perhaps several times.
    Place,
    /// Sends a request to place an order once more.
    PlaceAgain,
    /// Sends another order under a key that was used.
    PlaceOther,
    /// Cancels an order.
    Cancel,
    /// Holds an order.
    Hold,
    /// Lets an order go.
    Release,
    /// Goods come in.
    Receive,
    /// Somebody counts what is there.
    Count,
    /// A warehouse takes the next step.
    Work,
    /// A warehouse declines all of a fulfilment.
    Decline,
    /// A warehouse does not find a unit.
    PickShort,
}

/// What people do, each as often as it is named.
const ACTS: [Act; 32] = {
    use Act::{
        Cancel, Count, Decline, Hold, PickShort, Place, PlaceAgain, PlaceOther, Receive, Release, Work,
    };
    [
        Place, Place, Place, Place, PlaceAgain, PlaceAgain, PlaceOther, Cancel, Cancel, Hold, Release,
        Release, Receive, Receive, Receive, Receive, Count, Count, Work, Work, Work, Work, Work, Work, Work,
        Work, Work, Work, Work, Decline, PickShort, PickShort,
    ]
};

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn(service, replica, worker) => write!(f, "{service}[{replica}] {worker}"),
            Self::Act(act) => write!(f, "people {act:?}"),
            Self::Pass(time) => write!(f, "time passes: {time:?}"),
            Self::Kill(service, replica) => write!(f, "kill {service}[{replica}]"),
            Self::Start(service) => write!(f, "start {service}"),
            Self::LoseStream(stream) => write!(f, "lose {stream}"),
            Self::BackUp(service) => write!(f, "back up {service}"),
            Self::GoBack(service) => write!(f, "{service} goes back to its copy"),
        }
    }
}

/// Services whose databases may go back: what was told of what they do, they can learn again. Order's cannot, since nobody
/// else knows what an order consists of.
pub const MAY_GO_BACK: [&str; 4] = ["inventory", "routing", "shipping", "notification"];
/// How often a database is copied, and how often one goes back to its copy, of a thousand steps.
const BACK_UP: u32 = 15;
const GO_BACK: u32 = 30;

/// The next step, as `dice` decide.
pub fn choose(world: &World, dice: &mut ChaCha8Rng) -> Step {
    let seed = dice.random();
    let back = if world.may_go_back { back(world, dice) } else { None };
    Step { seed, what: back.unwrap_or_else(|| what(world, dice)) }
}

/// Something about copies of databases, now and then. Once in a life one goes back.
fn back(world: &World, dice: &mut ChaCha8Rng) -> Option<What> {
    let roll = dice.random_range(0..1_000);
    match world.copied {
        None => (roll < BACK_UP).then(|| What::BackUp(MAY_GO_BACK[dice.random_range(0..MAY_GO_BACK.len())])),
        Some(service) => (roll < GO_BACK && world.went_back.is_none()).then_some(What::GoBack(service)),
    }
}

fn what(world: &World, dice: &mut ChaCha8Rng) -> What {
    let service = SERVICES[dice.random_range(0..SERVICES.len())];
    let replica = dice.random_range(0..2);
    match dice.random_range(0..1_000) {
        0..400 => {
            let busy = world.broker.busy();
            match busy.choose(dice) {
                Some(consumer) => What::Turn(service_of(consumer), replica, consumer.clone()),
                None => relay(world, replica, dice),
            }
        }
        400..570 => relay(world, replica, dice),
        570..650 => match world.jobs(service).choose(dice) {
            Some(worker) => What::Turn(service, replica, worker.clone()),
            None => What::Start(service),
        },
        650..860 => What::Act(ACTS[dice.random_range(0..ACTS.len())]),
        860..930 => What::Pass(Duration::from_millis(dice.random_range(1..2_000))),
        930..950 => What::Pass(Duration::from_secs(dice.random_range(1..60))),
        950..952 => What::Pass(Duration::from_secs(dice.random_range(60..1_200))),
        952..960 => What::Kill(service, replica),
        // What is lost on both sides at once is known to nobody.
        960..962 if world.may_go_back => What::Act(Act::Work),
        960..962 => match world.broker.streams().choose(dice) {
            Some(stream) => What::LoseStream(stream.clone()),
            None => What::Start(service),
        },
        962..966 if world.count(service) < 2 => What::Start(service),
        _ => match SERVICES.iter().find(|service| world.count(service) == 0) {
            Some(service) => What::Start(service),
            None => What::Act(Act::Work),
        },
    }
}

/// The relay of a service that may have something to tell.
fn relay(world: &World, replica: usize, dice: &mut ChaCha8Rng) -> What {
    let untold: Vec<&str> =
        STREAMS.iter().map(|it| it.source).filter(|it| world.untold.contains(it)).collect();
    match untold.choose(dice) {
        Some(source) => What::Turn(service_named(source), replica, format!("{source}-relay")),
        None => What::Act(Act::Work),
    }
}

/// Whose consumer it is: its name begins with its service.
pub fn service_of(consumer: &str) -> &'static str {
    service_named(consumer.split('-').next().unwrap_or_default())
}

fn service_named(name: &str) -> &'static str {
    SERVICES.iter().find(|service| **service == name).unwrap_or(&SERVICES[0])
}
