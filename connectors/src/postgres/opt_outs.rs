//! Who wants no offers: what the ledger knows, and what people of the tenant note.
//!
//! A note goes to the ledger as a `config` record, in the transaction that writes the audit log. The ledger keeps the newest word.

use jiff::Timestamp;
use serde_json::json;

use super::attention::Decider;
use super::{Error, Result, Transaction, audit, config};

/// A person who wants no offers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OptOut {
    /// Phone digits, business-scoped user id, IGSID or PSID.
    pub person: String,
    /// `word`, `preference`, `refusal`, `operator`.
    pub source: String,
    /// The words, or who noted it and why.
    pub detail: Option<String>,
    /// When the person said so.
    pub since: Timestamp,
}

/// People of the transaction's tenant who want no offers, the newest first, behind `after`.
pub async fn list(transaction: &Transaction, after: Option<(Timestamp, String)>, limit: i64) -> Result<Vec<OptOut>> {
    let (at, person) = after.map_or((None, None), |(at, person)| (Some(at), Some(person)));
    let sql = "select person, source, detail, since from opt_outs
               where tenant_id = $1 and ($2::timestamptz is null or (since, person) < ($2, $3::text))
               order by since desc, person desc limit $4";
    let rows = transaction.query(sql, &[&transaction.tenant()?.0, &at, &person, &limit]).await?;
    rows.iter().map(read).collect()
}

/// What is known of one person.
pub async fn get(transaction: &Transaction, person: &str) -> Result<Option<OptOut>> {
    let sql = "select person, source, detail, since from opt_outs where tenant_id = $1 and person = $2";
    transaction.query_opt(sql, &[&transaction.tenant()?.0, &person]).await?.as_ref().map(read).transpose()
}

fn read(row: &tokio_postgres::Row) -> Result<OptOut> {
    Ok(OptOut { person: row.try_get(0)?, source: row.try_get(1)?, detail: row.try_get(2)?, since: row.try_get(3)? })
}

/// Notes that a person wants no offers, said elsewhere than in a message: on the telephone, in the shop.
pub async fn note(transaction: &Transaction, person: &str, by: Decider<'_>) -> Result<()> {
    say(transaction, person, false, by).await
}

/// Notes that a person wants offers again.
pub async fn lift(transaction: &Transaction, person: &str, by: Decider<'_>) -> Result<()> {
    if get(transaction, person).await?.is_none() {
        return Err(Error::not_found("opt-out", person));
    }
    say(transaction, person, true, by).await
}

async fn say(transaction: &Transaction, person: &str, lift: bool, by: Decider<'_>) -> Result<()> {
    config::decide(transaction, "opt_out", person, &json!({"by": by.actor, "reason": by.reason, "lift": lift})).await?;
    let action = if lift { "opt_out.lift" } else { "opt_out.note" };
    audit::record(transaction, by.actor, action, person, &json!({"reason": by.reason})).await
}
