use askama::Template;
use axum::extract::multipart::Multipart;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sluice_connectors::postgres::campaigns::FAILURE_LIMIT;
use sluice_connectors::postgres::config;
use uuid::Uuid;

use super::page::{Failed, Shell, manages, page};
use super::person::Person;
use crate::Error;
use crate::auth::Role;
use crate::data::campaigns::{self, New};
use crate::data::outcomes::{self, Again, Filter};
use crate::data::paging::Paging;
use crate::data::{contacts, figures, forecast, idempotency, trial};
use crate::error::Field;
use crate::upload::Form;
use crate::view::{Campaign, CampaignState, Clock, Comparison, Forecast, Number, Page, Refusal, Segment, Trial};

#[derive(Template)]
#[template(path = "campaigns.html")]
struct ListPage {
    shell: Shell,
    page: Page<Campaign>,
    here: String,
    clock: Clock,
    may_manage: bool,
}

pub(super) async fn list(State(app): State<crate::State>, person: Person, Query(paging): Query<Paging>) -> Result<Response, Failed> {
    let here = paging.cursor.as_ref().map_or_else(|| "/campaigns".to_owned(), |cursor| format!("/campaigns?cursor={cursor}"));
    page(&ListPage {
        shell: Shell::new(&person, "/campaigns"),
        page: campaigns::list(&app, &person.actor, &paging).await?,
        here,
        may_manage: manages(&person),
        clock: person.clock,
    })
}

#[derive(Template)]
#[template(path = "campaign.html")]
struct CampaignPage {
    shell: Shell,
    c: Campaign,
    refusals: Vec<Refusal>,
    /// Before it starts: its first messages.
    first: Vec<Trial>,
    /// What it can be compared with.
    others: Vec<Campaign>,
    clock: Clock,
    key: Uuid,
    /// Whether whoever looks may approve it.
    may_approve: bool,
    /// Whether its numbers may still change by themselves.
    moving: bool,
    may_manage: bool,
}

/// Campaigns that this one can be compared with: the newest that have reached somebody.
async fn others(app: &crate::State, person: &Person, id: Uuid) -> Result<Vec<Campaign>, Failed> {
    let newest = campaigns::list(app, &person.actor, &Paging::default()).await?.data;
    Ok(newest.into_iter().filter(|other| other.id != id && other.funnel.accepted > 0).collect())
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct After {
    tried: Option<String>,
}

pub(super) async fn show(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    Query(after): Query<After>,
) -> Result<Response, Failed> {
    let c = campaigns::get(&app, &person.actor, id).await?;
    let refusals = if c.refused > 0 { campaigns::refusals(&app, &person.actor, id, 0).await? } else { Vec::new() };
    let unstarted = matches!(c.state, CampaignState::Draft | CampaignState::Scheduled) && c.funnel.audience > 0;
    let first = if unstarted && manages(&person) { trial::first(&app, &person.actor, id).await? } else { Vec::new() };
    let others = if c.funnel.accepted > 0 { others(&app, &person, id).await? } else { Vec::new() };
    let moving = c.state == CampaignState::Running || (c.funnel.in_flight + c.funnel.unknown > 0);
    let mut shell = Shell::new(&person, "/campaigns");
    shell.notice = after.tried.map(|_| "The trial is on its way. It counts in no funnel.".to_owned());
    page(&CampaignPage {
        shell,
        refusals,
        first,
        others,
        key: Uuid::now_v7(),
        may_approve: c.awaits_approval && manages(&person) && c.created_by != person.actor.name,
        moving,
        may_manage: manages(&person),
        clock: person.clock,
        c,
    })
}

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    shell: Shell,
    c: Comparison,
}

#[derive(Deserialize)]
pub(super) struct With {
    with: Uuid,
}

pub(super) async fn compare(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    Query(asked): Query<With>,
) -> Result<Response, Failed> {
    page(&ComparePage { shell: Shell::new(&person, "/campaigns"), c: campaigns::compare(&app, &person.actor, id, asked.with).await? })
}

#[derive(Template)]
#[template(path = "campaign_new.html")]
struct NewPage {
    shell: Shell,
    form: NewForm,
    numbers: Vec<Number>,
    templates: Vec<config::Template>,
    segments: Vec<Segment>,
    errors: Vec<Field>,
    key: String,
}

/// The form's fields as they were typed.
#[derive(Default)]
struct NewForm {
    name: String,
    account: String,
    template: String,
    language: String,
    phone_column: String,
    country: String,
    columns: String,
    throttle: String,
    failure_limit: String,
    window: String,
    segment: String,
}

impl From<&Form> for NewForm {
    fn from(form: &Form) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        Self {
            name: text("name"),
            account: text("account"),
            template: text("template"),
            language: text("language"),
            phone_column: text("phone_column"),
            country: text("country"),
            columns: text("columns"),
            throttle: text("throttle"),
            failure_limit: text("failure_limit"),
            window: text("window"),
            segment: text("segment"),
        }
    }
}

async fn form(app: &crate::State, person: &Person, form: NewForm, errors: Vec<Field>) -> Result<Response, Failed> {
    person.actor.require(Role::Admin, "create campaigns")?;
    let transaction = app.pool.tenant(person.actor.tenant).await?;
    let templates = config::templates(&transaction).await?;
    transaction.commit().await?;
    let numbers = figures::numbers(app, &person.actor).await?;
    page(&NewPage {
        shell: Shell::new(person, "/campaigns"),
        form,
        numbers: numbers.into_iter().filter(|number| number.channel == "whatsapp").collect(),
        templates,
        segments: contacts::segments(app, &person.actor).await?,
        errors,
        key: Uuid::now_v7().to_string(),
    })
}

pub(super) async fn new(State(app): State<crate::State>, person: Person) -> Result<Response, Failed> {
    let empty =
        NewForm { throttle: "0".to_owned(), failure_limit: FAILURE_LIMIT.to_string(), language: "en_US".to_owned(), ..NewForm::default() };
    form(&app, &person, empty, Vec::new()).await
}

pub(super) async fn create(State(app): State<crate::State>, person: Person, multipart: Multipart) -> Result<Response, Failed> {
    let upload = Form::read(multipart, app.options.upload_bytes).await?;
    let typed = NewForm::from(&upload);
    let (new, key) = (upload.campaign()?, upload.text("key").to_owned());
    match create_once(&app, &person, new, &key, upload).await {
        Ok(id) => Ok(Redirect::to(&format!("/campaigns/{id}")).into_response()),
        Err(Error::Invalid(errors)) => {
            let mut response = form(&app, &person, typed, errors).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(other) => Err(other.into()),
    }
}

/// A form that is sent twice makes one campaign.
async fn create_once(app: &crate::State, person: &Person, new: New, key: &str, upload: Form) -> Result<Uuid, Error> {
    let print = serde_json::to_vec(&new).map_err(|e| Error::Internal(e.to_string()))?;
    let work = async {
        let campaign = campaigns::create(app, &person.actor, new, upload.file).await?;
        Ok((StatusCode::CREATED, campaign.id))
    };
    Ok(idempotency::once(app, &person.actor, "console/campaigns", key, &print, work).await?.1)
}

/// What became of each recipient, as a file.
pub(super) async fn recipients(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    Query(filter): Query<Filter>,
) -> Result<Response, Failed> {
    let name = format!("attachment; filename=\"campaign-{id}{}.csv\"", filter.state.as_ref().map(|s| format!("-{s}")).unwrap_or_default());
    let body = outcomes::csv(&app, &person.actor, id, filter).await?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)], body).into_response())
}

#[derive(Deserialize)]
pub(super) struct Tried {
    key: String,
    to: String,
}

pub(super) async fn test(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    axum::Form(form): axum::Form<Tried>,
) -> Result<Response, Failed> {
    let key = &form.key;
    let work = async { Ok((StatusCode::ACCEPTED, trial::send(&app, &person.actor, id, &form.to, key).await?)) };
    idempotency::once(&app, &person.actor, &format!("console/campaigns/{id}/test"), key, form.to.as_bytes(), work).await?;
    Ok(Redirect::to(&format!("/campaigns/{id}?tried=1")).into_response())
}

#[derive(Template)]
#[template(path = "campaign_edit.html")]
struct EditPage {
    shell: Shell,
    c: Campaign,
    form: EditForm,
    errors: Vec<Field>,
}

/// The form's fields as they were typed, and the version that was read.
#[derive(Deserialize)]
pub(super) struct EditForm {
    version: i64,
    name: String,
    throttle: String,
    failure_limit: String,
    #[serde(default)]
    window: Option<String>,
}

impl EditForm {
    fn edit(&self) -> Result<campaigns::Edit, Error> {
        let number = |field: &str, text: &str| text.trim().parse().map_err(|_| Error::field(field, format!("`{field}` is a number")));
        Ok(campaigns::Edit {
            name: Some(self.name.clone()),
            throttle: Some(number("throttle", &self.throttle)?),
            failure_limit: Some(number("failure_limit", &self.failure_limit)?),
            window: self.window.clone(),
        })
    }
}

pub(super) async fn edit(State(app): State<crate::State>, person: Person, Path(id): Path<Uuid>) -> Result<Response, Failed> {
    person.actor.require(Role::Admin, "edit campaigns")?;
    let c = campaigns::get(&app, &person.actor, id).await?;
    let form = EditForm {
        version: c.version,
        name: c.name.clone(),
        throttle: c.throttle.to_string(),
        failure_limit: c.failure_limit.to_string(),
        window: c.window.clone(),
    };
    page(&EditPage { shell: Shell::new(&person, "/campaigns"), c, form, errors: Vec::new() })
}

/// Saves, or shows the form again with what was typed: beside it stands what the campaign is now.
pub(super) async fn save(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    axum::Form(form): axum::Form<EditForm>,
) -> Result<Response, Failed> {
    let saved = match form.edit() {
        Ok(edit) => campaigns::edit(&app, &person.actor, id, &edit, form.version).await,
        Err(e) => Err(e),
    };
    let (errors, form) = match saved {
        Ok(_) => return Ok(Redirect::to(&format!("/campaigns/{id}")).into_response()),
        Err(Error::Invalid(errors)) => (errors, form),
        Err(Error::Changed(why) | Error::Conflict(why)) => (vec![Field { field: "version".into(), detail: why }], form),
        Err(other) => return Err(other.into()),
    };
    let c = campaigns::get(&app, &person.actor, id).await?;
    // Who reads what it is now may save over it.
    let form = EditForm { version: c.version, ..form };
    let mut response = page(&EditPage { shell: Shell::new(&person, "/campaigns"), c, form, errors })?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

#[derive(Template)]
#[template(path = "dry_run.html")]
struct DryRunPage {
    shell: Shell,
    c: Campaign,
    f: Forecast,
    asked: Asked,
    clock: Clock,
}

/// Wall clock of the business, without a zone, as the browser's field gives it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    at: String,
    finish_by: String,
}

impl Asked {
    fn when(&self, clock: &Clock) -> Result<forecast::When, Error> {
        let read = |field: &str, text: &str| {
            let wrong = || Error::field(field, format!("`{field}` is a date and a time, such as 2026-11-26T09:30"));
            let ms = |text: &str| clock.parse(text).and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).ok_or_else(wrong);
            Some(text).filter(|text| !text.is_empty()).map(ms).transpose()
        };
        Ok(forecast::When { at: read("at", &self.at)?, finish_by: read("finish_by", &self.finish_by)? })
    }
}

pub(super) async fn dry_run(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failed> {
    let when = asked.when(&person.clock)?;
    page(&DryRunPage {
        shell: Shell::new(&person, "/campaigns"),
        c: campaigns::get(&app, &person.actor, id).await?,
        f: forecast::forecast(&app, &person.actor, id, when).await?,
        asked,
        clock: person.clock,
    })
}

#[derive(Deserialize)]
pub(super) struct Failures {
    key: String,
    /// A code, or empty for all that may go better.
    code: String,
}

pub(super) async fn retry(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    axum::Form(form): axum::Form<Failures>,
) -> Result<Response, Failed> {
    let codes = match form.code.as_str() {
        "" => Vec::new(),
        code => vec![code.parse().map_err(|_| Error::field("code", "`code` is an error code"))?],
    };
    let work = async {
        let made = outcomes::retry(&app, &person.actor, id, &Again { codes, ..Again::default() }).await?;
        Ok((StatusCode::CREATED, made.id))
    };
    let route = format!("console/campaigns/{id}/retry");
    let made = idempotency::once(&app, &person.actor, &route, &form.key, form.code.as_bytes(), work).await?.1;
    Ok(Redirect::to(&format!("/campaigns/{made}")).into_response())
}

#[derive(Deserialize)]
pub(super) struct Keyed {
    key: String,
}

pub(super) async fn control(
    State(app): State<crate::State>,
    person: Person,
    Path((id, verb)): Path<(Uuid, String)>,
    axum::Form(form): axum::Form<Keyed>,
) -> Result<Response, Failed> {
    let work = async {
        campaigns::control(&app, &person.actor, id, &verb).await?;
        Ok((StatusCode::OK, true))
    };
    idempotency::once(&app, &person.actor, &format!("console/campaigns/{id}/{verb}"), &form.key, b"", work).await?;
    Ok(Redirect::to(&format!("/campaigns/{id}")).into_response())
}
