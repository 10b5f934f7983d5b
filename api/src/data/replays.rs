//! Replays: asked for here, planned and run in the background.

use jiff::Timestamp;
use serde_json::json;
use sluice_connectors::postgres::{Transaction, audit, replays};
use uuid::Uuid;

use super::paging::{self, Paging};
use crate::auth::{Actor, Role};
use crate::view::{Difference, Page, Replay};
use crate::{Error, State};

pub use replays::Wanted;

/// Differences of a page.
pub const DIFFERENCES: i64 = 100;
/// Longest reason.
const REASON: usize = 1_000;

async fn open(app: &State, actor: &Actor) -> Result<Transaction, Error> {
    actor.require(Role::Admin, "replay the past")?;
    Ok(app.pool.tenant(actor.tenant).await?)
}

/// Asks for a replay; its plan follows.
pub async fn create(app: &State, actor: &Actor, wanted: &Wanted) -> Result<Replay, Error> {
    if let Wanted::Redrive { reason, .. } = wanted
        && reason.chars().count() > REASON
    {
        return Err(Error::field("reason", format!("`reason` is longer than {REASON} characters")));
    }
    let transaction = open(app, actor).await?;
    let made = replays::create(&transaction, wanted, &actor.name).await?;
    audit::record(&transaction, &actor.name, "replay.create", &made.id.to_string(), &json!(wanted)).await?;
    transaction.commit().await?;
    Ok(shown(made))
}

/// One replay.
pub async fn get(app: &State, actor: &Actor, id: Uuid) -> Result<Replay, Error> {
    let transaction = open(app, actor).await?;
    let found = replays::get(&transaction, id).await?;
    transaction.commit().await?;
    Ok(shown(found))
}

/// A page of replays, newest first.
pub async fn list(app: &State, actor: &Actor, paging: &Paging) -> Result<Page<Replay>, Error> {
    let (limit, place) = (paging.limit()?, paging.place()?);
    let transaction = open(app, actor).await?;
    let rows = replays::list(&transaction, place, limit + 1).await?;
    transaction.commit().await?;
    let (rows, next_cursor) = paging::page(rows, limit, |row| (row.created_at, row.id));
    Ok(Page { data: rows.into_iter().map(shown).collect(), next_cursor })
}

/// Differences that a shadow found, behind number `after`.
pub async fn differences(app: &State, actor: &Actor, id: Uuid, after: i64) -> Result<Vec<Difference>, Error> {
    let transaction = open(app, actor).await?;
    replays::get(&transaction, id).await?;
    let rows = replays::differences(&transaction, id, after, DIFFERENCES).await?;
    transaction.commit().await?;
    Ok(rows.into_iter().map(|(n, difference)| Difference { n, difference }).collect())
}

/// `start` confirms a plan, `cancel` ends a replay.
pub async fn control(app: &State, actor: &Actor, id: Uuid, verb: &str) -> Result<Replay, Error> {
    let transaction = open(app, actor).await?;
    let now = match verb {
        "start" => replays::start(&transaction, id).await?,
        "cancel" => replays::cancel(&transaction, id).await?,
        _ => return Err(Error::NotFound(format!("action `{verb}`"))),
    };
    audit::record(&transaction, &actor.name, &format!("replay.{verb}"), &id.to_string(), &json!({})).await?;
    transaction.commit().await?;
    Ok(shown(now))
}

fn shown(row: replays::Replay) -> Replay {
    Replay {
        id: row.id,
        wanted: json!(row.wanted),
        state: row.state,
        plan: row.plan,
        progress: row.progress,
        report: row.report,
        error: row.error,
        created_by: row.created_by,
        created_at: row.created_at.to_string(),
        finished_at: row.finished_at.as_ref().map(Timestamp::to_string),
    }
}
