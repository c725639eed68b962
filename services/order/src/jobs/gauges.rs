//! Shows what is alive, for dashboards and alerts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use qm_database::Database;
use qm_runtime::Rest;
use qm_telemetry::metrics::{GaugeFamily, Metrics};

use crate::store::{self, LIVE, Live};

/// Between two counts, in real time: as often as metrics are usually read.
const LOOK: Duration = Duration::from_secs(15);

/// Gauges of what is alive, over all tenants. Every replica counts by itself and shows what it saw last: whoever reads
/// several takes one of them, or the greatest, and never the sum.
#[derive(Debug, Clone)]
pub struct Gauges {
    orders: GaugeFamily<StateLabel>,
    units: GaugeFamily<BucketLabel>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BucketLabel {
    bucket: &'static str,
}

impl Gauges {
    /// The gauges among the service's metrics; they show nothing until they were counted.
    pub fn register(metrics: &Metrics) -> Self {
        Self {
            orders: metrics
                .gauges("orders", "Orders that are alive, by state, as this replica saw them last"),
            units: metrics.gauges("units", "Units that wait, by bucket, as this replica saw them last"),
        }
    }

    fn show(&self, live: &Live) {
        for state in LIVE {
            let count = live.orders.iter().find(|(status, _)| status == state).map_or(0, |(_, count)| *count);
            self.orders.get_or_create(&StateLabel { state }).set(count);
        }
        self.units.get_or_create(&BucketLabel { bucket: "backordered" }).set(live.units_backordered);
    }
}

/// Counts. While it cannot, the last counts stay.
pub async fn gauges(gauges: Gauges, database: Database) -> Result<Rest, qm_database::Error> {
    gauges.show(&store::live(&database).await?);
    Ok(Rest::of(LOOK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_no_order_has_any_more_shows_none() {
        let metrics = Metrics::new("order");
        let gauges = Gauges::register(&metrics);
        gauges.show(&Live { orders: vec![("placed".to_owned(), 3)], units_backordered: 7 });
        gauges.show(&Live { orders: vec![("on_hold".to_owned(), 2)], units_backordered: 0 });
        let text = metrics.encode().unwrap();
        for line in [
            r#"quartermaster_orders{state="placed"} 0"#,
            r#"quartermaster_orders{state="on_hold"} 2"#,
            r#"quartermaster_orders{state="in_fulfilment"} 0"#,
            r#"quartermaster_units{bucket="backordered"} 0"#,
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
    }
}
