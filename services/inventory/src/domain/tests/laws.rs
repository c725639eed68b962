//! Whatever is done in whatever order, the laws hold after every verb.

use proptest::prelude::*;

use super::world::*;
use crate::domain::{Book, Broken, Issue, LocationRules, MovementKind, Plan, reservation_id};

#[derive(Debug, Clone)]
enum Verb {
    Receive(u128, u128, i64),
    Adjust(u128, u128, i64),
    Count(u128, u128, i64),
    Reserve(u128),
    Release { plan: u128, part: Option<(u128, u128, i64)>, short_pick: bool },
    Issue { plan: u128, part: (u128, u128, i64) },
    Pick { plan: u128, part: (u128, u128, i64) },
    Remember(u128),
    RememberBroken { plan: u128, part: (u128, u128, i64) },
    Wait(u128, i64),
    Review(u128, u128, LocationRules),
    Expire,
}

/// Eight plans, so that the same one comes again and again. The odd ones are for backorders.
fn plan_of(n: u128) -> Plan {
    let quantity = i64::try_from(n % 3).unwrap() + 1;
    let wanted = [(n % 2, n / 4 % 2, quantity), ((n + 1) % 2, n / 2 % 2, 2), (n % 2, n / 4 % 2, 1)];
    Plan { for_backorder: n % 2 == 1, priority: i32::try_from(n % 3).unwrap(), ..plan(n, &wanted) }
}

fn verb() -> impl Strategy<Value = Verb> {
    let part = || (0..2_u128, 0..2_u128, 1..5_i64);
    prop_oneof![
        2 => (0..2_u128, 0..2_u128, 1..12_i64).prop_map(|(it, at, n)| Verb::Receive(it, at, n)),
        1 => (0..2_u128, 0..2_u128, -6..6_i64).prop_map(|(it, at, n)| Verb::Adjust(it, at, n)),
        1 => (0..2_u128, 0..2_u128, 0..12_i64).prop_map(|(it, at, n)| Verb::Count(it, at, n)),
        4 => (0..8_u128).prop_map(Verb::Reserve),
        2 => (0..8_u128, proptest::option::of(part()), any::<bool>())
            .prop_map(|(plan, part, short_pick)| Verb::Release { plan, part, short_pick }),
        2 => (0..8_u128, part()).prop_map(|(plan, part)| Verb::Issue { plan, part }),
        1 => (0..8_u128, part()).prop_map(|(plan, part)| Verb::Pick { plan, part }),
        1 => (0..8_u128).prop_map(Verb::Remember),
        1 => (0..8_u128, part()).prop_map(|(plan, part)| Verb::RememberBroken { plan, part }),
        1 => (0..2_u128, 0..8_i64).prop_map(|(it, n)| Verb::Wait(it, n)),
        1 => (0..2_u128, 0..2_u128, 0..8_i64, any::<bool>(), any::<bool>()).prop_map(
            |(it, at, safety, is_active, was_opened)| {
                Verb::Review(it, at, LocationRules { safety, is_active, was_opened })
            }
        ),
        1 => Just(Verb::Expire),
    ]
}

fn carry_out(book: &mut Book, verb: &Verb) {
    match verb {
        // A refusal changes nothing, and that is checked like everything else.
        Verb::Receive(it, at, n) => drop(report(book, key(*it, *at), MovementKind::Receive, *n)),
        Verb::Adjust(it, at, n) => drop(report(book, key(*it, *at), MovementKind::Adjust, *n)),
        Verb::Count(it, at, n) => report(book, key(*it, *at), MovementKind::Count, *n).unwrap(),
        Verb::Reserve(n) => book.reserve(&plan_of(*n), &cause()),
        Verb::Release { plan, part, short_pick } => {
            let part = part.map(|part| units(&[part])).unwrap_or_default();
            book.release(&release_of(&plan_of(*plan), part, *short_pick), &cause());
        }
        Verb::Issue { plan, part } => {
            let issue = Issue {
                tenant: tenant(),
                reservation: reservation_id(plan_of(*plan).id),
                location: location(part.1),
                units: vec![units(&[*part])[0].units],
            };
            book.issue(&issue, &cause());
        }
        Verb::Pick { plan, part } => {
            let reservation = reservation_id(plan_of(*plan).id);
            book.pick(tenant(), reservation, location(part.1), &[units(&[*part])[0].units]);
        }
        Verb::Remember(n) => book.remember_reserved(&plan_of(*n), &cause()),
        Verb::RememberBroken { plan, part } => {
            let reservation = reservation_id(plan_of(*plan).id);
            // Nobody was told that a claim is lost which was being picked.
            if book.legs().values().any(|leg| leg.picked && leg.reservation == reservation) {
                return;
            }
            let units = units(&[*part])[0];
            let broken = Broken {
                tenant: tenant(),
                reservation,
                location: units.location,
                line: units.units.line,
                item: units.units.item,
                quantity: units.units.quantity,
            };
            book.remember_broken(&broken, &cause());
        }
        Verb::Wait(it, n) => book.put_waiting(tenant(), item(*it), *n),
        Verb::Review(it, at, rules) => book.review(key(*it, *at), rules, &cause()),
        Verb::Expire => {
            let holds: Vec<_> = book.holds().keys().copied().collect();
            for hold in holds {
                let mut due = book.holds()[&hold].clone();
                due.expires_at = at(0);
                book.put_hold(due);
                book.expire(hold, &cause());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_after_every_verb(verbs in proptest::collection::vec(verb(), 1..60)) {
        let mut book = book(0);
        for verb in &verbs {
            let picked: Vec<_> =
                book.legs().values().filter(|leg| leg.picked).map(|leg| (leg.key(), leg.broken)).collect();
            carry_out(&mut book, verb);
            check_laws(&book);
            for (key, broken) in picked {
                prop_assert!(book.legs()[&key].broken <= broken, "what is picked is never evicted");
            }
        }
    }

    #[test]
    fn a_reservation_and_its_release_come_to_the_same_in_either_order(n in 0..8_u128, stock in 0..20_i64) {
        let [one, other] = [false, true].map(|release_first| {
            let mut book = book(0);
            for it in 0..2 {
                for place in 0..2 {
                    report(&mut book, key(it, place), MovementKind::Count, stock).unwrap();
                }
            }
            let plan = plan_of(n);
            let release = release_of(&plan, vec![], false);
            if release_first {
                book.release(&release, &cause());
                book.reserve(&plan, &cause());
            } else {
                book.reserve(&plan, &cause());
                book.release(&release, &cause());
            }
            check_laws(&book);
            book.stock().keys().map(|key| buckets(&book, *key)).collect::<Vec<_>>()
        });
        prop_assert_eq!(one, other);
    }
}
