//! The item master.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path, ServiceConfig},
};
use qm_proto::inventory::v1 as proto;
use qm_refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::common::{List, Page, PageParams, page, some};
use crate::{
    http::{Body, Caller, Params, Problem, Problems, answer, may, resource},
    peers::Services,
};

type Answer = Result<HttpResponse, Problem>;

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config.service(resource("/items").get(list).put(put_items)).service(resource("/items/{sku}").get(read));
}

/// How stock of an item is kept.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockPolicy {
    /// Counted in our ledger.
    #[default]
    Tracked,
    /// The supplier says what it has.
    SupplierDeclared,
    /// Made on demand, for example licence keys.
    Generated,
    /// A service; never stocked.
    None,
}

/// How an item has to be kept.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StorageClass {
    /// At room temperature.
    Ambient,
    /// Cool.
    Chilled,
    /// Frozen.
    Frozen,
}

impl StorageClass {
    /// The word for it, everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ambient => "ambient",
            Self::Chilled => "chilled",
            Self::Frozen => "frozen",
        }
    }
}

/// An item to create or replace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// Stock keeping unit, unique.
    #[schema(example = "MUG-BLUE")]
    #[schema(min_length = 1, max_length = 100)]
    pub sku: String,
    /// Name for people.
    #[schema(max_length = 500)]
    pub name: String,
    /// Weight of one unit, grams.
    #[schema(minimum = 0, maximum = 1000000000)]
    pub weight_grams: i64,
    /// Length of one unit, millimetres.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub length_mm: Option<i32>,
    /// Width of one unit, millimetres.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub width_mm: Option<i32>,
    /// Height of one unit, millimetres.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub height_mm: Option<i32>,
    /// ambient (unless told), chilled or frozen.
    #[serde(default)]
    pub storage_class: Option<StorageClass>,
    /// Such as alcohol, tobacco or hazmat: only locations licensed for it ship it.
    #[serde(default)]
    #[schema(max_length = 50)]
    pub compliance_class: Option<String>,
    /// tracked unless told.
    #[serde(default)]
    pub stock_policy: Option<StockPolicy>,
    /// True when suppliers may ship it for us.
    #[serde(default)]
    pub drop_ship: Option<bool>,
    /// A location with fewer available units than this is low on the item; 0 for never.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub low_stock_threshold: Option<i64>,
}

/// An item.
#[derive(Debug, Serialize, ToSchema)]
pub struct Item {
    /// Id.
    pub id: String,
    /// Stock keeping unit.
    pub sku: String,
    /// Name for people.
    pub name: String,
    /// Weight of one unit, grams.
    pub weight_grams: i64,
    /// Length of one unit, millimetres; 0 when unknown.
    pub length_mm: i32,
    /// Width of one unit, millimetres; 0 when unknown.
    pub width_mm: i32,
    /// Height of one unit, millimetres; 0 when unknown.
    pub height_mm: i32,
    /// ambient, chilled or frozen.
    pub storage_class: String,
    /// Compliance class.
    pub compliance_class: Option<String>,
    /// How stock is kept.
    pub stock_policy: StockPolicy,
    /// True when suppliers may ship it for us.
    pub drop_ship: bool,
    /// A location with fewer available units than this is low on the item; 0 for never.
    pub low_stock_threshold: i64,
    /// Grows with every change.
    pub version: i64,
}

/// Items to create or replace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItems {
    /// 1 to 1,000 items.
    #[schema(min_items = 1, max_items = 1000)]
    pub items: Vec<NewItem>,
}

/// Creates or replaces items, by sku. All of them, or none when one is refused.
#[utoipa::path(put, path = "/v1/items", tag = "inventory", request_body = NewItems,
    responses((status = 200, body = List<Item>), Problems))]
pub async fn put_items(
    caller: Caller<may::InventoryWrite>,
    services: Data<Services>,
    Body(asked): Body<NewItems>,
) -> Answer {
    let request = proto::PutItemsRequest { items: asked.items.into_iter().map(to_proto).collect() };
    let found = services.inventory().put_items(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &List { data: found.items.into_iter().map(from_proto).collect::<Vec<_>>() })
}

/// Lists items by sku.
#[utoipa::path(get, path = "/v1/items", tag = "inventory", params(PageParams),
    responses((status = 200, body = Page<Item>), Problems))]
pub async fn list(
    caller: Caller<may::InventoryRead>,
    services: Data<Services>,
    Params(asked): Params<PageParams>,
) -> Answer {
    let request = proto::ListItemsRequest { page: page(asked.limit, asked.cursor)? };
    let found = services.inventory().list_items(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &Page::new(found.items, found.next_cursor, from_proto))
}

/// Reads an item.
#[utoipa::path(get, path = "/v1/items/{sku}", tag = "inventory", 
    params(("sku" = String, Path, min_length = 1, max_length = 100, description = "Stock keeping unit.")),
    responses((status = 200, body = Item), Problems))]
pub async fn read(caller: Caller<may::InventoryRead>, services: Data<Services>, sku: Path<String>) -> Answer {
    let request = proto::BatchGetItemsRequest { skus: vec![sku.into_inner()] };
    let found = services.inventory().batch_get_items(caller.ask(request)).await.map_err(|status| {
        // One of one: the caller wrote no list.
        Problem::from(status).at("sku")
    })?;
    let item = found.into_inner().items.into_iter().next().ok_or_else(|| Refusal::not_found("item"))?;
    answer(StatusCode::OK, &from_proto(item))
}

fn to_proto(it: NewItem) -> proto::Item {
    let policy = match it.stock_policy.unwrap_or_default() {
        StockPolicy::Tracked => proto::StockPolicy::Tracked,
        StockPolicy::SupplierDeclared => proto::StockPolicy::SupplierDeclared,
        StockPolicy::Generated => proto::StockPolicy::Generated,
        StockPolicy::None => proto::StockPolicy::None,
    };
    proto::Item {
        sku: it.sku,
        name: it.name,
        weight_grams: it.weight_grams,
        length_mm: it.length_mm.unwrap_or_default(),
        width_mm: it.width_mm.unwrap_or_default(),
        height_mm: it.height_mm.unwrap_or_default(),
        storage_class: it.storage_class.unwrap_or(StorageClass::Ambient).word().to_owned(),
        compliance_class: it.compliance_class.unwrap_or_default(),
        stock_policy: policy.into(),
        drop_ship: it.drop_ship.unwrap_or_default(),
        low_stock_threshold: it.low_stock_threshold.unwrap_or_default(),
        ..proto::Item::default()
    }
}

fn from_proto(it: proto::Item) -> Item {
    let stock_policy = match it.stock_policy() {
        proto::StockPolicy::Unspecified | proto::StockPolicy::Tracked => StockPolicy::Tracked,
        proto::StockPolicy::SupplierDeclared => StockPolicy::SupplierDeclared,
        proto::StockPolicy::Generated => StockPolicy::Generated,
        proto::StockPolicy::None => StockPolicy::None,
    };
    Item {
        id: it.id,
        sku: it.sku,
        name: it.name,
        weight_grams: it.weight_grams,
        length_mm: it.length_mm,
        width_mm: it.width_mm,
        height_mm: it.height_mm,
        storage_class: it.storage_class,
        compliance_class: some(it.compliance_class),
        stock_policy,
        drop_ship: it.drop_ship,
        low_stock_threshold: it.low_stock_threshold,
        version: it.version,
    }
}
