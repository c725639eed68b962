//! One test per rule of the least-cost policy.

use qm_money::Minor;

use super::fixtures::*;
use super::*;

fn report(decision: &Decision, location: u128) -> &CandidateReport {
    let reports = &decision.explanation.candidates;
    reports.iter().find(|report| report.location == location_id(location)).unwrap()
}

fn reasons(decision: &Decision, location: u128) -> &[Reason] {
    let report = report(decision, location);
    assert_eq!(report.verdict, Verdict::RuledOut);
    &report.reasons
}

#[test]
fn the_nearest_of_equal_locations_fills_the_order_and_the_others_are_dearer() {
    let world = TestWorld::new(vec![location(3), location(1)], &[(1, 7, 5), (3, 7, 5)]);
    let decision = world.plan(&demand(vec![line(1, 7, 2)]));
    assert_eq!(sources(&decision), [location_id(1)]);
    let shipment = &decision.assignments[0];
    assert_eq!(shipment.group.to_string(), "ship:standard:ambient");
    assert_eq!((shipment.ship_date, shipment.promised_date), (date("2017-07-10"), date("2017-07-11")));
    // Base 650, two units of 454 g at 27 a pound make 54.05; handling 200 and twice 30.
    assert_eq!((decision.cost.transport, decision.cost.handling), (Minor(704), Minor(260)));
    assert_eq!(decision.cost.total(), Minor(964));
    assert_eq!(report(&decision, 1).verdict, Verdict::Chosen { units: 2, shipments: 1 });
    // Two bands on: the base rises by 100, two pounds by 14 each.
    assert_eq!(report(&decision, 3).verdict, Verdict::Dearer { by: Minor(128) });
    assert_eq!(decision.explanation.method, Method::Optimal);
}

#[test]
fn one_dearer_shipment_beats_two_cheap_ones() {
    let world =
        TestWorld::new((1..=3).map(location).collect(), &[(1, 7, 1), (2, 8, 1), (3, 7, 1), (3, 8, 1)]);
    let decision = world.plan(&demand(vec![line(1, 7, 1), line(2, 8, 1)]));
    assert_eq!(sources(&decision), [location_id(3)]);
    assert_eq!(report(&decision, 1).verdict, Verdict::Incomplete { missing: 1 });
    assert_eq!(report(&decision, 1).reasons, [Reason::NoStock]);
}

#[test]
fn a_line_is_split_where_no_location_has_enough_and_the_split_is_penalised_once() {
    let world = TestWorld::new((1..=3).map(location).collect(), &[(1, 7, 2), (2, 7, 3), (3, 7, 3)]);
    let decision = world.plan(&demand(vec![line(1, 7, 5)]));
    assert_eq!(sources(&decision), [location_id(1), location_id(2)]);
    let quantities: Vec<_> = decision.assignments.iter().map(|a| a.lines[0].quantity).collect();
    assert_eq!(quantities, [2, 3]);
    assert_eq!(decision.cost.split_penalty, PolicySettings::default().split_penalty);
    assert_eq!(report(&decision, 3).reasons, [Reason::NotEnoughStock]);
}

#[test]
fn lines_of_one_item_share_its_stock() {
    let world = TestWorld::new(vec![location(1)], &[(1, 7, 4)]);
    let decision = world.plan(&demand(vec![line(1, 7, 3), line(2, 7, 3)]));
    let filled: Vec<_> = decision.assignments[0].lines.iter().map(|l| (l.line_id, l.quantity)).collect();
    assert_eq!(filled, [(line_id(1), 3), (line_id(2), 1)]);
    let [left] = &decision.unfilled[..] else { panic!("{:?}", decision.unfilled) };
    assert_eq!((left.line_id, left.quantity), (line_id(2), 2));
    assert_eq!(left.why, Shortage::NotEnoughStock { available: 4 });
}

#[test]
fn parcels_do_not_mix_storage_classes_but_a_collection_does() {
    let world = TestWorld::new(vec![location(1)], &[(1, 7, 1), (1, 8, 1)]);
    let frozen = DemandLine { storage: StorageClass::Frozen, ..line(2, 8, 1) };
    let mut order = demand(vec![line(1, 7, 1), frozen]);
    let shipped = world.plan(&order);
    let groups =
        |decision: &Decision| decision.assignments.iter().map(|a| a.group.to_string()).collect::<Vec<_>>();
    assert_eq!(groups(&shipped), ["ship:standard:ambient", "ship:standard:frozen"]);
    order.kind = FulfilmentKind::Pickup { location: location_id(1) };
    order.service_level = "pickup".into();
    let collected = world.plan(&order);
    assert_eq!(groups(&collected), ["pickup:pickup:frozen"]);
    assert_eq!((collected.cost.transport, collected.cost.handling), (Minor(0), Minor(260)));
}

#[test]
fn a_pickup_is_filled_by_its_counter_alone() {
    let mut world = TestWorld::new(vec![location(1), location(2)], &[(1, 7, 1), (2, 7, 9)]);
    let mut order = demand(vec![line(1, 7, 2)]);
    order.kind = FulfilmentKind::Pickup { location: location_id(1) };
    let decision = world.plan(&order);
    assert_eq!(sources(&decision), [location_id(1)]);
    assert_eq!(decision.unfilled[0].why, Shortage::NotEnoughStock { available: 1 });
    assert_eq!(decision.explanation.omitted, 1);

    world.locations[0].can_pickup = false;
    let decision = world.plan(&order);
    assert_eq!(reasons(&decision, 1), [Reason::CannotPickUp]);
    assert_eq!(decision.unfilled[0].why, Shortage::RuledOut(Reason::CannotPickUp));

    order.kind = FulfilmentKind::Pickup { location: location_id(99) };
    assert_eq!(world.plan(&order).unfilled[0].why, Shortage::NoLocation);
}

#[test]
fn what_a_location_may_not_do_rules_it_out_by_name() {
    let alcohol = || ComplianceClass("alcohol".into());
    let order = demand(vec![DemandLine {
        storage: StorageClass::Chilled,
        restricted: Some(alcohol()),
        ..line(1, 7, 1)
    }]);
    type Change = fn(&mut Location);
    let cases: [(Change, Reason); 6] = [
        (|l| l.active = false, Reason::Inactive),
        (|l| l.can_ship = false, Reason::CannotShip),
        (|l| l.storage = vec![StorageClass::Ambient], Reason::CannotStore { class: StorageClass::Chilled }),
        (|l| l.compliance.clear(), Reason::NotLicensed { class: alcohol() }),
        (|l| l.kind = LocationKind::Supplier, Reason::NotDropShip),
        (|l| l.point = GeoPoint::new(0.0, 90.0).ok(), Reason::NoTariff),
    ];
    for (change, reason) in cases {
        let mut world = TestWorld::new(vec![location(1), location(2)], &[(1, 7, 1), (2, 7, 1)]);
        change(&mut world.locations[0]);
        let decision = world.plan(&order);
        assert_eq!(sources(&decision), [location_id(2)], "{reason}");
        assert_eq!(reasons(&decision, 1), std::slice::from_ref(&reason));
        world.locations.truncate(1);
        assert_eq!(world.plan(&order).unfilled[0].why, Shortage::RuledOut(reason));
    }
}

#[test]
fn a_supplier_drop_ships_what_may_be_drop_shipped() {
    let mut world = TestWorld::new(vec![location(1)], &[(1, 7, 1)]);
    world.locations[0].kind = LocationKind::Supplier;
    let decision = world.plan(&demand(vec![DemandLine { drop_ship: true, ..line(1, 7, 1) }]));
    assert_eq!(decision.assignments[0].group.kind, GroupKind::DropShip);
}

#[test]
fn exclusions_bar_a_location_or_only_one_item_of_it() {
    let world = TestWorld::new(vec![location(1), location(2)], &[(1, 7, 9), (1, 8, 9), (2, 7, 9)]);
    let mut order = demand(vec![line(1, 7, 1), line(2, 8, 1)]);
    order.exclusions = vec![Exclusion { location: location_id(1), item: Some(item_id(7)) }];
    let decision = world.plan(&order);
    assert_eq!(sources(&decision), [location_id(1), location_id(2)]);
    assert_eq!(report(&decision, 1).reasons, [Reason::ItemExcluded]);
    order.exclusions = vec![Exclusion { location: location_id(1), item: None }];
    let decision = world.plan(&order);
    assert_eq!(sources(&decision), [location_id(2)]);
    assert_eq!(reasons(&decision, 1), [Reason::Excluded]);
    assert_eq!(decision.unfilled[0].why, Shortage::RuledOut(Reason::Excluded));
}

#[test]
fn a_full_day_moves_the_shipment_and_full_weeks_rule_the_location_out() {
    let mut world = TestWorld::new(vec![location(1)], &[(1, 7, 9)]);
    world.locations[0].daily_capacity = Some(1);
    let order = demand(vec![line(1, 7, 1)]);
    for day in ["2017-07-10", "2017-07-11", "2017-07-12"] {
        let decision = world.plan(&order);
        assert_eq!(decision.assignments[0].ship_date, date(day));
        decision.claim(&mut world.availability, &mut world.capacity);
    }
    assert_eq!(world.availability.at(item_id(7), location_id(1)), 6);
    world.locations[0].daily_capacity = Some(0);
    let until = date("2017-07-24");
    let decision = world.plan(&order);
    assert_eq!(reasons(&decision, 1), [Reason::CapacityExhausted { until }]);
    assert_eq!(decision.unfilled[0].why, Shortage::RuledOut(Reason::CapacityExhausted { until }));
}

#[test]
fn two_parcels_of_one_location_claim_two_places_in_its_days() {
    let mut world = TestWorld::new(vec![location(1)], &[(1, 7, 1), (1, 8, 1)]);
    world.locations[0].daily_capacity = Some(1);
    let order = demand(vec![line(1, 7, 1), DemandLine { storage: StorageClass::Frozen, ..line(2, 8, 1) }]);
    let days = |decision: &Decision| decision.assignments.iter().map(|a| a.ship_date).collect::<Vec<_>>();
    assert_eq!(days(&world.plan(&order)), [date("2017-07-10"), date("2017-07-11")]);
    // With one place in reach, one parcel goes and the other stays.
    let policy = LeastCost::new(PolicySettings { capacity_lookahead_days: 0, ..PolicySettings::default() });
    let decision = policy.plan(&order, &world.view());
    assert_eq!(days(&decision), [date("2017-07-10")]);
    assert_eq!(decision.unfilled.len(), 1);
    // With a second location that can be in time, the second parcel comes from there.
    let mut world = TestWorld::new(vec![location(1), location(2)], &[(1, 7, 1), (1, 8, 1), (2, 8, 1)]);
    world.locations[0].daily_capacity = Some(1);
    let order = Demand { promise_by: Some(date("2017-07-12")), ..order };
    world.locations[0].cutoff = chrono::NaiveTime::MIN;
    let decision = world.plan(&order);
    assert_eq!(sources(&decision), [location_id(1), location_id(2)]);
    assert!(!decision.promise_unmet);
}

#[test]
fn a_cheaper_location_that_misses_the_promise_is_ruled_out_if_another_meets_it() {
    let mut world = TestWorld::new(vec![location(1), location(2)], &[(1, 7, 1), (2, 7, 1)]);
    world.locations[0].lead_days = 4;
    let mut order = demand(vec![line(1, 7, 1)]);
    order.promise_by = Some(date("2017-07-12"));
    let decision = world.plan(&order);
    assert_eq!(sources(&decision), [location_id(2)]);
    assert!(!decision.promise_unmet);
    assert_eq!(reasons(&decision, 1), [Reason::MissesPromise { days: 3 }]);
}

#[test]
fn if_nothing_meets_the_promise_the_cheapest_plan_says_so() {
    let world = TestWorld::new(vec![location(1), location(2)], &[(1, 7, 1), (2, 7, 1)]);
    let mut order = demand(vec![line(1, 7, 1)]);
    order.promise_by = Some(date("2017-07-10"));
    let decision = world.plan(&order);
    assert_eq!(sources(&decision), [location_id(1)]);
    assert!(decision.promise_unmet);
    assert_eq!(decision.cost.late_penalty, PolicySettings::default().late_per_shipment);
}

#[test]
fn late_parcels_are_as_few_as_can_be() {
    let mut world = TestWorld::new((1..=3).map(location).collect(), &[(1, 7, 1), (1, 8, 1), (2, 8, 1)]);
    world.locations[0].lead_days = 4;
    let mut order = demand(vec![line(1, 7, 1), line(2, 8, 1)]);
    order.promise_by = Some(date("2017-07-12"));
    // Item 7 is late in any plan, and a second parcel for item 8 would only cost more.
    assert_eq!(sources(&world.plan(&order)), [location_id(1)]);
    // Without item 8 beside item 7 it comes by itself, and in time.
    world.availability.set(item_id(8), location_id(1), 0);
    let decision = world.plan(&order);
    assert_eq!(sources(&decision), [location_id(1), location_id(2)]);
    assert!(decision.promise_unmet);
    assert_eq!(decision.assignments[1].promised_date, date("2017-07-12"));
}

#[test]
fn planning_later_than_the_order_was_placed_counts_from_the_planning() {
    let world = TestWorld::new(vec![location(1)], &[(1, 7, 1)]);
    let order = demand(vec![line(1, 7, 1)]);
    let late = World { now: at("2017-07-13T16:00:00Z"), ..world.view() };
    assert_eq!(LeastCost::default().plan(&order, &late).assignments[0].ship_date, date("2017-07-14"));
}

#[test]
fn equal_plans_are_decided_by_arrival_and_then_by_id() {
    let twin = |n: u32| Location { point: GeoPoint::new(0.0, 1.0).ok(), ..location(n) };
    let mut world = TestWorld::new(vec![twin(9), twin(4), twin(6)], &[(9, 7, 1), (4, 7, 1), (6, 7, 1)]);
    let order = demand(vec![line(1, 7, 1)]);
    assert_eq!(sources(&world.plan(&order)), [location_id(4)]);
    world.locations[1].lead_days = 1;
    let decision = world.plan(&order);
    assert_eq!(sources(&decision), [location_id(6)]);
    assert_eq!(report(&decision, 4).verdict, Verdict::Dearer { by: Minor(0) });
}

#[test]
fn an_order_no_one_can_fill_and_an_empty_order_are_decisions_too() {
    let world = TestWorld::new(vec![location(1)], &[]);
    let decision = world.plan(&demand(vec![line(1, 7, 2)]));
    assert!(decision.assignments.is_empty());
    assert_eq!((decision.unfilled[0].quantity, &decision.unfilled[0].why), (2, &Shortage::NoStock));
    assert_eq!(decision.cost.total(), Minor(2_000_000));
    let decision = world.plan(&demand(vec![line(1, 7, 0)]));
    assert!(decision.assignments.is_empty() && decision.unfilled.is_empty());
    assert_eq!(decision.cost, CostParts::default());
}

#[test]
fn a_unit_dearer_than_the_settings_allow_stays_unfilled() {
    let world = TestWorld::new(vec![location(1)], &[(1, 7, 1)]);
    let policy = |limit| {
        LeastCost::new(PolicySettings { unfilled_per_unit: Minor(limit), ..PolicySettings::default() })
    };
    let order = demand(vec![line(1, 7, 1)]);
    // One unit costs 650 + 27.02 + 200 + 30.
    assert_eq!(policy(907).plan(&order, &world.view()).unfilled[0].why, Shortage::NotWorthAShipment);
    assert!(policy(908).plan(&order, &world.view()).unfilled.is_empty());
}

#[test]
fn extreme_numbers_do_not_panic() {
    let mut world = TestWorld::new(vec![location(1), location(2)], &[(1, 7, u32::MAX), (2, 7, 1)]);
    world.locations[0].handling_unit = Minor(i64::MAX);
    world.locations[0].lead_days = u16::MAX;
    world.locations[1].handling_order = Minor(i64::MIN);
    let heavy = |n| DemandLine { weight_grams: u32::MAX, ..line(n, 7, u32::MAX) };
    let mut order = demand(vec![heavy(1), heavy(2)]);
    order.placed_at = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    let decision = world.plan(&order);
    let filled: u64 = decision.assignments.iter().flat_map(|a| &a.lines).map(|l| u64::from(l.quantity)).sum();
    let unfilled: u64 = decision.unfilled.iter().map(|u| u64::from(u.quantity)).sum();
    assert_eq!(filled + unfilled, 2 * u64::from(u32::MAX));
}

#[test]
fn a_budget_that_ends_gives_a_plan_and_names_the_gap() {
    // Ten items, each at two of ten locations in a ring: nothing dominates and the root bound has a gap.
    let stock: Vec<_> = (1..=10).flat_map(|n| [(n, n, 1), (n % 10 + 1, n, 1)]).collect();
    let world = TestWorld::new((1..=10).map(location).collect(), &stock);
    let order = demand((1..=10).map(|n| line(n, n, 1)).collect());
    let policy =
        |search_budget| LeastCost::new(PolicySettings { search_budget, ..PolicySettings::default() });
    let exact = policy(4_000_000).plan(&order, &world.view());
    let hurried = policy(0).plan(&order, &world.view());
    assert_eq!(exact.explanation.method, Method::Optimal);
    let Method::Heuristic { gap } = hurried.explanation.method else { panic!("proven within no budget") };
    assert!(hurried.unfilled.is_empty());
    assert!(hurried.cost.total().0 - gap.0 <= exact.cost.total().0 + 5);
}

#[test]
fn an_explanation_is_bounded_and_survives_storage() {
    let stock: Vec<_> = (1..=9).map(|n| (n, 7, 1)).collect();
    let world = TestWorld::new((1..=9).map(location).collect(), &stock);
    let policy = LeastCost::new(PolicySettings { explained_locations: 4, ..PolicySettings::default() });
    let decision = policy.plan(&demand(vec![line(1, 7, 1)]), &world.view());
    assert_eq!((decision.explanation.candidates.len(), decision.explanation.omitted), (4, 5));
    assert!(matches!(decision.explanation.candidates[0].verdict, Verdict::Chosen { .. }));
    let text = serde_json::to_string(&decision).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision);
}
