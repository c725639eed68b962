//! Asks inventory what is available.

use std::collections::{BTreeMap, BTreeSet};

use qm_ids::{ItemId, LocationId, TenantId};
use qm_messaging::HandleError;
use qm_proto::inventory::v1::{
    AvailableUnits, QueryAvailabilityRequest, TenantItems, inventory_service_client::InventoryServiceClient,
};
use qm_runtime::grpc::{GrpcChannel, MAX_MESSAGE_BYTES};
use tonic::{Code, Status};

/// Items that one question names; inventory takes twice as many.
const MAX_ITEMS: usize = 5_000;

/// What one location can promise of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Available {
    /// Whose.
    pub tenant: TenantId,
    /// The item.
    pub item: ItemId,
    /// Where.
    pub location: LocationId,
    /// Units that any order may have.
    pub open: u32,
    /// Units set aside for backordered units, on top.
    pub held: u32,
}

/// The way to inventory.
#[derive(Debug, Clone)]
pub struct Inventory {
    client: InventoryServiceClient<GrpcChannel>,
}

impl Inventory {
    /// Asks over this channel.
    pub fn new(channel: GrpcChannel) -> Self {
        let client = InventoryServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        Self { client }
    }

    /// What is available of these items, everywhere. One call, unless there are more items than one question may name or
    /// more rows than one answer may hold: then the question is asked in parts.
    pub async fn available(
        &self,
        items: &BTreeSet<(TenantId, ItemId)>,
    ) -> Result<Vec<Available>, HandleError> {
        let items: Vec<(TenantId, ItemId)> = items.iter().copied().collect();
        let mut parts: Vec<&[(TenantId, ItemId)]> = items.chunks(MAX_ITEMS).collect();
        let mut rows = Vec::new();
        while let Some(part) = parts.pop() {
            match self.client.clone().query_availability(question(part)).await {
                Ok(answer) => {
                    for row in &answer.into_inner().rows {
                        rows.push(read(row)?);
                    }
                }
                Err(status) if status.code() == Code::OutOfRange && part.len() > 1 => {
                    let (one, other) = part.split_at(part.len() / 2);
                    parts.extend([one, other]);
                }
                Err(status) => return Err(failed(&status)),
            }
        }
        Ok(rows)
    }
}

fn question(items: &[(TenantId, ItemId)]) -> QueryAvailabilityRequest {
    let mut tenants: BTreeMap<TenantId, Vec<String>> = BTreeMap::new();
    for (tenant, item) in items {
        tenants.entry(*tenant).or_default().push(item.to_string());
    }
    let tenants = tenants
        .into_iter()
        .map(|(tenant, item_ids)| TenantItems { tenant_id: tenant.to_string(), item_ids })
        .collect();
    QueryAvailabilityRequest { tenants }
}

fn read(row: &AvailableUnits) -> Result<Available, HandleError> {
    let units = |units: i64| u32::try_from(units.max(0)).unwrap_or(u32::MAX - 1);
    let malformed = |error: qm_ids::ParseIdError| HandleError::Failed(format!("inventory answered {error}"));
    Ok(Available {
        tenant: row.tenant_id.parse().map_err(malformed)?,
        item: row.item_id.parse().map_err(malformed)?,
        location: row.location_id.parse().map_err(malformed)?,
        open: units(row.available),
        held: units(row.held_for_backorders),
    })
}

fn failed(status: &Status) -> HandleError {
    let text = format!("inventory: {:?}: {}", status.code(), status.message());
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
            HandleError::Unavailable(text)
        }
        _ => HandleError::Failed(text),
    }
}
