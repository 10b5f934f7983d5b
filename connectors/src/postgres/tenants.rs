//! Tenants, and who a host name is.

use sluice_schemas::ids::TenantId;

use super::{Error, Pool, Result, Transaction};

/// A tenant to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// Identifier, chosen by the caller.
    pub id: TenantId,
    /// First label of its host name: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// Stored for good; `topics::home` proposes it.
    pub home: i32,
    /// IANA name.
    pub time_zone: String,
    /// BCP 47.
    pub locale: String,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Tenant {
    /// Identifier.
    pub id: TenantId,
    /// First label of its host name.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// Home partition of what belongs to no number.
    pub home: i32,
    /// IANA name.
    pub time_zone: String,
    /// BCP 47.
    pub locale: String,
    /// Whether it may neither sign in nor send.
    pub suspended: bool,
    /// Its plan: what it may send at most, messages a second over all its numbers; 0 for no limit of its own.
    pub messages_per_second: i32,
    /// Messages of campaigns that one person gets …
    pub cap_messages: i32,
    /// … within so many days; 0 for no cap.
    pub cap_days: i32,
}

/// Makes a tenant; gives [`Error::Exists`] for a slug in use. Its configuration record follows with [`super::config::publish_tenant`].
pub async fn create(pool: &Pool, new: &New) -> Result<()> {
    let transaction = pool.worker().await?;
    transaction
        .execute(
            "insert into tenants (id, slug, name, home_partition, time_zone, locale) values ($1, $2, $3, $4, $5, $6)",
            &[&new.id.0, &new.slug, &new.name, &new.home, &new.time_zone, &new.locale],
        )
        .await
        .map_err(|error| match error {
            Error::Statement { constraint: Some(name), .. } if name == "tenants_slug_check" => {
                Error::invalid("slug", "use up to 63 lower-case letters, digits and hyphens, as in a host name")
            }
            other => other.or_exists("tenant", &new.slug),
        })?;
    transaction.commit().await?;
    let transaction = pool.tenant(new.id).await?;
    super::config::publish_tenant(&transaction).await?;
    transaction.commit().await
}

/// Every tenant by slug, for the operator.
pub async fn all(pool: &Pool) -> Result<Vec<Tenant>> {
    let transaction = pool.worker().await?;
    let rows = transaction.query(&format!("select {COLUMNS} from tenants order by slug"), &[]).await?;
    transaction.commit().await?;
    rows.iter().map(tenant).collect()
}

/// The tenant of the transaction.
pub async fn own(transaction: &Transaction) -> Result<Tenant> {
    let id = transaction.tenant()?;
    let row = transaction.query_opt(&format!("select {COLUMNS} from tenants where id = $1"), &[&id.0]).await?;
    tenant(&row.ok_or_else(|| Error::not_found("tenant", id))?)
}

/// Who `slug` is, and whether it is suspended.
pub async fn by_slug(pool: &Pool, slug: &str) -> Result<Option<(TenantId, bool)>> {
    let transaction = pool.stranger().await?;
    let row = transaction.query_opt("select id, suspended from tenant_by_slug($1)", &[&slug]).await?;
    transaction.commit().await?;
    row.map(|row| Ok((TenantId(row.try_get(0)?), row.try_get(1)?))).transpose()
}

/// Every home partition of the transaction's tenant: its own and those of its numbers.
pub async fn homes(transaction: &Transaction) -> Result<Vec<i32>> {
    homes_of(transaction, transaction.tenant()?).await
}

pub(crate) async fn homes_of(transaction: &Transaction, tenant: TenantId) -> Result<Vec<i32>> {
    let sql = "select home_partition from tenants where id = $1
               union select home_partition from numbers where tenant_id = $1 order by 1";
    transaction.query(sql, &[&tenant.0]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

const COLUMNS: &str =
    "id, slug, name, home_partition, time_zone, locale, suspended_at is not null, messages_per_second, cap_messages, cap_days";

fn tenant(row: &tokio_postgres::Row) -> Result<Tenant> {
    Ok(Tenant {
        id: TenantId(row.try_get(0)?),
        slug: row.try_get(1)?,
        name: row.try_get(2)?,
        home: row.try_get(3)?,
        time_zone: row.try_get(4)?,
        locale: row.try_get(5)?,
        suspended: row.try_get(6)?,
        messages_per_second: row.try_get(7)?,
        cap_messages: row.try_get(8)?,
        cap_days: row.try_get(9)?,
    })
}
