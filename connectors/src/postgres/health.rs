//! What Meta says of the numbers of a tenant, and when it was asked last.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Result, Transaction, config, numbers};

/// What Meta says of a number (contract §9); as Meta words it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Name that customers see.
    pub verified_name: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality: Option<String>,
    /// `CONNECTED`, `DISCONNECTED`, `PENDING`, …
    pub status: Option<String>,
    /// `STANDARD`, `HIGH`, `NOT_APPLICABLE`.
    pub throughput: Option<String>,
    /// `TIER_2K`, `TIER_UNLIMITED`, …: people a day outside open windows, shared by the business portfolio.
    pub messaging_limit: Option<String>,
}

/// Health of one number, and how fresh it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The number.
    pub number: numbers::Number,
    /// As Meta said last; `None` before the first answer.
    pub health: Option<Health>,
    /// When Meta said so.
    pub at: Option<Timestamp>,
    /// Why the newest question has no answer.
    pub error: Option<String>,
}

/// Every number of the transaction's tenant with its health.
pub async fn list(transaction: &Transaction) -> Result<Vec<Row>> {
    let (columns, from) = (numbers::COLUMNS, numbers::FROM);
    let sql =
        format!("select {columns}, n.health, n.health_at, n.health_error {from} where n.tenant_id = $1 order by n.channel, n.account");
    let row = |row: &tokio_postgres::Row| {
        let health: Option<serde_json::Value> = row.try_get("health")?;
        let health = health.and_then(|health| serde_json::from_value(health).ok());
        Ok(Row { number: numbers::number(row)?, health, at: row.try_get("health_at")?, error: row.try_get("health_error")? })
    };
    transaction.query(&sql, &[&transaction.tenant()?.0]).await?.iter().map(row).collect()
}

/// Keeps what Meta said of a WhatsApp number; a new messaging limit is told to the chains.
pub async fn put(transaction: &Transaction, account: &str, health: &Health, limit: Option<i32>) -> Result<()> {
    let before = numbers::get(transaction, "whatsapp", account).await?;
    let value = serde_json::to_value(health).unwrap_or_default();
    let sql = "update numbers set health = $3, health_at = now(), health_error = null
               where tenant_id = $1 and channel = 'whatsapp' and account = $2";
    transaction.execute(sql, &[&transaction.tenant()?.0, &account, &value]).await?;
    if before.told_limit != limit {
        let sql = "update numbers set told_limit = $3, version = nextval('config_version')
                   where tenant_id = $1 and channel = 'whatsapp' and account = $2";
        transaction.execute(sql, &[&transaction.tenant()?.0, &account, &limit]).await?;
        config::publish_number(transaction, numbers::get(transaction, "whatsapp", account).await?).await?;
    }
    Ok(())
}

/// Keeps why Meta did not say anything about the numbers of a business account; what it said before stays.
pub async fn fail(transaction: &Transaction, waba: &str, reason: &str) -> Result<()> {
    let sql = "update numbers set health_error = $3 where tenant_id = $1 and waba_id = $2";
    transaction.execute(sql, &[&transaction.tenant()?.0, &waba, &reason]).await?;
    Ok(())
}
