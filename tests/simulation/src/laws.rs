//! What must hold once everything has come to rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

use qm_clock::Clock as _;
use qm_messaging::{Envelope, bus::matches};
use qm_proto::{events::STREAMS, order::v1::Order};
use quartermaster::verify::{Report, Verifier};

use crate::{
    people::People,
    step::service_of,
    tables,
    world::{SERVICES, World},
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Which orders still have a way to go, and what else is in flight; empty at rest.
pub async fn unrest(world: &World, people: &People) -> Result<Vec<String>> {
    let mut unrest = Vec::new();
    for order in people.orders().await? {
        let units = units(&order);
        let is_over = units.keys().all(|bucket| ["delivered", "cancelled"].contains(bucket));
        if !is_over || !["completed", "cancelled"].contains(&order.status.as_str()) {
            unrest.push(format!("{} is {} with {units:?}", order.id, order.status));
        }
    }
    if unrest.is_empty() {
        let in_flight = verifier(world).in_flight().await?;
        if in_flight > 0 {
            unrest.push(format!("{in_flight} events and jobs are in flight"));
        }
    }
    Ok(unrest)
}

/// The laws that are broken, each in words.
pub async fn broken(world: &World, people: &mut People) -> Result<Vec<String>> {
    let mut broken = std::mem::take(&mut people.scandals);
    promises(people, &mut broken).await?;
    everything_applied(world, &mut broken).await?;
    ends_told_once(world, &mut broken).await?;
    every_mail_taken(world, &mut broken).await?;
    stock_moved_once(world, people, &mut broken).await?;
    let kept = tables::places_kept(&world.file("routing")).await?;
    broken.extend(kept.iter().map(|plan| format!("plan {plan} keeps a place, and every order has ended")));
    let kept = tables::holds_kept(&world.file("inventory"), world.clock.now()).await?;
    broken.extend(kept.iter().map(|hold| format!("hold {hold} outlives its time")));
    let report = verifier(world).verify().await?;
    if !report.is_clean() || report.in_flight > 0 {
        broken.push(what_is_wrong(&report));
    }
    Ok(broken)
}

/// The laws that are broken while nothing is told; jobs may be due.
pub async fn broken_in_a_lull(world: &World) -> Result<Vec<String>> {
    let report = verifier(world).verify().await?;
    Ok(if report.is_clean() { Vec::new() } else { vec![what_is_wrong(&report)] })
}

/// Of a report only the laws that are broken.
fn what_is_wrong(report: &Report) -> String {
    let lines: Vec<_> = report.to_string().lines().map(|line| line.trim().to_owned()).collect();
    lines.into_iter().filter(|line| !line.starts_with("ok ")).collect::<Vec<_>>().join("\n")
}

fn verifier(world: &World) -> Verifier {
    Verifier::new(SERVICES.map(|name| (name, world.channel(name)))).of_the_resting()
}

fn units(order: &Order) -> BTreeMap<&str, i64> {
    let mut units = BTreeMap::new();
    for piece in order.lines.iter().flat_map(|line| &line.pieces) {
        *units.entry(piece.bucket.as_str()).or_default() += piece.quantity;
    }
    units
}

/// One order for each wish, the same whenever it is asked for again, with all units wanted; and none besides.
async fn promises(people: &mut People, broken: &mut Vec<String>) -> Result<()> {
    for index in 0..people.wishes.len() {
        people.place(index, 1).await;
    }
    broken.append(&mut people.scandals);
    let orders: BTreeMap<String, Order> =
        people.orders().await?.into_iter().map(|order| (order.id.clone(), order)).collect();
    for wish in &people.wishes {
        for id in &wish.answers {
            match orders.get(id).map(|order| units(order).values().sum::<i64>()) {
                None => broken.push(format!("order {id} was promised and is not there")),
                Some(count) if count != wish.units() => {
                    broken.push(format!("order {id} has {count} units and not {}", wish.units()));
                }
                Some(_) => {}
            }
        }
    }
    let promised: BTreeSet<&String> = people.wishes.iter().flat_map(|wish| &wish.answers).collect();
    broken.extend(
        orders
            .keys()
            .filter(|id| !promised.contains(id))
            .map(|id| format!("order {id} was placed for nobody")),
    );
    Ok(())
}

/// An order is placed once, and ends once.
async fn ends_told_once(world: &World, broken: &mut Vec<String>) -> Result<()> {
    for told in tables::told_again(&world.file("order")).await? {
        broken.push(format!("told more than once: {told}"));
    }
    Ok(())
}

/// Law 8: every event is applied by each consumer.
async fn everything_applied(world: &World, broken: &mut Vec<String>) -> Result<()> {
    let mut applied: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for service in SERVICES {
        applied.insert(service, tables::applied(&world.file(service)).await?.into_iter().collect());
    }
    for stream in STREAMS {
        let told = tables::told(&world.file(stream.source)).await?;
        for (_, consumer, filter) in world.broker.consumers().iter().filter(|(name, ..)| name == stream.name)
        {
            let inbox = &applied[service_of(consumer)];
            for (kind, id) in told.iter().filter(|(kind, _)| matches(filter, &Envelope::subject(kind))) {
                if !inbox.contains(&format!("{consumer} {id}")) {
                    broken.push(format!("{consumer} never applied {kind} {id}"));
                }
            }
        }
    }
    Ok(())
}

/// Law 9: what counts as sent has been taken by the mail server.
async fn every_mail_taken(world: &World, broken: &mut Vec<String>) -> Result<()> {
    let taken = world.post.taken();
    for id in tables::mails_sent(&world.file("notification")).await? {
        if !taken.contains(&id) {
            broken.push(format!("mail {id} counts as sent, and nobody took it"));
        }
    }
    Ok(())
}

/// Law 2 as people see it: what was received is in the ledger once, and what was issued left it once.
async fn stock_moved_once(world: &World, people: &People, broken: &mut Vec<String>) -> Result<()> {
    let file = world.file("inventory");
    let receipts = tables::receipts(&file).await?;
    for (key, is_answered) in &people.received {
        let count = receipts.get(key).copied().unwrap_or(0);
        // What was reported after the copy was made, nobody else was told in full: it has to be reported again.
        let may_be_forgotten = world.went_back == Some("inventory");
        if count > 1 || (*is_answered && count == 0 && !may_be_forgotten) {
            broken.push(format!("the receipt {key} is in the ledger {count} times"));
        }
    }
    let (left, issued) = tables::issues(&file).await?;
    if left != issued {
        broken.push(format!("{left} units left the ledger, and {issued} were issued"));
    }
    Ok(())
}
