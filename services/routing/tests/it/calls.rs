//! Calls of people: the tariff, plans and summaries.

use qm_proto::routing::v1::{
    GetTariffRequest, GetTariffResponse, ListPlansRequest, PutTariffRequest, TariffBand,
};
use qm_refusal::Refusal;
use qm_runtime::grpc::with_tenant;
use tonic::{Code, Status};

use crate::world::{World, worlds};

fn band(service_level: &str, zone: i32, max_miles: i32) -> TariffBand {
    TariffBand {
        service_level: service_level.to_owned(),
        zone,
        max_miles,
        base_minor: 500,
        per_pound_micros: 280_000,
        transit_days: 2,
        regions: Vec::new(),
    }
}

fn zone_of(service_level: &str, zone: i32, regions: &[&str]) -> TariffBand {
    let regions = regions.iter().map(|region| (*region).to_owned()).collect();
    TariffBand { regions, ..band(service_level, zone, 0) }
}

async fn put(world: &World, bands: Vec<TariffBand>) -> Result<i64, Status> {
    let request = with_tenant(PutTariffRequest { bands }, world.tenant);
    Ok(world.client.clone().put_tariff(request).await?.into_inner().version)
}

async fn get(world: &World, tenant: qm_ids::TenantId) -> GetTariffResponse {
    world.client.clone().get_tariff(with_tenant(GetTariffRequest {}, tenant)).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tariff_is_replaced_whole_and_is_its_tenants_own() {
    for world in worlds().await {
        assert_eq!(get(&world, world.tenant).await, GetTariffResponse::default());
        let bands = vec![
            band("standard", 2, 300),
            zone_of("standard", 9, &["us-ak", "US-HI"]),
            band("express", 1, 9_000),
            zone_of("express", 9, &["US-AK"]),
            band("standard", 1, 100),
        ];
        assert_eq!(put(&world, bands).await.unwrap(), 1);
        let stored = get(&world, world.tenant).await;
        let ordered = vec![
            band("express", 1, 9_000),
            zone_of("express", 9, &["US-AK"]),
            band("standard", 1, 100),
            band("standard", 2, 300),
            zone_of("standard", 9, &["US-AK", "US-HI"]),
        ];
        assert_eq!((stored.version, stored.bands), (1, ordered));
        assert_eq!(put(&world, vec![band("standard", 1, 50)]).await.unwrap(), 2);
        let stored = get(&world, world.tenant).await;
        assert_eq!((stored.version, stored.bands), (2, vec![band("standard", 1, 50)]));
        assert_eq!(get(&world, world.other_tenant).await, GetTariffResponse::default());
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_band_that_makes_no_sense_is_refused_by_name_and_changes_nothing() {
    for world in worlds().await {
        let good = || band("standard", 1, 100);
        let cases: Vec<(Vec<TariffBand>, &str)> = vec![
            (Vec::new(), "bands"),
            (vec![good(); 501], "bands"),
            (vec![good(), band(" ", 2, 200)], "bands[1].service_level"),
            (vec![good(), band(&"x".repeat(51), 2, 200)], "bands[1].service_level"),
            (vec![band("standard", -1, 100)], "bands[0].zone"),
            (vec![good(), good()], "bands[1].zone"),
            (vec![band("standard", 1, 0)], "bands[0].max_miles"),
            (vec![band("standard", 2, 100), good()], "bands[0].max_miles"),
            (vec![TariffBand { max_miles: 1, ..zone_of("standard", 9, &["US-AK"]) }], "bands[0].max_miles"),
            (vec![zone_of("standard", 9, &["US-HI", "Alaska"])], "bands[0].regions[1]"),
            (vec![zone_of("standard", 9, &["US-"])], "bands[0].regions[0]"),
            (vec![zone_of("standard", 9, &["US-AK", "us-ak"])], "bands[0].regions[1]"),
            (
                vec![zone_of("standard", 9, &["US-AK"]), zone_of("standard", 8, &["US-AK"])],
                "bands[0].regions[0]",
            ),
            (vec![zone_of("standard", 9, &["US-AK"; 101])], "bands[0].regions"),
            (
                vec![good(), zone_of("standard", 2, &["US-AK"]), band("standard", 3, 100)],
                "bands[2].max_miles",
            ),
            (vec![TariffBand { base_minor: -1, ..good() }], "bands[0].base_minor"),
            (vec![TariffBand { per_pound_micros: i64::MAX, ..good() }], "bands[0].per_pound_micros"),
            (vec![TariffBand { transit_days: 367, ..good() }], "bands[0].transit_days"),
        ];
        for (bands, field) in cases {
            let status = put(&world, bands).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert_eq!(Refusal::from(&status).field.as_deref(), Some(field), "{status:?}");
        }
        assert_eq!(get(&world, world.tenant).await.version, 0);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_order_has_no_plans_and_a_malformed_id_is_refused() {
    for world in worlds().await {
        assert!(world.plans(world.tenant, &world.attempt(1)).await.unwrap().is_empty());
        let request = ListPlansRequest { order_id: "order".to_owned() };
        let status = world.client.clone().list_plans(with_tenant(request, world.tenant)).await.unwrap_err();
        assert_eq!(Refusal::from(&status).field.as_deref(), Some("order_id"));
        let request = ListPlansRequest { order_id: world.attempt(1).order_id };
        assert_eq!(world.client.clone().list_plans(request).await.unwrap_err().code(), Code::InvalidArgument);
        world.stop().await;
    }
}
