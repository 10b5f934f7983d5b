use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::page::{Failed, Shell, page};
use super::person::Person;
use crate::Error;
use crate::auth::Role;
use crate::data::paging::Paging;
use crate::data::replays::{self, Wanted};
use crate::error::Field;
use crate::view::{Clock, Difference, Page, Replay};

#[derive(Template)]
#[template(path = "replays.html")]
struct ListPage {
    shell: Shell,
    page: Page<Replay>,
    clock: Clock,
    asked: Asked,
    errors: Vec<Field>,
}

/// The forms' fields as they were typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    kind: String,
    from: String,
    to: String,
    catalog: String,
    stage: String,
    error: String,
    reason: String,
    answer_late: Option<String>,
}

impl Asked {
    /// A wall clock of the business, as the browser's field gives it.
    fn moment(&self, clock: &Clock, field: &'static str) -> Result<Option<Timestamp>, Error> {
        let text = if field == "from" { &self.from } else { &self.to };
        if text.is_empty() {
            return Ok(None);
        }
        let at = clock.parse(text).and_then(|ms| Timestamp::from_millisecond(ms).ok());
        at.map(Some).ok_or_else(|| Error::field(field, format!("`{field}`: give a date and a time, such as 2026-11-26T09:30")))
    }

    fn wanted(&self, clock: &Clock) -> Result<Wanted, Error> {
        let (from, to) = (self.moment(clock, "from")?, self.moment(clock, "to")?);
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if self.kind == "redrive" {
            let (stage, error) = (some(&self.stage), some(&self.error));
            return Ok(Wanted::Redrive { from, to, stage, error, answer_late: self.answer_late.is_some(), reason: self.reason.clone() });
        }
        let from = from.ok_or_else(|| Error::field("from", "`from` is missing: say when the span begins"))?;
        let to = to.unwrap_or_else(Timestamp::now);
        let catalog = some(&self.catalog).map(|text| serde_json::from_str(&text)).transpose();
        let catalog = catalog.map_err(|e| Error::field("catalog", format!("the prices are not JSON: {e}")))?;
        Ok(Wanted::Shadow { from, to, catalog })
    }
}

async fn write(app: &crate::State, person: Person, paging: &Paging, asked: Asked, errors: Vec<Field>) -> Result<Response, Failed> {
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut response = page(&ListPage {
        shell: Shell::new(&person, "/replays"),
        page: replays::list(app, &person.actor, paging).await?,
        clock: person.clock,
        asked,
        errors,
    })?;
    *response.status_mut() = status;
    Ok(response)
}

pub(super) async fn list(State(app): State<crate::State>, person: Person, Query(paging): Query<Paging>) -> Result<Response, Failed> {
    person.actor.require(Role::Admin, "replay the past")?;
    write(&app, person, &paging, Asked::default(), Vec::new()).await
}

pub(super) async fn ask(State(app): State<crate::State>, person: Person, axum::Form(asked): axum::Form<Asked>) -> Result<Response, Failed> {
    let made = match asked.wanted(&person.clock) {
        Ok(wanted) => replays::create(&app, &person.actor, &wanted).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => Ok(Redirect::to(&format!("/replays/{}", made.id)).into_response()),
        Err(Error::Invalid(errors)) => write(&app, person, &Paging::default(), asked, errors).await,
        Err(other) => Err(other.into()),
    }
}

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage {
    shell: Shell,
    r: Replay,
    differences: Vec<Difference>,
    clock: Clock,
}

pub(super) async fn show(State(app): State<crate::State>, person: Person, Path(id): Path<Uuid>) -> Result<Response, Failed> {
    page(&ReplayPage {
        shell: Shell::new(&person, "/replays"),
        r: replays::get(&app, &person.actor, id).await?,
        differences: replays::differences(&app, &person.actor, id, 0).await?,
        clock: person.clock,
    })
}

pub(super) async fn control(
    State(app): State<crate::State>,
    person: Person,
    Path((id, verb)): Path<(Uuid, String)>,
) -> Result<Response, Failed> {
    replays::control(&app, &person.actor, id, &verb).await?;
    Ok(Redirect::to(&format!("/replays/{id}")).into_response())
}
