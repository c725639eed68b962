//! Batches: what one order takes the next does not have.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use qm_ids::TenantId;

use super::availability::ENDLESS;
use super::fixtures::*;
use super::stock::BatchStock;
use super::*;

const NOW: &str = "2017-07-10T08:00:00Z";

/// One tenant's world: locations 1 to 3, and of item 7 what `stock` says: (open, held) by location.
fn world(stock: &[(u32, u32)]) -> BTreeMap<TenantId, TenantWorld> {
    let mut it = TenantWorld { tariff: tariff(), tariff_version: 4, ..TenantWorld::default() };
    it.locations = (1..=3).map(location).collect();
    for (n, (open, held)) in (1_u32..).zip(stock) {
        it.stock.set(item_id(7), location_id(n.into()), *open, *held);
    }
    BTreeMap::from([(request(1, 7, 1).tenant, it)])
}

fn plan(worlds: &mut BTreeMap<TenantId, TenantWorld>, requests: Vec<Request>) -> Vec<Planned> {
    let requests = requests.into_iter().map(asked).collect();
    plan_batch(&LeastCost::default(), worlds, requests, at(NOW))
}

fn filled(planned: &Planned) -> u32 {
    planned.decision.assignments.iter().flat_map(|a| &a.lines).map(|line| line.quantity).sum()
}

#[test]
fn priority_goes_before_age_and_age_before_the_rest() {
    let mut requests: Vec<Request> = (1..=4).map(|n| request(n, 7, 1)).collect();
    requests[2].placed_at = at("2017-07-09T08:00:00Z");
    requests[3].priority = 1;
    let planned = plan(&mut world(&[(2, 0)]), requests);
    let order: Vec<_> = planned.iter().map(|it| (it.request.order.as_uuid().as_u128(), filled(it))).collect();
    assert_eq!(order, [(4, 1), (3, 1), (1, 0), (2, 0)]);
    assert!(planned.iter().all(|it| it.tariff_version == 4));
}

#[test]
fn a_location_nobody_told_us_of_is_named_only_if_it_may_have_what_is_missing() {
    let mut worlds = world(&[(1, 0)]);
    let tenant = request(1, 7, 1).tenant;
    let stranger = location_id(9);
    worlds.get_mut(&tenant).unwrap().stock.set(item_id(7), stranger, 0, 5);
    let wanted = Request { for_backorder: true, ..request(2, 7, 3) };
    let planned = plan(&mut worlds, vec![request(1, 7, 1), wanted, request(3, 8, 1)]);
    let unknown: Vec<_> = planned.iter().map(|it| it.unknown_location).collect();
    assert_eq!(unknown, [None, Some(stranger), None]);
    let counter = |location| Request { kind: FulfilmentKind::Pickup { location }, ..request(4, 8, 1) };
    let planned = plan(&mut worlds, vec![counter(stranger), counter(location_id(1))]);
    let unknown: Vec<_> = planned.iter().map(|it| it.unknown_location).collect();
    assert_eq!(unknown, [Some(stranger), None]);
}

#[test]
fn what_is_without_end_stays_so_and_is_only_where_it_may_be() {
    let mut it = TenantWorld { locations: vec![location(1), location(2)], ..TenantWorld::default() };
    it.locations[1].kind = LocationKind::Virtual;
    let facts = |supply| ItemFacts {
        weight_grams: 0,
        storage: StorageClass::Ambient,
        restricted: None,
        drop_ship: false,
        supply,
    };
    let items = HashMap::from([
        (item_id(1), facts(Supply::Stock)),
        (item_id(2), facts(Supply::Generated)),
        (item_id(3), facts(Supply::Service)),
    ]);
    it.supply_endlessly(items.iter());
    let at = |item, location| it.stock.seen_by(false).at(item_id(item), location_id(location));
    let seen = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)].map(|(item, location)| at(item, location));
    assert_eq!(seen, [0, 0, 0, ENDLESS, ENDLESS, ENDLESS]);
    it.tariff = Tariff::free(1);
    let mut worlds = BTreeMap::from([(request(1, 2, 1).tenant, it)]);
    let planned = plan(&mut worlds, (1..=3).map(|n| request(n, 2, u32::MAX / 2)).collect());
    assert!(planned.iter().all(|it| filled(it) == u32::MAX / 2));
}

proptest! {
    #[test]
    fn nobody_is_promised_more_than_there_is_or_what_is_held_for_others(
        stock in prop::collection::vec((0..4_u32, 0..4_u32), 3),
        orders in prop::collection::vec((1..4_u32, any::<bool>()), 1..8),
    ) {
        let (open, held) = stock.iter().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let requests = (1..).zip(&orders).map(|(n, (quantity, for_backorder))| Request {
            for_backorder: *for_backorder,
            ..request(n, 7, *quantity)
        });
        let planned = plan(&mut world(&stock), requests.collect());
        // Inventory, which draws backorders from what is held first, could reserve every plan in this order.
        let mut shelves = stock.clone();
        for it in &planned {
            for assignment in &it.decision.assignments {
                let at = (assignment.location.as_uuid().as_u128() - 1) as usize;
                let units: u32 = assignment.lines.iter().map(|line| line.quantity).sum();
                let drawn = if it.request.for_backorder { units.min(shelves[at].1) } else { 0 };
                shelves[at].1 -= drawn;
                prop_assert!(units - drawn <= shelves[at].0);
                shelves[at].0 -= units - drawn;
            }
        }
        // And nothing that somebody may have stays while he goes without.
        let taken: u32 = planned.iter().map(filled).sum();
        let wanted: u32 = orders.iter().map(|(quantity, _)| quantity).sum();
        let backordered: u32 = orders.iter().filter(|it| it.1).map(|it| it.0).sum();
        prop_assert!(taken >= wanted.min(open + held.min(backordered)).min(open));
    }
}

#[test]
fn a_backorder_draws_on_what_is_held_before_it_lowers_what_is_open() {
    let mut stock = BatchStock::default();
    stock.set(item_id(7), location_id(1), 3, 2);
    let mut capacity = capacity::CapacityClaims::default();
    let world = TestWorld::new(vec![location(1)], &[(1, 7, 9)]);
    let units = |quantity| world.plan(&demand(vec![line(1, 7, quantity)]));
    let seen = |stock: &BatchStock| [false, true].map(|it| stock.seen_by(it).at(item_id(7), location_id(1)));
    stock.claim(&units(1), true, &mut capacity);
    assert_eq!(seen(&stock), [3, 4]);
    stock.claim(&units(2), true, &mut capacity);
    assert_eq!(seen(&stock), [2, 2]);
    stock.claim(&units(1), false, &mut capacity);
    assert_eq!(seen(&stock), [1, 1]);
}
