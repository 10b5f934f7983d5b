//! What waits for a person: sends whose outcome nobody knows, and what holds the others back.
//!
//! A decision goes to the ledger as a `config` record, in the transaction that notes who decided and why. The ledger acts on it only if it
//! is younger than what it decides on, so that a record that comes twice decides once.

use jiff::Timestamp;
use serde_json::json;
use sluice_schemas::ids::{CampaignId, SendId};
use sluice_schemas::meta::codes;
use sluice_schemas::record::HoldScope;

use super::{Error, Pool, Result, Transaction, audit, config};

/// A send whose outcome nobody knows (`unknown`), or that waits for a decision (`quarantined`).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Attention {
    /// The send.
    pub send: SendId,
    /// Number it left from.
    pub account: String,
    /// Recipient.
    pub recipient: String,
    /// `unknown` or `quarantined`.
    pub state: String,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// Campaign it belongs to.
    pub campaign: Option<CampaignId>,
    /// Reason in words.
    pub detail: Option<String>,
}

/// Sends that want attention, the oldest first, behind `after`.
pub async fn attention(transaction: &Transaction, after: Option<(Timestamp, SendId)>, limit: i64) -> Result<Vec<Attention>> {
    let (at, id) = after.unwrap_or((Timestamp::UNIX_EPOCH, SendId::default()));
    let sql = "select send_id, account, recipient, state, since, campaign_id, detail from sends_attention
               where tenant_id = $1 and (since, send_id) > ($2, $3) order by since, send_id limit $4";
    transaction
        .query(sql, &[&transaction.tenant()?.0, &at, &id.0, &limit])
        .await?
        .iter()
        .map(|row| {
            Ok(Attention {
                send: SendId(row.try_get(0)?),
                account: row.try_get(1)?,
                recipient: row.try_get(2)?,
                state: row.try_get(3)?,
                since: row.try_get(4)?,
                campaign: row.try_get::<_, Option<uuid::Uuid>>(5)?.map(CampaignId),
                detail: row.try_get(6)?,
            })
        })
        .collect()
}

/// What sends wait for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Hold {
    /// `number`, `account`, `app`, `template`, `flow`, `portfolio`, `chain`.
    pub scope: String,
    /// Which one of its scope.
    pub name: String,
    /// Meta's error code, if an answer was the cause.
    pub code: Option<i32>,
    /// Meta's words.
    pub detail: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// When one send is tried again; `None` when only a person or an event of Meta ends it.
    pub until: Option<Timestamp>,
    /// Refusals so far.
    pub refusals: i32,
}

/// What is done about a parked tenant.
const UNPARK: &str = "mend what fails (`sluice dead-letters list`), lift the hold, then redrive the dead letters of kind `parked`";

/// What is done about a messaging limit.
const WIDEN: &str =
    "it goes on by itself as the 24 hours of people pass; Meta raises the limit of a portfolio that uses half of it in good quality";

impl Hold {
    /// What is wrong, in words.
    pub fn cause(&self) -> Option<&str> {
        codes::explained(self.code).0.or(self.detail.as_deref())
    }

    /// What a person does about it, if anything.
    pub fn remedy(&self) -> Option<&'static str> {
        match HoldScope::from_name(&self.scope) {
            Some(HoldScope::Chain) => Some(UNPARK),
            Some(HoldScope::Portfolio) => Some(WIDEN),
            _ => codes::explained(self.code).1,
        }
    }
}

/// What holds sends of the transaction's tenant, the oldest first.
pub async fn holds(transaction: &Transaction) -> Result<Vec<Hold>> {
    let sql = "select scope, name, code, detail, since, until, refusals from holds where tenant_id = $1 order by since, scope, name";
    let row = |row: &tokio_postgres::Row| {
        Ok(Hold {
            scope: row.try_get(0)?,
            name: row.try_get(1)?,
            code: row.try_get(2)?,
            detail: row.try_get(3)?,
            since: row.try_get(4)?,
            until: row.try_get(5)?,
            refusals: row.try_get(6)?,
        })
    };
    transaction.query(sql, &[&transaction.tenant()?.0]).await?.iter().map(row).collect()
}

/// Who decides, and why.
#[derive(Debug, Clone, Copy)]
pub struct Decider<'a> {
    /// User, token or operator.
    pub actor: &'a str,
    /// Why; not empty.
    pub reason: &'a str,
}

/// Lifts a hold: what waits for it goes on, and is held again should Meta refuse it again.
pub async fn lift(transaction: &Transaction, scope: &str, name: &str, by: Decider<'_>) -> Result<()> {
    let sql = "select 1 from holds where tenant_id = $1 and scope = $2 and name = $3";
    let subject = format!("{scope}/{name}");
    if transaction.query_opt(sql, &[&transaction.tenant()?.0, &scope, &name]).await?.is_none() {
        return Err(Error::not_found("hold", subject));
    }
    config::decide(transaction, "lift", &subject, &json!({"by": by.actor, "reason": by.reason})).await?;
    audit::record(transaction, by.actor, "hold.lift", &subject, &json!({"reason": by.reason})).await
}

/// What a person decides on a quarantined send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It did not arrive: it is sent again.
    Release,
    /// It did: it counts as accepted.
    MarkSent,
}

impl Verdict {
    /// The word in commands, addresses and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::MarkSent => "mark-sent",
        }
    }

    /// The verdict of this word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Release, Self::MarkSent].into_iter().find(|verdict| verdict.name() == name)
    }
}

/// Decides on a quarantined send. One that is still unknown may settle by itself and is refused.
pub async fn settle(transaction: &Transaction, send: SendId, verdict: Verdict, by: Decider<'_>) -> Result<()> {
    let sql = "select state from sends_attention where tenant_id = $1 and send_id = $2";
    let row = transaction.query_opt(sql, &[&transaction.tenant()?.0, &send.0]).await?;
    let state: String = row.ok_or_else(|| Error::not_found("quarantined send", send))?.try_get(0)?;
    if state != "quarantined" {
        return Err(Error::invalid(
            "send",
            format!("send {send} is {state}: it may still settle by itself; decide when it is quarantined"),
        ));
    }
    let (subject, decision) = (send.to_string(), verdict.name());
    config::decide(transaction, "settle", &subject, &json!({"decision": decision, "by": by.actor, "reason": by.reason})).await?;
    audit::record(transaction, by.actor, &format!("quarantine.{decision}"), &subject, &json!({"reason": by.reason})).await
}

/// How much waits in all tenants together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Open holds by scope.
    pub holds: Vec<(String, i64)>,
    /// Quarantined sends.
    pub quarantined: i64,
    /// When the oldest of them was quarantined.
    pub oldest: Option<Timestamp>,
}

/// Counts what waits, with the workers' login.
pub async fn waiting(pool: &Pool) -> Result<Waiting> {
    let transaction = pool.worker().await?;
    let rows = transaction.query("select scope, count(*) from holds group by scope", &[]).await?;
    let holds = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_>>()?;
    let row = transaction.query_one("select count(*), min(since) from sends_attention where state = 'quarantined'", &[]).await?;
    transaction.commit().await?;
    Ok(Waiting { holds, quarantined: row.try_get(0)?, oldest: row.try_get(1)? })
}
