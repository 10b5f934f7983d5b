//! Keys that are replaced while everything runs: whoever reads a secret reads it with the key that goes with it, in one statement.

use std::collections::BTreeMap;

use super::numbers::{place, row_name};
use super::seal::{self, DataKey, Keyring};
use super::{Result, Transaction};

/// What was done for one tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Rotated {
    /// Data keys that the current key-encryption key wraps now, and another did before.
    pub wrapped: i64,
    /// Secrets that were sealed anew under a new data key.
    pub sealed: i64,
}

/// Wraps the tenant's data keys by the current key-encryption key; with `fresh` it gets a new data key, under which all of its secrets are
/// sealed, and the old ones go.
pub async fn rotate(transaction: &Transaction, keys: &Keyring, fresh: bool) -> Result<Rotated> {
    let tenant = transaction.tenant()?;
    let mut rotated = Rotated::default();
    let mut open: BTreeMap<i32, DataKey> = BTreeMap::new();
    let sql = "select key_id, kek_id, wrapped from data_keys where tenant_id = $1 order by key_id for update";
    for row in transaction.query(sql, &[&tenant.0]).await? {
        let (id, kek, wrapped): (i32, String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let key = keys.unwrap(tenant, id, &kek, &wrapped)?;
        if kek != keys.current() {
            let sql = "update data_keys set kek_id = $3, wrapped = $4 where tenant_id = $1 and key_id = $2";
            transaction.execute(sql, &[&tenant.0, &id, &keys.current(), &keys.wrap(tenant, &key)?]).await?;
            rotated.wrapped += 1;
        }
        open.insert(id, key);
    }
    let Some(newest) = open.keys().next_back().copied().filter(|_| fresh) else { return Ok(rotated) };
    let (key, wrapped) = keys.create(tenant, newest + 1)?;
    let sql = "insert into data_keys (tenant_id, key_id, kek_id, wrapped) values ($1, $2, $3, $4)";
    transaction.execute(sql, &[&tenant.0, &key.key_id, &keys.current(), &wrapped]).await?;
    rotated.sealed = seal_anew(transaction, &open, &key).await?;
    transaction.execute("delete from data_keys where tenant_id = $1 and key_id < $2", &[&tenant.0, &key.key_id]).await?;
    Ok(rotated)
}

/// Every access token of the tenant under `key`.
async fn seal_anew(transaction: &Transaction, open: &BTreeMap<i32, DataKey>, key: &DataKey) -> Result<i64> {
    let tenant = transaction.tenant()?;
    let sql = "select channel, account, access_token_sealed, key_id from numbers
               where tenant_id = $1 and access_token_sealed is not null for update";
    let rows = transaction.query(sql, &[&tenant.0]).await?;
    for row in &rows {
        let (channel, account): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (sealed, id): (Vec<u8>, i32) = (row.try_get(2)?, row.try_get(3)?);
        let name = row_name(&channel, &account);
        let secret = open.get(&id).ok_or(seal::Error::Damaged)?.open(&place(tenant, &name), &sealed)?;
        let sql = "update numbers set access_token_sealed = $4, key_id = $5 where tenant_id = $1 and channel = $2 and account = $3";
        let sealed = key.seal(&place(tenant, &name), &secret)?;
        transaction.execute(sql, &[&tenant.0, &channel, &account, &sealed, &key.key_id]).await?;
    }
    Ok(rows.len() as i64)
}
