//! Numbers, Instagram accounts and pages: who owns them, where they live, and their sealed access tokens.

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};
use sluice_schemas::ids::TenantId;

use super::seal::{self, DataKey, Keyring, Place};
use super::{Error, Pool, Result, Transaction, config};

/// A number with what routing and sending need.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Number {
    /// Owner.
    pub tenant: TenantId,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// Phone number id, Instagram account or page.
    pub account: String,
    /// WhatsApp Business account.
    pub waba_id: Option<String>,
    /// For people.
    pub display_phone_number: Option<String>,
    /// Partition of every record about it.
    pub home: i32,
    /// Meta's limit, inbound and outbound together.
    pub messages_per_second: i32,
    /// Business portfolio, if it is known; its numbers share one messaging limit.
    pub portfolio_id: Option<String>,
    /// People whom the portfolio may reach a day outside open windows, where somebody set it. Meta tells changes by webhook.
    pub messaging_limit: Option<i32>,
    /// The same as Meta told it last; 0 for no limit.
    pub told_limit: Option<i32>,
    /// `active`, `held`, `disabled`.
    pub status: String,
    /// Whether its tenant is suspended.
    pub suspended: bool,
}

impl Number {
    /// People whom its portfolio may reach a day: the smaller of what was set and what Meta told; 0 for no limit, `None` if nobody knows.
    pub fn people_a_day(&self) -> Option<i32> {
        let told = self.told_limit.filter(|told| *told > 0);
        self.messaging_limit.into_iter().chain(told).min().or(self.told_limit)
    }
}

/// Changes whenever a number or a tenant is made, changed or removed: what [`all`] gave is fresh while it stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(i64, i64, i64);

/// A cheap look at whether [`all`] must be read again.
pub async fn mark(pool: &Pool) -> Result<Mark> {
    let transaction = pool.worker().await?;
    // Versions come from one sequence, so their sum moves with every change, in whatever order the changes commit.
    let row = transaction
        .query_one(
            "select n.c, n.s, t.s from (select count(*) c, coalesce(sum(version), 0)::bigint s from numbers) n,
                                       (select coalesce(sum(version), 0)::bigint s from tenants) t",
            &[],
        )
        .await?;
    transaction.commit().await?;
    Ok(Mark(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// What [`number`] reads, in its order.
pub(super) const COLUMNS: &str = "n.tenant_id, n.channel, n.account, n.waba_id, n.display_phone_number, n.home_partition,
                             n.messages_per_second, n.status, t.suspended_at is not null, n.portfolio_id, n.messaging_limit, n.told_limit";
pub(super) const FROM: &str = "from numbers n join tenants t on t.id = n.tenant_id";

/// Every number of every tenant: (channel, account) → tenant and home, for ingress.
pub async fn all(pool: &Pool) -> Result<Vec<Number>> {
    let transaction = pool.worker().await?;
    let rows = transaction.query(&format!("select {COLUMNS} {FROM}"), &[]).await?;
    transaction.commit().await?;
    rows.iter().map(number).collect()
}

/// The numbers of the transaction's tenant.
pub async fn list(transaction: &Transaction) -> Result<Vec<Number>> {
    let tenant = transaction.tenant()?;
    let rows =
        transaction.query(&format!("select {COLUMNS} {FROM} where n.tenant_id = $1 order by n.channel, n.account"), &[&tenant.0]).await?;
    rows.iter().map(number).collect()
}

/// One number of the transaction's tenant.
pub async fn get(transaction: &Transaction, channel: &str, account: &str) -> Result<Number> {
    let tenant = transaction.tenant()?;
    let sql = format!("select {COLUMNS} {FROM} where n.tenant_id = $1 and n.channel = $2 and n.account = $3");
    let row = transaction.query_opt(&sql, &[&tenant.0, &channel, &account]).await?;
    number(&row.ok_or_else(|| Error::not_found("number", account))?)
}

pub(super) fn number(row: &tokio_postgres::Row) -> Result<Number> {
    Ok(Number {
        tenant: TenantId(row.try_get(0)?),
        channel: row.try_get(1)?,
        account: row.try_get(2)?,
        waba_id: row.try_get(3)?,
        display_phone_number: row.try_get(4)?,
        home: row.try_get(5)?,
        messages_per_second: row.try_get(6)?,
        status: row.try_get(7)?,
        suspended: row.try_get(8)?,
        portfolio_id: row.try_get(9)?,
        messaging_limit: row.try_get(10)?,
        told_limit: row.try_get(11)?,
    })
}

/// Seals and stores the access token of a number of the transaction's tenant.
pub async fn set_token(transaction: &Transaction, keys: &Keyring, channel: &str, account: &str, token: &SecretString) -> Result<()> {
    let tenant = transaction.tenant()?;
    let key = newest_key(transaction, keys, tenant).await?;
    let row = row_name(channel, account);
    let sealed = key.seal(&place(tenant, &row), token.expose_secret().as_bytes())?;
    let changed = transaction
        .execute(
            "update numbers set access_token_sealed = $3, key_id = $4, updated_at = now(), version = nextval('config_version')
             where tenant_id = $5 and channel = $1 and account = $2",
            &[&channel, &account, &sealed, &key.key_id, &tenant.0],
        )
        .await?;
    if changed == 0 {
        return Err(Error::not_found("number", account));
    }
    // What Meta refused because of the old token is tried again.
    config::publish_number(transaction, get(transaction, channel, account).await?).await
}

const SEALED: &str = "select n.tenant_id, n.channel, n.account, n.access_token_sealed, k.key_id, k.kek_id, k.wrapped
                      from numbers n join data_keys k on k.tenant_id = n.tenant_id and k.key_id = n.key_id
                      where n.access_token_sealed is not null";

/// Opens the access token of a number; `None` when it has none. For `sender` and `media`, which keep it for a while.
pub async fn token(pool: &Pool, keys: &Keyring, tenant: TenantId, channel: &str, account: &str) -> Result<Option<SecretString>> {
    let transaction = pool.worker().await?;
    let sql = format!("{SEALED} and n.tenant_id = $1 and n.channel = $2 and n.account = $3");
    let row = transaction.query_opt(&sql, &[&tenant.0, &channel, &account]).await?;
    transaction.commit().await?;
    row.map(|row| open(keys, &row)).transpose()
}

/// An access token that may speak for a business account: that of any active number of it.
pub async fn token_of_waba(pool: &Pool, keys: &Keyring, tenant: TenantId, waba: &str) -> Result<Option<SecretString>> {
    let transaction = pool.worker().await?;
    let sql = format!("{SEALED} and n.tenant_id = $1 and n.waba_id = $2 and n.status = 'active' order by n.account limit 1");
    let row = transaction.query_opt(&sql, &[&tenant.0, &waba]).await?;
    transaction.commit().await?;
    row.map(|row| open(keys, &row)).transpose()
}

/// The access tokens of every active number by account, for the sender. One that does not open is logged and left out: its number
/// is held, the others send.
pub async fn tokens(pool: &Pool, keys: &Keyring) -> Result<HashMap<String, SecretString>> {
    let transaction = pool.worker().await?;
    let rows = transaction.query(&format!("{SEALED} and n.status = 'active'"), &[]).await?;
    transaction.commit().await?;
    let mut tokens = HashMap::new();
    for row in rows {
        let account: String = row.try_get(2)?;
        match open(keys, &row) {
            Ok(token) => drop(tokens.insert(account, token)),
            Err(error) => tracing::error!(kind = error.kind(), account, "an access token does not open: {error}"),
        }
    }
    Ok(tokens)
}

fn open(keys: &Keyring, row: &tokio_postgres::Row) -> Result<SecretString> {
    let tenant = TenantId(row.try_get(0)?);
    let (channel, account): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    let (sealed, wrapped): (Vec<u8>, Vec<u8>) = (row.try_get(3)?, row.try_get(6)?);
    let key = keys.unwrap(tenant, row.try_get(4)?, row.try_get(5)?, &wrapped)?;
    let opened = key.open(&place(tenant, &row_name(&channel, &account)), &sealed)?;
    Ok(String::from_utf8(opened).map_err(|_| seal::Error::Damaged)?.into())
}

/// The tenant's newest data key; makes the first one.
async fn newest_key(transaction: &Transaction, keys: &Keyring, tenant: TenantId) -> Result<DataKey> {
    const NEWEST: &str = "select key_id, kek_id, wrapped from data_keys where tenant_id = $1 order by key_id desc limit 1";
    let mut row = transaction.query_opt(NEWEST, &[&tenant.0]).await?;
    if row.is_none() {
        let (_, wrapped) = keys.create(tenant, 1)?;
        // Of two that make the first key at once, one waits here for the other and then uses its key.
        transaction
            .execute(
                "insert into data_keys (tenant_id, key_id, kek_id, wrapped) values ($1, 1, $2, $3) on conflict do nothing",
                &[&tenant.0, &keys.current(), &wrapped],
            )
            .await?;
        row = transaction.query_opt(NEWEST, &[&tenant.0]).await?;
    }
    let row = row.ok_or_else(|| Error::not_found("data key", tenant))?;
    let wrapped: Vec<u8> = row.try_get(2)?;
    Ok(keys.unwrap(tenant, row.try_get(0)?, row.try_get(1)?, &wrapped)?)
}

pub(super) fn row_name(channel: &str, account: &str) -> String {
    format!("{channel}/{account}")
}

pub(super) fn place(tenant: TenantId, row: &str) -> Place<'_> {
    Place { tenant, table: "numbers", column: "access_token_sealed", row }
}
