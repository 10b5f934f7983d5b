//! What became of each recipient of a campaign, and the campaign that tries failed ones again.

use axum::body::{Body, Bytes};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use sluice_connectors::outcomes::{self, Outcome, Table, Which};
use sluice_connectors::postgres::campaigns::Place;
use sluice_schemas::ids::CampaignId;
use sluice_schemas::meta::codes::Class;
use uuid::Uuid;

use super::campaigns;
use super::history::archive;
use super::paging::{self, Paging};
use crate::auth::{Actor, Role};
use crate::view::{self, Page, Recipient};
use crate::{Error, State};

/// Rows looked through for one page: a page of a rare state ends early, with a cursor, and not after a whole audience.
const LOOKED_AT: usize = 5_000;

/// `?state=`
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only recipients in this state: `pending`, or a state of a message, as in the funnel.
    pub state: Option<String>,
}

impl Filter {
    fn check(&self) -> Result<(), Error> {
        let Some(state) = self.state.as_deref() else { return Ok(()) };
        outcomes::known(state).map_err(|said| Error::field("state", format!("`state` is {state}; {said}")))
    }

    fn takes(&self, outcome: &Outcome) -> bool {
        self.state.as_deref().is_none_or(|state| state == outcome.state())
    }
}

/// What of a campaign's failures is tried again.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Again {
    /// Name of the new campaign; `<name> (again)` when left out.
    pub name: Option<String>,
    /// Error codes whose messages are tried again, 0 for those without one. With codes, classes do not count.
    pub codes: Vec<i32>,
    /// Classes of codes: `retry`, `throttle`, `account`, `hold`, `permanent`. All but `permanent` when both are left out.
    #[schema(value_type = Vec<String>)]
    pub classes: Vec<Class>,
}

impl From<outcomes::Error> for Error {
    fn from(error: outcomes::Error) -> Self {
        match error {
            outcomes::Error::Postgres(error) => error.into(),
            outcomes::Error::History(error) => error.into(),
        }
    }
}

/// A page of recipients, in the order of the upload.
pub async fn page(app: &State, actor: &Actor, id: Uuid, filter: &Filter, paging: &Paging) -> Result<Page<Recipient>, Error> {
    actor.require(Role::Admin, "see a campaign's recipients")?;
    filter.check()?;
    let limit = usize::try_from(paging.limit()?).unwrap_or(1);
    let mut after = place(paging)?;
    campaigns::exists(app, actor, id).await?;
    let (mut data, mut looked) = (Vec::new(), 0);
    while data.len() < limit && looked < LOOKED_AT {
        let rows = outcomes::page(&app.pool, archive(app)?, actor.tenant, CampaignId(id), after, limit as i64).await?;
        let Some(last) = rows.last() else { return Ok(Page { data, next_cursor: None }) };
        (looked, after) = (looked + rows.len(), Some(last.place));
        for outcome in rows.iter().filter(|outcome| filter.takes(outcome)) {
            data.push(shown(outcome));
            if data.len() == limit {
                after = Some(outcome.place);
                break;
            }
        }
    }
    Ok(Page { data, next_cursor: after.map(|place| paging::encode(place.home.into(), &place.seq.to_string())) })
}

fn place(paging: &Paging) -> Result<Option<Place>, Error> {
    let Some((home, seq)) = paging.parts()? else { return Ok(None) };
    let place = || Some(Place { home: home.try_into().ok()?, seq: seq.parse().ok()? });
    place().map(Some).ok_or_else(paging::wrong)
}

fn shown(outcome: &Outcome) -> Recipient {
    let step = outcome.step.as_ref();
    let code = step.and_then(|step| step.code);
    Recipient {
        recipient: outcome.row.recipient.clone(),
        state: outcome.state().to_owned(),
        since: step.and_then(|step| Timestamp::from_millisecond(step.at_ms).ok()).map(|at| at.to_string()),
        code,
        explanation: outcome.failure().map(|_| view::explain(code.unwrap_or(0)).to_owned()),
        detail: step.and_then(|step| step.detail.clone()),
        wamid: step.and_then(|step| step.wamid.clone()),
        message: outcome.send_id.0,
    }
}

/// Every recipient as CSV, as it is read: a million lines pass through some hundred kilobytes. It ends in the middle, without a last
/// chunk, when a service goes away, so that half a file is never taken for a whole one.
pub async fn csv(app: &State, actor: &Actor, id: Uuid, filter: Filter) -> Result<Body, Error> {
    actor.require(Role::Admin, "see a campaign's recipients")?;
    filter.check()?;
    campaigns::exists(app, actor, id).await?;
    let mut pages = Box::pin(outcomes::walk(app.pool.clone(), archive(app)?.clone(), actor.tenant, CampaignId(id)));
    // The first page before the first byte: what fails at once is told by the status.
    let first = pages.try_next().await?.unwrap_or_default();
    let table = Table::of(first.first());
    let header = Bytes::from(table.header());
    let lines = stream::once(std::future::ready(Ok(first))).chain(pages).map_ok(move |page| {
        let rows = page.iter().filter(|outcome| filter.takes(outcome));
        Bytes::from(table.lines(rows))
    });
    Ok(Body::from_stream(stream::once(std::future::ready(Ok::<_, outcomes::Error>(header))).chain(lines)))
}

/// Makes a draft of the recipients whose messages failed.
pub async fn retry(app: &State, actor: &Actor, id: Uuid, again: &Again) -> Result<view::Campaign, Error> {
    actor.require(Role::Admin, "create campaigns")?;
    let name = again.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let (history, origin) = (archive(app)?, CampaignId(id));
    let made =
        outcomes::retry(&app.pool, history, actor.tenant, origin, &Which::of(&again.codes, &again.classes), name, &actor.name).await?;
    campaigns::get(app, actor, made.id.0).await
}
