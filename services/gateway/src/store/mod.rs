//! The only place that knows SQL.

mod entity;

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, TenantSet, Tx};
use qm_ids::{ApiKeyId, TenantId};
use sea_orm::{ColumnTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use crate::domain::{ApiKey, Scope, Tenant};
use entity::{api_key, tenant};

/// Writes a new tenant; a duplicate slug is `Error::Duplicate`.
pub async fn insert_tenant(tx: &Tx, tenant: &Tenant) -> Result<()> {
    let row = tenant::Model {
        tenant_id: tenant.id,
        slug: tenant.slug.clone(),
        name: tenant.name.clone(),
        created_at: tenant.created_at,
    };
    tx.insert_many::<tenant::Entity>(vec![row]).await?;
    tx.flush().await
}

/// All tenants by slug, page by page.
pub async fn list_tenants(database: &Database, after_slug: &str, limit: u64) -> Result<Vec<Tenant>> {
    let tx = database.read_system().await?;
    let select = tx.find::<tenant::Entity>().filter(tenant::Column::Slug.gt(after_slug));
    let rows = select.order_by_asc(tenant::Column::Slug).limit(limit).all(tx.conn()).await?;
    Ok(rows.into_iter().map(from_tenant).collect())
}

/// The tenant with this slug.
pub async fn tenant_by_slug(database: &Database, slug: &str) -> Result<Option<Tenant>> {
    let tx = database.read_system().await?;
    let row = tx.find::<tenant::Entity>().filter(tenant::Column::Slug.eq(slug)).one(tx.conn()).await?;
    Ok(row.map(from_tenant))
}

/// The tenant with this id.
pub async fn tenant_by_id(database: &Database, id: TenantId) -> Result<Option<Tenant>> {
    let tx = database.read(&TenantSet::one(id)).await?;
    let row = tx.find_keys::<tenant::Entity>(&[(id, id.as_uuid())]).await?.pop();
    Ok(row.map(from_tenant))
}

/// Writes a new key.
pub async fn insert_key(tx: &Tx, key: &ApiKey) -> Result<()> {
    tx.insert_many::<api_key::Entity>(vec![to_row(key)]).await
}

/// Writes changed keys.
pub async fn save_keys(tx: &Tx, keys: &[ApiKey]) -> Result<()> {
    tx.upsert_many::<api_key::Entity>(keys.iter().map(to_row).collect()).await
}

/// Keys by tenant and id, locked.
pub async fn lock_keys(tx: &Tx, keys: &[(TenantId, ApiKeyId)]) -> Result<Vec<ApiKey>> {
    let rows = tx.find_keys_for_update::<api_key::Entity>(&qm_database::keys(keys.iter().copied())).await?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// A tenant's keys, oldest first, those after `after`.
pub async fn list_keys(
    database: &Database,
    tenant: TenantId,
    after: Option<ApiKeyId>,
    limit: u64,
) -> Result<Vec<ApiKey>> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let mut select = tx.find::<api_key::Entity>();
    if let Some(after) = after {
        select = select.filter(api_key::Column::ApiKeyId.gt(after));
    }
    let rows = select.order_by_asc(api_key::Column::ApiKeyId).limit(limit).all(tx.conn()).await?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// How many keys the transaction's tenants have.
pub async fn count_keys(tx: &Tx) -> Result<u64> {
    Ok(tx.find::<api_key::Entity>().count(tx.conn()).await?)
}

/// The key with this id, whosever it is: whose it is says the key.
pub async fn key_by_id(database: &Database, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let tx = database.read_system().await?;
    let row = tx.find::<api_key::Entity>().filter(api_key::Column::ApiKeyId.eq(id)).one(tx.conn()).await?;
    Ok(row.map(from_row))
}

/// Writes when keys were last used, unless something later is known.
pub async fn touch_keys(database: &Database, used: &[(TenantId, ApiKeyId, DateTime<Utc>)]) -> Result<()> {
    let tx = database.begin(&TenantSet::of(used.iter().map(|(tenant, ..)| *tenant))).await?;
    let keys: Vec<_> = used.iter().map(|(tenant, id, _)| (*tenant, *id)).collect();
    let mut rows = lock_keys(&tx, &keys).await?;
    for row in &mut rows {
        let at = used.iter().filter(|(_, id, _)| *id == row.id).map(|(.., at)| *at).max();
        row.last_used_at = row.last_used_at.max(at);
    }
    save_keys(&tx, &rows).await?;
    tx.commit().await
}

fn from_tenant(row: tenant::Model) -> Tenant {
    Tenant { id: row.tenant_id, slug: row.slug, name: row.name, created_at: row.created_at }
}

fn from_row(row: api_key::Model) -> ApiKey {
    ApiKey {
        id: row.api_key_id,
        tenant: row.tenant_id,
        name: row.name,
        scopes: Scope::split(&row.scopes),
        // A hash of another length was not written by us and proves nobody.
        secret_hash: row.secret_hash.try_into().unwrap_or_default(),
        expires_at: row.expires_at,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        revoked_at: row.revoked_at,
    }
}

fn to_row(key: &ApiKey) -> api_key::Model {
    api_key::Model {
        tenant_id: key.tenant,
        api_key_id: key.id,
        name: key.name.clone(),
        scopes: Scope::join(&key.scopes),
        secret_hash: key.secret_hash.to_vec(),
        expires_at: key.expires_at,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        revoked_at: key.revoked_at,
    }
}
