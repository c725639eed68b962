//! Shapes that several resources share.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use qm_proto::types::v1 as proto;
use qm_refusal::Refusal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::http::number;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// Give it as `cursor` to get the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// A whole list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The entries.
    pub data: Vec<T>,
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Entries on a page, 1 to 200; 50 unless told.
    #[serde(default, deserialize_with = "number::optional")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<i32>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of converted entries.
    pub fn new<P>(entries: Vec<P>, next_cursor: String, convert: impl FnMut(P) -> T) -> Self {
        let next_cursor = some(next_cursor).map(|cursor| seal(&cursor));
        Self { data: entries.into_iter().map(convert).collect(), next_cursor }
    }
}

/// The page as the services ask for it. An explicit 0 is refused by them like any other number out of range.
pub fn page(limit: Option<i32>, cursor: Option<String>) -> Result<Option<proto::PageRequest>, Refusal> {
    let limit = match limit {
        Some(0) => -1,
        limit => limit.unwrap_or_default(),
    };
    let cursor = some(cursor.unwrap_or_default()).map(|cursor| unseal(&cursor)).transpose()?;
    Ok(Some(proto::PageRequest { limit, cursor: cursor.unwrap_or_default() }))
}

/// Bytes of a checksum: enough to tell a mistyped cursor, whose content the services check besides.
const CHECKSUM: usize = 4;

/// A service's cursor as callers get it: opaque, so that nobody builds one.
pub(super) fn seal(cursor: &str) -> String {
    let mut bytes = checksum(cursor.as_bytes()).to_vec();
    bytes.extend_from_slice(cursor.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn unseal(text: &str) -> Result<String, Refusal> {
    let open = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (sum, cursor) = bytes.split_first_chunk::<CHECKSUM>()?;
        (checksum(cursor) == *sum).then(|| String::from_utf8(cursor.to_vec()).ok())?
    };
    open().ok_or_else(|| Refusal::invalid("cursor", "malformed_cursor", "is not one of ours"))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let hash = Sha256::digest(bytes);
    std::array::from_fn(|at| hash[at])
}

/// An empty text is the absence of one.
pub fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// A postal address.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Recipient or business.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// Street and number.
    #[schema(min_length = 1, max_length = 200)]
    pub line1: String,
    /// Flat, floor, building.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub line2: Option<String>,
    /// Town or city.
    #[schema(min_length = 1, max_length = 200)]
    pub city: String,
    /// State, province or county code.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub region: Option<String>,
    /// Postal code.
    #[serde(default)]
    #[schema(max_length = 20)]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 code, upper case.
    #[schema(example = "US")]
    #[schema(pattern = r"^[A-Z]{2}$")]
    pub country: String,
    /// E.164 form.
    #[serde(default)]
    #[schema(example = "+12125550123")]
    #[schema(max_length = 50)]
    pub phone: Option<String>,
    /// Degrees north; routing measures distance from it. Given with `longitude` or not at all.
    #[serde(default)]
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(default)]
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: Option<f64>,
}

impl TryFrom<Address> for proto::Address {
    type Error = Refusal;

    fn try_from(it: Address) -> Result<Self, Self::Error> {
        let point = match (it.latitude, it.longitude) {
            (Some(latitude), Some(longitude)) => Some(proto::GeoPoint { latitude, longitude }),
            (None, None) => None,
            (latitude, _) => {
                let field = if latitude.is_none() { "latitude" } else { "longitude" };
                let message = "latitude and longitude are given together or not at all";
                return Err(Refusal::invalid(field, "required", message));
            }
        };
        Ok(Self {
            name: it.name.unwrap_or_default(),
            line1: it.line1,
            line2: it.line2.unwrap_or_default(),
            city: it.city,
            region: it.region.unwrap_or_default(),
            postal_code: it.postal_code.unwrap_or_default(),
            country: it.country,
            phone: it.phone.unwrap_or_default(),
            point,
        })
    }
}

impl From<proto::Address> for Address {
    fn from(it: proto::Address) -> Self {
        Self {
            name: some(it.name),
            line1: it.line1,
            line2: some(it.line2),
            city: it.city,
            region: some(it.region),
            postal_code: some(it.postal_code),
            country: it.country,
            phone: some(it.phone),
            latitude: it.point.map(|point| point.latitude),
            longitude: it.point.map(|point| point.longitude),
        }
    }
}

/// Who acted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Actor {
    /// api_key, user, service, carrier, warehouse or shopper.
    pub kind: String,
    /// Id of the key, user or service.
    pub id: Option<String>,
}

impl From<proto::Actor> for Actor {
    fn from(it: proto::Actor) -> Self {
        Self { kind: it.kind, id: some(it.id) }
    }
}

/// Units of one order line.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineUnits {
    /// Order line.
    #[schema(example = "line_01jz8w6e9vfk4a1k7m1v0t9x2c")]
    pub line_id: String,
    /// Item.
    #[schema(example = "item_01jz8w6e9vfk4a1k7m1v0t9x2c")]
    pub item_id: String,
    /// Units.
    #[schema(minimum = 1)]
    pub quantity: i64,
}

impl From<LineUnits> for proto::LineUnits {
    fn from(it: LineUnits) -> Self {
        Self { line_id: it.line_id, item_id: it.item_id, quantity: it.quantity }
    }
}

impl From<proto::LineUnits> for LineUnits {
    fn from(it: proto::LineUnits) -> Self {
        Self { line_id: it.line_id, item_id: it.item_id, quantity: it.quantity }
    }
}

/// How units reach the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FulfilmentKind {
    /// A carrier takes parcels to the shopper's address.
    Ship,
    /// The shopper collects from a location.
    Pickup,
    /// A supplier ships on our behalf.
    DropShip,
    /// A key or download.
    Digital,
    /// Hardware is put together first.
    Assembly,
    /// Work by people.
    Service,
}

impl From<proto::FulfilmentKind> for FulfilmentKind {
    fn from(kind: proto::FulfilmentKind) -> Self {
        match kind {
            proto::FulfilmentKind::Unspecified | proto::FulfilmentKind::Ship => Self::Ship,
            proto::FulfilmentKind::Pickup => Self::Pickup,
            proto::FulfilmentKind::DropShip => Self::DropShip,
            proto::FulfilmentKind::Digital => Self::Digital,
            proto::FulfilmentKind::Assembly => Self::Assembly,
            proto::FulfilmentKind::Service => Self::Service,
        }
    }
}

impl From<FulfilmentKind> for proto::FulfilmentKind {
    fn from(kind: FulfilmentKind) -> Self {
        match kind {
            FulfilmentKind::Ship => Self::Ship,
            FulfilmentKind::Pickup => Self::Pickup,
            FulfilmentKind::DropShip => Self::DropShip,
            FulfilmentKind::Digital => Self::Digital,
            FulfilmentKind::Assembly => Self::Assembly,
            FulfilmentKind::Service => Self::Service,
        }
    }
}

/// The header that makes a request count once, for the API's description.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by utoipa alone")]
pub struct OnceHeader {
    /// 1 to 255 visible ASCII characters, such as a UUID. A repeat with the same key and body gets the first answer; another
    /// body under the same key is refused. Keys of orders never expire.
    #[param(rename = "Idempotency-Key", required = true)]
    #[param(pattern = r"^[\x21-\x7e]{1,255}$")]
    idempotency_key: String,
}

/// The header that guards against changing what one has not seen, for the API's description.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by utoipa alone")]
pub struct IfMatchHeader {
    /// `ETag` of the version that was seen; another version is refused with 412.
    #[param(rename = "If-Match")]
    #[param(pattern = r#"^(\*|"[1-9][0-9]{0,17}")$"#)]
    if_match: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_a_changed_one_does_not() {
        for cursor in ["1~order_01jz8w6e9vfk4a1k7m1v0t9x2c", "sku é", "x"] {
            let sealed = seal(cursor);
            assert_eq!(unseal(&sealed).unwrap(), cursor);
            assert!(unseal(&sealed[1..]).is_err() && unseal(&format!("{sealed}A")).is_err());
        }
        for bad in ["abc", "abcd", "AAAAAAAA", "%00", " "] {
            assert_eq!(unseal(bad).unwrap_err().field.as_deref(), Some("cursor"), "{bad}");
        }
    }
}
