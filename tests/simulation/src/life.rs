//! One life: a busy time in which everything may happen, and then everything is brought to its end.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use qm_ids::TenantId;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

use crate::{
    broker,
    chance::{Fault, Rates},
    laws,
    people::People,
    step::{self, Step, What},
    tables,
    template::Template,
    world::{SERVICES, World},
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Things that happen in the busy time.
const STEPS: usize = 160;
/// In every so many lives, a database may go back to a copy.
const GOES_BACK: u64 = 4;
/// Rounds of a lull, and the time between two of them: in all, longer than any delivery is held back or waits to be settled,
/// and than events that were left or not told wait for another process.
const LULL_ROUNDS: usize = 3;
const LULL: Duration = Duration::from_secs(31);
/// Rounds in which people only work, and everything still goes wrong.
const STORMY_ROUNDS: usize = 8;
/// Of these, the one in which a database is copied, and the one in which it goes back, if that did not happen before.
const BACK_UP: usize = 0;
const GO_BACK: usize = 6;
/// Rounds in which everything must come to rest.
const ROUNDS: u32 = 80;
/// Between two occasions on which people let go and goods arrive, in rounds.
const LET_GO: u32 = 8;
/// Between two looks after streams and tables, in rounds.
const LOOK_AFTER: u32 = 6;
/// Longer than goods are held for those who waited.
const HOLDS_LAST: Duration = Duration::from_secs(61);
/// Turns in which what is under way arrives, as long as no time passes.
const HOPS: usize = 30;

/// What came of a life.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// All that happened, in words.
    pub trace: Vec<String>,
    /// A digest of the trace and of all tables at the end, if it was asked for.
    pub digest: String,
    /// What was broken at the end; empty for a life as it should be.
    pub broken: Vec<String>,
    /// How often each fault happened.
    pub happened: BTreeMap<Fault, u64>,
}

/// A life under way.
pub struct Life {
    world: World,
    people: People,
    trace: Vec<String>,
    /// Seeds of the steps that bring everything to rest.
    rest: ChaCha8Rng,
    /// What goes wrong in them.
    weather: Rates,
}

/// Lives the life of a seed; with `script`, what happens in the busy time is given.
///
/// What happens is written down in `lived` as it happens, so that it is known also of a life that ends in a panic.
pub async fn live(
    template: &Template,
    seed: u64,
    script: Option<&[Step]>,
    lived: &Mutex<Vec<Step>>,
    is_digested: bool,
) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    template.copy(folder.path())?;
    let mut life =
        Life::new(World::new(folder.path(), template.now, template.bus.clone()), template.tenant, seed);
    life.world.may_go_back = seed.is_multiple_of(GOES_BACK);
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let rates = Rates::some(&mut dice);
    for service in SERVICES {
        life.go_on(What::Start(service)).await?;
    }
    for index in 0..script.map_or(STEPS, <[Step]>::len) {
        let step =
            script.map_or_else(|| step::choose(&life.world, &mut dice), |script| script[index].clone());
        lived.lock().unwrap_or_else(PoisonError::into_inner).push(step.clone());
        life.step(&step, &rates).await?;
    }
    let mut broken = life.lull().await?;
    if broken.is_empty() {
        life.go_on_in_storm(&rates).await?;
        broken = life.lull().await?;
    }
    if broken.is_empty() {
        broken = life.come_to_rest().await?;
    }
    let digest = if is_digested { life.digest().await? } else { String::new() };
    let happened = life.world.chance.happened();
    Ok(Outcome { trace: life.trace, digest, broken, happened })
}

/// The longest that a step may take, in real time.
const PATIENCE: Duration = Duration::from_secs(20);

impl Life {
    /// A life in which nothing has happened.
    pub fn new(world: World, tenant: TenantId, seed: u64) -> Self {
        let people = People::new(&world, tenant);
        Self {
            world,
            people,
            trace: Vec::new(),
            rest: ChaCha8Rng::seed_from_u64(!seed),
            weather: Rates::default(),
        }
    }

    /// Starts the services and opens the shop.
    pub async fn open(&mut self) -> Result<()> {
        for service in SERVICES {
            self.go_on(What::Start(service)).await?;
        }
        self.round(true, true).await?;
        self.people.open_shop().await?;
        self.world.untold.insert("inventory");
        for _ in 0..3 {
            self.round(true, true).await?;
        }
        Ok(())
    }

    /// Ends all processes; where the bus stands, and the time.
    pub fn end(self) -> (broker::State, DateTime<Utc>) {
        use qm_clock::Clock as _;
        (self.world.broker.snapshot(), self.world.clock.now())
    }

    async fn step(&mut self, step: &Step, rates: &Rates) -> Result<()> {
        // Nothing waits in here, so a step that does not end waits for something that will never come.
        let ended = tokio::time::timeout(PATIENCE, self.take(step, rates)).await;
        ended.unwrap_or_else(|_| Err(format!("a step did not end: {}", step.what).into()))
    }

    async fn take(&mut self, step: &Step, rates: &Rates) -> Result<()> {
        self.world.chance.begin(step.seed, rates);
        let outcome = match &step.what {
            What::Turn(service, replica, worker) => {
                if worker.ends_with("-relay") {
                    self.world.untold.remove(service);
                } else {
                    self.world.untold.insert(*service);
                }
                self.world.turn(service, *replica, worker).await
            }
            What::Act(act) => {
                self.world.untold.extend(["order", "inventory", "shipping"]);
                self.people.act(*act).await
            }
            What::Pass(time) => {
                self.world.clock.advance(*time);
                String::new()
            }
            What::Kill(service, replica) => {
                self.world.kill(service, *replica);
                String::new()
            }
            What::Start(service) => {
                self.world.start(service).await?;
                String::new()
            }
            What::LoseStream(stream) => {
                self.world.broker.lose(stream);
                String::new()
            }
            What::BackUp(service) => {
                self.world.back_up(service).await?;
                String::new()
            }
            What::GoBack(service) => {
                self.world.go_back(service)?;
                String::new()
            }
        };
        self.world.bury();
        self.write(&step.what.to_string(), &outcome);
        Ok(())
    }

    fn write(&mut self, what: &str, outcome: &str) {
        let notes = self.world.chance.take_notes().join("; ");
        self.trace.push(format!("{what} | {outcome} | {notes}"));
    }

    /// A step on the way to rest.
    async fn go_on(&mut self, what: What) -> Result<()> {
        let (step, weather) = (Step { seed: self.rest.random(), what }, self.weather.clone());
        self.step(&step, &weather).await
    }

    /// Jobs have their turns, those that move only messages or others as well, and what is under way arrives. Streams and
    /// tables are looked after when asked for.
    async fn round(&mut self, with_work: bool, with_maintenance: bool) -> Result<()> {
        for service in SERVICES {
            for job in self.world.jobs(service) {
                let has_turn = match job.strip_prefix(service) {
                    Some("-maintenance") => with_maintenance,
                    // Of messages; also a consumer that the bus does not know yet.
                    Some(_) => true,
                    None => with_work,
                };
                if has_turn {
                    self.go_on(What::Turn(service, 0, job)).await?;
                }
            }
        }
        for _ in 0..HOPS {
            let (untold, busy) = (std::mem::take(&mut self.world.untold), self.world.broker.busy());
            if busy.is_empty() && untold.is_empty() {
                break;
            }
            for service in untold {
                self.go_on(What::Turn(service, 0, format!("{service}-relay"))).await?;
            }
            for consumer in self.world.broker.busy() {
                self.go_on(What::Turn(step::service_of(&consumer), 0, consumer)).await?;
            }
        }
        Ok(())
    }

    /// One process of each service is enough from now on.
    async fn one_of_each(&mut self) -> Result<()> {
        for service in SERVICES {
            while self.world.count(service) > 1 {
                self.go_on(What::Kill(service, 1)).await?;
            }
            if self.world.count(service) == 0 {
                self.go_on(What::Start(service)).await?;
            }
        }
        Ok(())
    }

    /// The warehouses do what there is to do.
    async fn work(&mut self) {
        let weather = self.weather.clone();
        self.world.chance.begin(self.rest.random(), &weather);
        let outcome = self.people.work().await;
        self.world.untold.extend(["order", "inventory", "shipping"]);
        self.world.bury();
        self.write("people work", &outcome);
    }

    /// People pause and nothing goes wrong until all that was told has arrived. The laws that are broken then: in the end, when
    /// everything is delivered, a claim that was lost on the way has left no trace.
    async fn lull(&mut self) -> Result<Vec<String>> {
        for round in 0..LULL_ROUNDS {
            self.one_of_each().await?;
            self.round(false, round == 0).await?;
            self.go_on(What::Pass(LULL)).await?;
        }
        self.round(false, false).await?;
        if self.world.broker.unsettled() > 0 {
            return Ok(vec!["not all that was told arrives in a lull".to_owned()]);
        }
        laws::broken_in_a_lull(&self.world).await
    }

    /// Work goes on, and what goes wrong as well: what is under way meets each other everywhere, up to the door.
    async fn go_on_in_storm(&mut self, rates: &Rates) -> Result<()> {
        self.weather.clone_from(rates);
        for round in 0..STORMY_ROUNDS {
            // By then parcels have left that were not there yet when the copy was made.
            let may_go_back = self.world.may_go_back && self.world.went_back.is_none();
            match self.world.copied {
                None if may_go_back && round == BACK_UP => {
                    let service = step::MAY_GO_BACK[self.rest.random_range(0..step::MAY_GO_BACK.len())];
                    self.go_on(What::BackUp(service)).await?;
                }
                Some(service) if may_go_back && round == GO_BACK => {
                    self.go_on(What::GoBack(service)).await?;
                }
                _ => {}
            }
            self.one_of_each().await?;
            self.work().await;
            self.round(true, false).await?;
            let time = self.rest.random_range(1_000..15_000);
            self.go_on(What::Pass(Duration::from_millis(time))).await?;
        }
        self.weather = Rates::default();
        Ok(())
    }

    /// Nothing goes wrong any more and people want nothing new. What is broken then.
    async fn come_to_rest(&mut self) -> Result<Vec<String>> {
        self.one_of_each().await?;
        self.world.chance.begin(self.rest.random(), &Rates::default());
        self.people.insist().await;
        let mut unrest = Vec::new();
        for round in 0..ROUNDS {
            if round % LET_GO == 0 {
                self.world.chance.begin(self.rest.random(), &Rates::default());
                self.people.let_go().await;
                self.write("people let go", "");
            }
            self.work().await;
            self.round(true, round % LOOK_AFTER == 0).await?;
            unrest = laws::unrest(&self.world, &self.people).await?;
            if unrest.is_empty() {
                // What is held for somebody who does not come is let go.
                self.go_on(What::Pass(HOLDS_LAST)).await?;
                self.round(true, false).await?;
                return laws::broken(&self.world, &mut self.people).await;
            }
            // What waits for long comes as well.
            self.go_on(What::Pass(Duration::from_secs(3) + Duration::from_millis(500) * (round * round)))
                .await?;
        }
        let mut broken = vec![format!("nothing comes to rest: {unrest:#?}")];
        for order in self.people.orders().await? {
            if unrest.iter().any(|it| it.starts_with(&order.id)) {
                broken.push(format!("{}: {:#?}", order.id, self.people.story(&order.id).await?));
            }
        }
        broken.extend(laws::broken(&self.world, &mut self.people).await?);
        Ok(broken)
    }

    async fn digest(&self) -> Result<String> {
        let mut hash = Sha256::new();
        self.trace.iter().for_each(|line| hash.update(line));
        for service in SERVICES {
            hash.update(tables::digest(&self.world.file(service)).await?);
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
