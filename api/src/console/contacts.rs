use askama::Template;
use axum::extract::multipart::Multipart;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::page::{Failed, Shell, address, page};
use super::person::Person;
use crate::Error;
use crate::auth::Role;
use crate::data::contacts::{self, Filter};
use crate::data::idempotency;
use crate::data::paging::Paging;
use crate::error::Field;
use crate::upload::Form;
use crate::view::{Clock, Contact, ContactImport, Page, Segment};

/// Contacts that a page shows.
const SHOWN: i64 = 25;

#[derive(Template)]
#[template(path = "contacts.html")]
struct ContactsPage {
    shell: Shell,
    /// The expression as it was typed.
    which: String,
    people: Vec<Contact>,
    /// How many it takes; none while it cannot be read.
    count: Option<i64>,
    next: Option<String>,
    segments: Vec<Segment>,
    imports: Vec<ContactImport>,
    errors: Vec<Field>,
    clock: Clock,
    key: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    r#where: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

pub(super) async fn show(State(app): State<crate::State>, person: Person, Query(shown): Query<Shown>) -> Result<Response, Failed> {
    person.actor.require(Role::Admin, "see contacts")?;
    let notice = match shown.done.as_deref() {
        Some("saved") => Some("The segment is saved; campaigns can be made of it."),
        Some("dropped") => Some("The segment is forgotten; its contacts stay."),
        Some("undone") => Some("The import is taken back. Contacts that changed since stay as they are."),
        Some("imported") => Some("The file is imported; it stands below."),
        _ => None,
    };
    write(&app, person, shown, notice, Vec::new()).await
}

/// The page, with what is wrong.
async fn write(app: &crate::State, person: Person, shown: Shown, notice: Option<&str>, mut errors: Vec<Field>) -> Result<Response, Failed> {
    let filter = Filter { r#where: shown.r#where };
    let paging = Paging { cursor: shown.cursor, limit: Some(SHOWN) };
    let (people, count) = match contacts::list(app, &person.actor, &filter, &paging).await {
        Ok(people) => (people, Some(contacts::count(app, &person.actor, &filter).await?)),
        Err(Error::Invalid(wrong)) => {
            errors.extend(wrong);
            (Page { data: Vec::new(), next_cursor: None }, None)
        }
        Err(other) => return Err(other.into()),
    };
    let which = filter.r#where.unwrap_or_default();
    let next = people.next_cursor.map(|cursor| address("/contacts", &[("where", Some(&which)), ("cursor", Some(&cursor))]));
    let mut shell = Shell::new(&person, "/contacts");
    shell.notice = notice.map(str::to_owned);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut response = page(&ContactsPage {
        shell,
        which,
        people: people.data,
        count,
        next,
        segments: contacts::segments(app, &person.actor).await?,
        imports: contacts::imports(app, &person.actor, &Paging { cursor: None, limit: Some(10) }).await?.data,
        errors,
        clock: person.clock,
        key: Uuid::now_v7().to_string(),
    })?;
    *response.status_mut() = status;
    Ok(response)
}

#[derive(Deserialize)]
pub(super) struct Saved {
    name: String,
    expression: String,
}

pub(super) async fn save(State(app): State<crate::State>, person: Person, axum::Form(form): axum::Form<Saved>) -> Result<Response, Failed> {
    match contacts::save_segment(&app, &person.actor, &form.name, &form.expression).await {
        Ok(()) => {
            Ok(Redirect::to(&address("/contacts", &[("where", Some(&form.expression)), ("done", Some(&"saved".to_owned()))]))
                .into_response())
        }
        Err(Error::Invalid(errors)) => {
            write(&app, person, Shown { r#where: Some(form.expression), ..Shown::default() }, None, errors).await
        }
        Err(other) => Err(other.into()),
    }
}

#[derive(Deserialize)]
pub(super) struct Named {
    name: String,
}

pub(super) async fn forget(
    State(app): State<crate::State>,
    person: Person,
    axum::Form(form): axum::Form<Named>,
) -> Result<Response, Failed> {
    contacts::drop_segment(&app, &person.actor, &form.name).await?;
    Ok(Redirect::to("/contacts?done=dropped").into_response())
}

pub(super) async fn import(State(app): State<crate::State>, person: Person, multipart: Multipart) -> Result<Response, Failed> {
    let form = Form::read(multipart, app.options.upload_bytes).await?;
    let (new, key) = (form.contacts(), form.text("key").to_owned());
    let print = serde_json::to_vec(&new).map_err(|e| Error::Internal(e.to_string()))?;
    let work = async {
        let made = contacts::import(&app, &person.actor, new, form.file).await?;
        Ok((StatusCode::CREATED, made.id))
    };
    match idempotency::once(&app, &person.actor, "console/imports", &key, &print, work).await {
        Ok(_) => Ok(Redirect::to("/contacts?done=imported").into_response()),
        Err(Error::Invalid(errors)) => write(&app, person, Shown::default(), None, errors).await,
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn undo(State(app): State<crate::State>, person: Person, Path(id): Path<Uuid>) -> Result<Response, Failed> {
    contacts::undo(&app, &person.actor, id).await?;
    Ok(Redirect::to("/contacts?done=undone").into_response())
}
