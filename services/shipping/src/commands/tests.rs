//! Carriers that fail: the verbs on a real store, against a carrier that answers by script.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use qm_clock::{Clock as _, ManualClock, SeededEntropy, SharedClock, SharedEntropy};
use qm_database::{Database, DatabaseOptions, TenantSet};
use qm_ids::{IdGenerator, ParcelId};
use qm_messaging::{MessagingBuilder, MessagingOptions, bus};
use qm_refusal::Refusal;
use qm_runtime::{CommandError, operations::Auditor as _};
use sea_orm::ConnectionTrait as _;

use super::{Ask, Cause, Change, Context, Recall, Verb};
use crate::{
    Migrator,
    carriers::{Carrier, CarrierError, Carriers, LabelRequest, SignedMessage, TrackingUpdate},
    domain::{self, Fulfilment, Kind, Label, Labels, LineUnits, NewParcel, Request, State},
    store::{self, Intent, IntentState, Key},
    wake::Wake,
};

type Answer = Result<Label, CarrierError>;

/// Answers by script, and honestly once the script has ended.
#[derive(Debug, Default)]
struct Scripted {
    script: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<ParcelId>>,
    voided: Mutex<Vec<String>>,
}

fn sold(number: &str) -> Answer {
    Ok(Label { tracking_number: number.to_owned(), tracking_url: String::new(), cost_minor: 5 })
}

fn lost() -> Answer {
    Err(CarrierError::Unavailable("connection reset".to_owned()))
}

#[async_trait]
impl Carrier for Scripted {
    fn code(&self) -> &'static str {
        "scripted"
    }

    async fn buy_label(&self, request: &LabelRequest) -> Answer {
        self.asked.lock().unwrap().push(request.parcel);
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| sold(&request.parcel.to_string()))
    }

    async fn void_label(&self, tracking_number: &str) -> Result<(), CarrierError> {
        self.voided.lock().unwrap().push(tracking_number.to_owned());
        Ok(())
    }

    fn read_tracking(&self, _: &SignedMessage<'_>, _: DateTime<Utc>) -> Result<Vec<TrackingUpdate>, Refusal> {
        Ok(Vec::new())
    }
}

struct World {
    context: Context,
    carrier: Arc<Scripted>,
    clock: Arc<ManualClock>,
    ids: IdGenerator,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let clock = Arc::new(ManualClock::new(qm_clock::SystemClock.now()));
        let shared: SharedClock = clock.clone();
        let entropy: SharedEntropy = Arc::new(SeededEntropy::new(3));
        let ids = IdGenerator::new(shared.clone(), entropy.clone());
        let database = Database::open(&file("shipping.sqlite"), &DatabaseOptions::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let bus = bus::open(&file("bus.sqlite"), shared.clone()).await.unwrap();
        let options = MessagingOptions::default();
        let messaging = MessagingBuilder::new(
            "shipping",
            database.clone(),
            bus,
            shared.clone(),
            ids.clone(),
            &entropy,
            options,
        );
        let carrier =
            Arc::new(Scripted { script: Mutex::new(script.into_iter().collect()), ..<_>::default() });
        let context = Context {
            database,
            clock: shared,
            outbox: messaging.outbox(),
            carriers: Carriers::new(carrier.clone()),
            carrier_timeout: Duration::from_millis(200),
            wake: Arc::new(Wake::default()),
        };
        Self { context, carrier, clock, ids, _folder: folder }
    }

    /// A fulfilment of two lines, each in a parcel of its own.
    async fn packed(&self) -> Key {
        let units: Vec<_> =
            (0..2).map(|_| LineUnits { line: self.ids.next(), item: self.ids.next(), quantity: 1 }).collect();
        let request = Request {
            tenant: self.ids.next(),
            id: self.ids.next(),
            order: self.ids.next(),
            order_number: 1,
            plan: self.ids.next(),
            reservation: self.ids.next(),
            location: self.ids.next(),
            kind: Kind::Ship,
            group: String::new(),
            service_level: String::new(),
            ship_by: String::new(),
            promise_by: String::new(),
            units: units.clone(),
        };
        let key = (request.tenant, request.id);
        let tx = self.context.database.begin(&TenantSet::one(key.0)).await.unwrap();
        let ask = Ask { request, cause: Cause::default() };
        super::request(&self.context, &tx, &[ask]).await.unwrap();
        tx.commit().await.unwrap();
        self.change(key, Box::new(domain::accept)).await.unwrap();
        let parcels: Vec<_> =
            units.into_iter().map(|it| NewParcel { units: vec![it], weight_grams: 1 }).collect();
        let pack: Verb<()> = Box::new(move |step| domain::pack(step, &parcels, &<_>::default()));
        self.change(key, pack).await.unwrap();
        key
    }

    async fn change(&self, key: Key, verb: Verb<()>) -> Result<Fulfilment, Refusal> {
        let tx = self.context.database.begin(&TenantSet::one(key.0)).await.unwrap();
        let outcome =
            super::change(&self.context, &tx, vec![change(key, verb)]).await.unwrap().pop().unwrap();
        tx.commit().await.unwrap();
        outcome.map(|(fulfilment, ())| fulfilment)
    }

    /// What a process does before it dies.
    async fn claim(&self, key: Key) -> Vec<Intent> {
        let tx = self.context.database.begin(&TenantSet::one(key.0)).await.unwrap();
        let changes = vec![change(key, Box::new(domain::label))];
        let outcome = super::claim_labels(&self.context, &tx, changes).await.unwrap().pop().unwrap();
        tx.commit().await.unwrap();
        outcome.unwrap().1
    }

    async fn buy(&self, key: Key) -> Result<(), CommandError> {
        let intents = self.claim(key).await;
        super::pursue_labels(&self.context, intents).await
    }

    async fn recall(&self, key: Key) {
        let tx = self.context.database.begin(&TenantSet::one(key.0)).await.unwrap();
        let (order, reason) = (self.get(key).await.order, String::new());
        let recall = Recall { key, order, reason, cause: Cause::default() };
        super::recall(&self.context, &tx, &[recall]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What the service says is waiting to be done now.
    async fn jobs_due(&self) -> u64 {
        let audit = crate::audit::Audit {
            database: self.context.database.clone(),
            clock: self.context.clock.clone(),
        };
        audit.jobs_due().await.unwrap()
    }

    /// Lets claims end and backoffs pass until nothing is due for a while.
    async fn finish(&self) {
        let mut idle = 0;
        while idle < 25 {
            self.clock.advance(Duration::from_secs(61));
            let count = super::finish_labels(&self.context).await.unwrap();
            idle = if count == 0 { idle + 1 } else { 0 };
        }
    }

    async fn get(&self, key: Key) -> Fulfilment {
        let tx = self.context.database.read(&TenantSet::one(key.0)).await.unwrap();
        store::load_many(&tx, &[key]).await.unwrap().remove(&key).unwrap()
    }

    async fn intents(&self, key: Key) -> Vec<IntentState> {
        let tx = self.context.database.begin(&TenantSet::one(key.0)).await.unwrap();
        let parcels: Vec<_> = self.get(key).await.parcels.iter().map(|it| (key.0, it.id)).collect();
        let intents = store::lock_intents(&tx, &parcels).await.unwrap();
        intents.iter().map(|intent| intent.state().unwrap()).collect()
    }

    fn asked(&self) -> Vec<ParcelId> {
        let mut asked = self.carrier.asked.lock().unwrap().clone();
        asked.sort_unstable();
        asked
    }
}

fn change<T>(key: Key, verb: Verb<T>) -> Change<T> {
    Change { key, command: "test", cause: Cause::default(), expected_version: 0, note: String::new(), verb }
}

#[tokio::test]
async fn an_audit_finds_books_that_were_tampered_with() {
    let world = World::new([]).await;
    let key = world.packed().await;
    world.buy(key).await.unwrap();
    let audit =
        crate::audit::Audit { database: world.context.database.clone(), clock: world.context.clock.clone() };
    let violations = async || -> Vec<u64> {
        let laws = audit.check_laws(Some(key.0)).await.unwrap();
        laws.iter().map(|law| law.violations()).collect()
    };
    assert_eq!(violations().await, [0, 0]);
    let tx = world.context.database.begin(&TenantSet::one(key.0)).await.unwrap();
    tx.conn().execute_unprepared("UPDATE shipment SET status = 'delivered'").await.unwrap();
    tx.conn().execute_unprepared("UPDATE fulfilment_line SET rejected = 1").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(violations().await, [1, 2]);
}

const BOUGHT: State = State::Packed { labels: Labels::Bought };
const NOT_BOUGHT: State = State::Packed { labels: Labels::NotBought };

#[tokio::test]
async fn a_purchase_whose_answer_was_lost_is_asked_again_under_the_same_key() {
    let world = World::new((0..8).map(|_| lost())).await;
    let key = world.packed().await;
    world.buy(key).await.unwrap();
    assert_eq!(world.get(key).await.state, State::Packed { labels: Labels::Buying });
    world.finish().await;
    let at = world.get(key).await;
    assert_eq!((at.state, at.shipments.len()), (BOUGHT, 2));
    let mut keys = world.asked();
    keys.dedup();
    assert_eq!(keys.len(), 2, "one key for each parcel");
    assert_eq!(world.intents(key).await, [IntentState::Bought; 2]);
}

#[tokio::test]
async fn what_a_dead_process_left_half_bought_is_finished() {
    let world = World::new([]).await;
    let key = world.packed().await;
    world.claim(key).await;
    assert_eq!(super::finish_labels(&world.context).await.unwrap(), 0, "still claimed");
    world.finish().await;
    assert_eq!(world.get(key).await.state, BOUGHT);
}

#[tokio::test]
async fn labels_that_are_being_asked_for_count_as_work_to_do() {
    // Three times in a row for each of two parcels, and once more.
    let world = World::new((0..12).map(|_| lost())).await;
    let key = world.packed().await;
    assert_eq!(world.jobs_due().await, 0);
    let intents = world.claim(key).await;
    assert_eq!(world.jobs_due().await, 2, "their due time lies ahead, and the carrier is being asked");
    super::pursue_labels(&world.context, intents).await.unwrap();
    assert_eq!(world.jobs_due().await, 0, "they are tried again later");

    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.jobs_due().await, 2, "now");
    let now = world.clock.now();
    let claim =
        async |now, until| store::claim_due_intents(&world.context.database, now, until, 9).await.unwrap();
    let slow = claim(now, now + Duration::from_secs(30)).await;
    let later = now + Duration::from_secs(30);
    let taken_over = claim(later, later + Duration::from_secs(30)).await;
    super::pursue_labels(&world.context, slow).await.unwrap();
    assert_eq!(world.jobs_due().await, 2, "one that took too long does not end another's claim");
    super::pursue_labels(&world.context, taken_over).await.unwrap();
    assert_eq!(world.jobs_due().await, 0);
    assert_eq!(world.intents(key).await, [IntentState::Bought; 2]);
}

#[tokio::test]
async fn a_second_answer_changes_nothing() {
    let world = World::new([]).await;
    let key = world.packed().await;
    let intents = world.claim(key).await;
    super::pursue_labels(&world.context, intents.clone()).await.unwrap();
    let once = world.get(key).await;
    super::pursue_labels(&world.context, intents).await.unwrap();
    assert_eq!(world.get(key).await, once);
    assert_eq!(world.intents(key).await, [IntentState::Bought; 2]);
}

#[tokio::test]
async fn nonsense_is_never_recorded() {
    let nonsense = ["", "two words", "TAKEN", "TAKEN", &"9".repeat(65), "tab\t", "", ""];
    let world = World::new(nonsense.map(sold)).await;
    let key = world.packed().await;
    world.buy(key).await.unwrap();
    world.finish().await;
    let at = world.get(key).await;
    assert_eq!(at.state, BOUGHT);
    assert_ne!(at.shipments[0].tracking_number, at.shipments[1].tracking_number);
    assert!(at.shipments.iter().all(|shipment| {
        super::super::carriers::check_label(Label {
            tracking_number: shipment.tracking_number.clone(),
            tracking_url: String::new(),
            cost_minor: 0,
        })
        .is_ok()
    }));
}

#[tokio::test]
async fn a_refusal_by_the_carrier_leaves_the_work_packed_and_open_to_recall() {
    let refused = || Err(CarrierError::Refused("too heavy".to_owned()));
    let world = World::new([refused(), refused()]).await;
    let key = world.packed().await;
    world.buy(key).await.unwrap();
    assert_eq!(world.get(key).await.state, NOT_BOUGHT);
    assert_eq!(world.intents(key).await, [IntentState::Refused; 2]);
    world.finish().await;
    assert_eq!(world.asked().len(), 2, "nobody asks again by himself");
    world.buy(key).await.unwrap();
    assert_eq!(world.get(key).await.state, BOUGHT);
}

#[tokio::test]
async fn a_label_half_sold_can_be_rejected_and_is_given_back() {
    let world = World::new([sold("ONE"), Err(CarrierError::Refused("no more".to_owned()))]).await;
    let key = world.packed().await;
    world.buy(key).await.unwrap();
    assert_eq!(world.get(key).await.shipments.len(), 1);
    let reject: Verb<()> = Box::new(|step| domain::reject(step, &[], domain::RejectReason::Declined));
    world.change(key, reject).await.unwrap();
    world.finish().await;
    assert_eq!(*world.carrier.voided.lock().unwrap(), ["ONE"]);
    let mut states = world.intents(key).await;
    states.sort_by_key(|state| state.word());
    assert_eq!(states, [IntentState::Refused, IntentState::Voided]);
}

#[tokio::test]
async fn a_recall_wins_over_a_label_on_its_way_which_is_given_back() {
    let world = World::new([]).await;
    let key = world.packed().await;
    let intents = world.claim(key).await;
    world.recall(key).await;
    assert_eq!(world.get(key).await.state, State::Cancelled);
    super::pursue_labels(&world.context, intents).await.unwrap();
    world.finish().await;
    let at = world.get(key).await;
    assert_eq!((at.state, at.shipments.len()), (State::Cancelled, 0));
    assert_eq!(world.intents(key).await, [IntentState::Voided; 2]);
    assert_eq!(world.carrier.voided.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_carrier_that_never_answers_is_given_up_in_the_end() {
    let world = World::new((0..1_000).map(|_| lost())).await;
    let key = world.packed().await;
    world.buy(key).await.unwrap();
    world.finish().await;
    assert_eq!(world.intents(key).await, [IntentState::Refused; 2]);
    assert_eq!(world.get(key).await.state, NOT_BOUGHT);
}
