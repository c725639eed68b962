//! What becomes of plans and their claims.

use proptest::prelude::*;
use qm_ids::{FulfilmentId, derive};

use super::fixtures::*;
use super::*;

const NOW: &str = "2017-07-10T08:00:00Z";

/// Three units from location 1 and one from location 2.
fn split() -> (Request, Decision) {
    let world = TestWorld::new(vec![location(1), location(2)], &[(1, 7, 3), (2, 7, 1)]);
    let (request, demand) = asked(request(1, 7, 4));
    let decision = world.plan(&demand);
    assert_eq!(sources(&decision), [location_id(1), location_id(2)]);
    (request, decision)
}

fn plan() -> Plan {
    let (request, decision) = split();
    Plan::make(&request, &decision, None, at(NOW))
}

fn units(location: u128, quantity: u32) -> LetGo {
    let (location, line, item) = (location_id(location), line_id(1), item_id(7));
    LetGo { units: vec![LocationUnits { location, line, item, quantity }] }
}

fn fulfilment(plan: &Plan, location: u128) -> FulfilmentId {
    let label = format!("fulfilment/{}/ship:standard:ambient", location_id(location));
    derive(plan.id.as_uuid(), &label, 0)
}

fn counts(plan: &Plan) -> Vec<bool> {
    plan.claims.iter().map(Claim::counts).collect()
}

#[test]
fn a_plan_ends_with_the_last_of_its_claims() {
    let mut plan = plan();
    let made = plan.made.unwrap();
    assert_eq!((made.outcome, made.attempt), (Outcome::Planned, 1));
    plan.let_go(units(1, 2), EndReason::Released, at(NOW));
    plan.let_go(units(2, 1), EndReason::Broken, at(NOW));
    assert_eq!((counts(&plan), plan.ended), (vec![true, false], None));
    plan.let_go(units(1, 7), EndReason::Released, at(NOW));
    assert_eq!(plan.ended, Some((at(NOW), EndReason::Released)));
    assert!(plan.holds());
}

#[test]
fn what_left_counts_whatever_is_told_besides() {
    let mut plan = plan();
    let (one, other) = (fulfilment(&plan, 1), fulfilment(&plan, 2));
    plan.issue(one, at(NOW));
    plan.let_go(LetGo { units: Vec::new() }, EndReason::Released, at(NOW));
    assert_eq!((counts(&plan), plan.ended), (vec![true, false], None));
    plan.reject(at(NOW));
    assert_eq!(counts(&plan), [true, false], "it was reserved once");
    plan.issue(other, at(NOW));
    assert_eq!(counts(&plan), [true, true], "goods that left used the day, late as we hear of it");
    assert!(plan.holds());
}

#[test]
fn only_what_was_rejected_claims_again_when_it_is_repeated() {
    let mut rejected = plan();
    rejected.let_go(units(2, 1), EndReason::Released, at(NOW));
    rejected.reject(at(NOW));
    assert_eq!(rejected.ended, Some((at(NOW), EndReason::Rejected)));
    rejected.repeat();
    assert_eq!((counts(&rejected), rejected.ended), (vec![true, false], None));
    let mut released = plan();
    released.let_go(LetGo { units: Vec::new() }, EndReason::Released, at(NOW));
    released.repeat();
    assert_eq!(counts(&released), [false, false]);
    assert!(released.ended.is_some() && rejected.holds() && released.holds());
}

#[test]
fn a_plan_without_assignments_claims_nothing_and_stands() {
    let world = TestWorld::new(vec![location(1)], &[]);
    let (request, demand) = asked(request(1, 7, 4));
    let mut plan = Plan::make(&request, &world.plan(&demand), None, at(NOW));
    assert_eq!((plan.made.unwrap().outcome, plan.made.unwrap().cost_minor), (Outcome::Unfillable, 0));
    plan.reject(at(NOW));
    assert!(plan.claims.is_empty() && plan.ended.is_none() && plan.holds());
}

#[derive(Debug, Clone)]
enum Told {
    LetGo(LetGo),
    Issue(u128),
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        (1..3_u128, 1..5_u32).prop_map(|(location, quantity)| Told::LetGo(units(location, quantity))),
        Just(Told::LetGo(LetGo { units: Vec::new() })),
        (1..3_u128).prop_map(Told::Issue),
    ]
}

fn tell(plan: &mut Plan, told: &Told) {
    match told {
        Told::LetGo(it) => plan.let_go(it.clone(), EndReason::Released, at(NOW)),
        Told::Issue(location) => plan.issue(fulfilment(plan, *location), at(NOW)),
    }
}

proptest! {
    #[test]
    fn claims_are_as_the_plan_says_whatever_is_told(events in prop::collection::vec(told(), 0..6)) {
        let mut plan = plan();
        for event in &events {
            tell(&mut plan, event);
            prop_assert!(plan.holds(), "{event:?} made {plan:?}");
        }
    }

    #[test]
    fn the_order_in_which_things_are_told_does_not_matter(
        events in prop::collection::vec(told(), 0..6).prop_shuffle(), turn in 0..6_usize
    ) {
        let (mut one, mut other) = (plan(), plan());
        let mut turned = events.clone();
        turned.rotate_left(turn.min(events.len()));
        events.iter().for_each(|event| tell(&mut one, event));
        turned.iter().for_each(|event| tell(&mut other, event));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn what_is_let_go_before_the_plan_is_let_go_of_it(early in prop::collection::vec(
        prop_oneof![(1..3_u128, 1..5_u32).prop_map(|(l, q)| units(l, q)), Just(LetGo { units: Vec::new() })], 1..4
    )) {
        let (request, decision) = split();
        let mut tombstone = Plan::tombstone(request.tenant, request.plan(), request.order);
        let mut usual = plan();
        for let_go in early {
            tombstone.let_go(let_go.clone(), EndReason::Released, at(NOW));
            usual.let_go(let_go, EndReason::Released, at(NOW));
        }
        let late = Plan::make(&request, &decision, Some(&tombstone), at(NOW));
        prop_assert_eq!(late.claims, usual.claims);
        prop_assert_eq!(late.ended, usual.ended);
    }
}
