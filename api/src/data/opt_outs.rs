//! Who wants no offers, and what people note about it.

use jiff::Timestamp;
use sluice_connectors::postgres::opt_outs::{self, OptOut as Row};

use super::attention::decider;
use super::messages::bare;
use super::paging::{self, Paging};
use crate::auth::{Actor, Role};
use crate::view::{OptOut, Page};
use crate::{Error, State};

/// A page of people who want no offers, the newest first.
pub async fn list(app: &State, actor: &Actor, paging: &Paging) -> Result<Page<OptOut>, Error> {
    let limit = paging.limit()?;
    let place = |(at, person)| Timestamp::from_microsecond(at).map(|at| (at, person)).map_err(|_| paging::wrong());
    let after = paging.parts()?.map(place).transpose()?;
    let transaction = app.pool.tenant(actor.tenant).await?;
    let mut rows = opt_outs::list(&transaction, after, limit + 1).await?;
    transaction.commit().await?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(1));
    let next_cursor = rows.last().filter(|_| more).map(|last| paging::encode(last.since.as_microsecond(), &last.person));
    Ok(Page { data: rows.into_iter().map(shown).collect(), next_cursor })
}

fn shown(row: Row) -> OptOut {
    OptOut { person: row.person, source: row.source, detail: row.detail, since: row.since.to_string() }
}

/// Notes that a person wants no offers. Whoever hears it may note it.
pub async fn note(app: &State, actor: &Actor, person: &str, reason: &str) -> Result<(), Error> {
    let (person, by) = (name(person)?, decider(actor, reason)?);
    let transaction = app.pool.tenant(actor.tenant).await?;
    opt_outs::note(&transaction, &person, by).await?;
    Ok(transaction.commit().await?)
}

/// Notes that a person wants offers again.
pub async fn lift(app: &State, actor: &Actor, person: &str, reason: &str) -> Result<(), Error> {
    actor.require(Role::Admin, "lift opt-outs")?;
    let (person, by) = (name(person)?, decider(actor, reason)?);
    let transaction = app.pool.tenant(actor.tenant).await?;
    opt_outs::lift(&transaction, &person, by).await?;
    Ok(transaction.commit().await?)
}

fn name(person: &str) -> Result<String, Error> {
    let name = bare(person);
    if name.is_empty() || name.len() > 128 {
        return Err(Error::field("person", "`person` is missing or too long: give a telephone number or a user id"));
    }
    Ok(name)
}
