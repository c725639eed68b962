//! The stories.

mod backorders;
mod bad_input;
mod cancel_races;
mod cancel_shortages;
mod cancels;
mod faults;
mod happy;
mod lost_stock;
mod once;
mod rejections;
mod shedding;
mod tenants;
mod told;
mod warehouse;

use crate::Scenario;

macro_rules! scenarios {
    ($($module:ident :: $name:ident,)+) => {
        &[$((stringify!($name), |world| Box::pin($module::$name(world)))),+]
    };
}

/// Scenarios that share a world, each with tenants of its own.
pub(crate) const SHARED: &[(&str, Scenario)] = scenarios![
    happy::an_order_goes_all_the_way_from_the_api_to_the_shoppers_door,
    happy::an_order_that_no_location_can_fill_alone_is_split,
    happy::a_shopper_collects_at_the_counter,
    warehouse::a_location_that_declines_is_replaced_by_another,
    warehouse::a_short_pick_corrects_the_books_and_finds_another_source,
    warehouse::a_count_below_what_was_promised_finds_another_source,
    backorders::backordered_units_wake_by_priority_for_at_most_what_arrived,
    backorders::stock_that_arrives_while_an_order_is_being_sourced_is_not_missed,
    cancels::an_order_can_be_cancelled_at_each_stage_before_the_label,
    cancels::cancelling_at_any_moment_leaves_nothing_behind,
    cancels::after_the_label_a_cancel_is_refused_and_the_order_arrives,
    cancels::a_hold_keeps_an_order_from_the_warehouse_until_it_is_lifted,
    once::fifty_posts_at_once_under_one_key_place_one_order,
    once::four_hundred_buyers_of_a_hundred_units_get_exactly_a_hundred,
    once::an_answer_to_a_version_that_is_not_current_changes_nothing,
    told::the_shopper_gets_mails_with_a_link_that_shows_the_order,
    told::a_partner_gets_webhooks_that_the_official_verifier_accepts,
    told::a_reader_of_the_live_stream_that_reconnects_misses_nothing,
    told::readers_of_the_live_stream_that_never_read_hold_nobody_up,
    told::one_trace_runs_from_the_request_to_the_mail,
    tenants::no_route_shows_or_changes_anothers_things,
    tenants::two_tenants_with_the_same_skus_in_one_batch_keep_apart,
    bad_input::bad_orders_are_refused_by_the_field_at_fault_and_nothing_is_stored,
    bad_input::bad_masters_and_movements_are_refused_by_the_field_at_fault,
    bad_input::strange_ids_cursors_and_bodies_never_make_a_5xx,
];

/// Scenarios that break things, each in a world of its own.
pub(crate) const ALONE: &[(&str, Scenario)] = scenarios![
    faults::order_and_inventory_are_killed_in_mid_load_and_nothing_is_lost,
    faults::the_bus_is_killed_in_mid_load_and_nothing_is_lost,
];

/// Scenarios that ask for more than can be served, in a world with little room.
pub(crate) const NARROW: &[(&str, Scenario)] =
    scenarios![shedding::a_burst_beyond_capacity_is_served_or_put_off_and_nothing_promised_is_lost,];

/// Scenarios that stop orders at chosen steps by holding the bus: on real parts only, one after another in a world of their
/// own.
pub(crate) const HELD: &[(&str, Scenario)] = scenarios![
    rejections::stock_that_is_gone_when_it_is_claimed_is_looked_for_elsewhere,
    rejections::an_order_whose_stock_is_gone_everywhere_waits_for_more,
    rejections::after_five_rejections_in_a_row_an_order_waits,
    cancel_races::a_cancel_that_meets_the_saga_at_any_step_wins_or_loses_whole,
    cancel_shortages::a_cancel_that_meets_a_shortage_or_an_arrival_wins,
    cancel_shortages::a_cancel_of_allocated_units_gives_them_back,
    cancel_shortages::a_cancel_that_meets_a_location_that_declines_wins,
    cancel_shortages::stock_that_arrives_for_units_just_cancelled_is_everyones,
    cancel_shortages::each_consumer_of_the_saga_is_raced_by_some_cancel,
    lost_stock::a_short_pick_while_a_recall_is_on_its_way_cancels_all_units_once,
    lost_stock::a_count_that_breaks_a_claim_at_any_step_finds_other_stock,
];
