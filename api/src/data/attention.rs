//! What waits for a person: holds and sends of unknown outcome, and what people decide about them.

use sluice_connectors::postgres::attention::{self, Attention, Decider, Verdict};
use sluice_schemas::ids::SendId;
use uuid::Uuid;

use super::paging::{self, Paging};
use crate::auth::{Actor, Role};
use crate::view::{Doubt, Hold, Page};
use crate::{Error, State};

/// Longest reason.
const REASON: usize = 1_000;

/// What holds the tenant's sends, the oldest first.
pub async fn holds(app: &State, actor: &Actor) -> Result<Vec<Hold>, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let holds = attention::holds(&transaction).await?;
    transaction.commit().await?;
    Ok(holds.into_iter().map(shown).collect())
}

fn shown(hold: attention::Hold) -> Hold {
    let cause = hold.cause().unwrap_or("Meta refused a send").to_owned();
    let remedy = hold.remedy();
    Hold {
        scope: hold.scope,
        name: hold.name,
        code: hold.code,
        cause,
        remedy: remedy.map(str::to_owned),
        since: hold.since.to_string(),
        until: hold.until.map(|until| until.to_string()),
        refusals: hold.refusals,
    }
}

/// A page of sends whose outcome is unknown, the oldest first.
pub async fn doubts(app: &State, actor: &Actor, paging: &Paging) -> Result<Page<Doubt>, Error> {
    let limit = paging.limit()?;
    let after = paging.place()?.map(|(at, id)| (at, SendId(id)));
    let transaction = app.pool.tenant(actor.tenant).await?;
    let mut rows = attention::attention(&transaction, after, limit + 1).await?;
    transaction.commit().await?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(1));
    let next_cursor = rows.last().filter(|_| more).map(|last| paging::cursor((last.since, last.send.0)));
    Ok(Page { data: rows.into_iter().map(doubt).collect(), next_cursor })
}

fn doubt(row: Attention) -> Doubt {
    Doubt {
        id: row.send.0,
        status: row.state,
        account: row.account,
        to: row.recipient,
        since: row.since.to_string(),
        campaign: row.campaign.map(|campaign| campaign.0),
        detail: row.detail,
    }
}

/// Lifts a hold.
pub async fn lift(app: &State, actor: &Actor, scope: &str, name: &str, reason: &str) -> Result<(), Error> {
    actor.require(Role::Admin, "lift holds")?;
    let by = decider(actor, reason)?;
    let transaction = app.pool.tenant(actor.tenant).await?;
    attention::lift(&transaction, scope, name, by).await?;
    Ok(transaction.commit().await?)
}

/// Decides on a quarantined send: `release` or `mark-sent`.
pub async fn settle(app: &State, actor: &Actor, send: Uuid, verdict: &str, reason: &str) -> Result<(), Error> {
    actor.require(Role::Admin, "decide on quarantined sends")?;
    let verdict = Verdict::from_name(verdict)
        .ok_or_else(|| Error::field("decision", format!("`{verdict}` is not a decision; use release or mark-sent")))?;
    let by = decider(actor, reason)?;
    let transaction = app.pool.tenant(actor.tenant).await?;
    attention::settle(&transaction, SendId(send), verdict, by).await?;
    Ok(transaction.commit().await?)
}

pub(super) fn decider<'a>(actor: &'a Actor, reason: &'a str) -> Result<Decider<'a>, Error> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Error::field("reason", "`reason` is missing: say why, for the audit log"));
    }
    if reason.chars().count() > REASON {
        return Err(Error::field("reason", format!("`reason` is longer than {REASON} characters")));
    }
    Ok(Decider { actor: &actor.name, reason })
}
