//! Who did what.

use jiff::Timestamp;
use serde_json::Value;

use super::{Result, Transaction};

/// One thing that somebody did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Entry {
    /// Its place in the log.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// User or token.
    pub actor: String,
    /// `campaign.pause`, …
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// What else is worth knowing.
    pub detail: Value,
}

/// Notes it in the transaction that does it.
pub async fn record(transaction: &Transaction, actor: &str, action: &str, subject: &str, detail: &Value) -> Result<()> {
    let sql = "insert into audit_log (tenant_id, actor, action, subject, detail) values ($1, $2, $3, $4, $5)";
    transaction.execute(sql, &[&transaction.tenant()?.0, &actor, &action, &subject, detail]).await?;
    Ok(())
}

/// The newest entries before `before`.
pub async fn list(transaction: &Transaction, before: Option<i64>, limit: i64) -> Result<Vec<Entry>> {
    let sql = "select id, at, actor, action, subject, detail from audit_log
               where tenant_id = $1 and id < $2 order by id desc limit $3";
    transaction
        .query(sql, &[&transaction.tenant()?.0, &before.unwrap_or(i64::MAX), &limit])
        .await?
        .iter()
        .map(|row| {
            Ok(Entry {
                id: row.try_get(0)?,
                at: row.try_get(1)?,
                actor: row.try_get(2)?,
                action: row.try_get(3)?,
                subject: row.try_get(4)?,
                detail: row.try_get(5)?,
            })
        })
        .collect()
}
