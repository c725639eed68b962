//! What dashboards are told: what is alive, and what has ended.

use std::time::Duration;

use crate::{
    life::{cancel, deliver, issue},
    repeats::hold,
    wakes::backordered,
    world::{World, worlds},
};

/// Longer than what is alive is left uncounted.
const DEADLINE: Duration = Duration::from_secs(40);

/// Waits until all of these lines are shown.
async fn until_shown(world: &World, lines: &[&str]) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let text = world.metrics.encode().unwrap();
        let missing = lines.iter().find(|line| !text.lines().any(|shown| shown == **line));
        let Some(missing) = missing else { return };
        assert!(tokio::time::Instant::now() < deadline, "{missing} is not in\n{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_alive_is_shown_and_what_ends_is_counted() {
    let mut worlds = worlds().await;
    for world in &mut worlds {
        // The world has placed an order of each of its two tenants.
        backordered(world, 4).await;
        backordered(world, 3).await;
        let held = world.place(1).await;
        hold(world, &held.id, "hold").await.unwrap();
        let cancelled = world.place(1).await;
        cancel(world, &cancelled.id).await.unwrap();
        let at_work = world.place(2).await;
        world.reserve(&at_work.id).await;
        let done = world.place(1).await;
        let work = world.reserve(&done.id).await;
        issue(world, &work).await;
        deliver(world, &work).await;
        world.until(&done.id, |order| order.status == "completed").await;
    }
    for world in worlds {
        let lines = [
            r#"quartermaster_orders{state="placed"} 4"#,
            r#"quartermaster_orders{state="on_hold"} 1"#,
            r#"quartermaster_orders{state="in_fulfilment"} 1"#,
            r#"quartermaster_units{bucket="backordered"} 7"#,
            r#"quartermaster_events_total{service="order",type="order.placed",outcome="committed"} 8"#,
            r#"quartermaster_events_total{service="order",type="order.completed",outcome="committed"} 1"#,
            r#"quartermaster_events_total{service="order",type="order.cancelled",outcome="committed"} 1"#,
            r#"quartermaster_events_total{service="order",type="inventory.reserved",outcome="applied"} 2"#,
            r#"quartermaster_commands_total{service="order",command="record-reserved",outcome="done"} 2"#,
            r#"quartermaster_consumer_lag_events{service="order",consumer="order-record-reserved"} 0"#,
            r#"quartermaster_outbox_age_seconds{service="order"} 0.0"#,
            r#"quartermaster_pool_connections{service="order",pool="writers",state="busy"} 0"#,
        ];
        until_shown(&world, &lines).await;
        world.stop().await;
    }
}
