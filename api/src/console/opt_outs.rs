use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::page::{Failed, Shell, address, manages, page};
use super::person::Person;
use crate::data::opt_outs;
use crate::data::paging::Paging;
use crate::view::{Clock, OptOut};

#[derive(Template)]
#[template(path = "opt_outs.html")]
struct OptOutsPage {
    shell: Shell,
    people: Vec<OptOut>,
    next: Option<String>,
    clock: Clock,
    may_lift: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    cursor: Option<String>,
    done: Option<String>,
}

pub(super) async fn show(State(app): State<crate::State>, person: Person, Query(shown): Query<Shown>) -> Result<Response, Failed> {
    let people = opt_outs::list(&app, &person.actor, &Paging { cursor: shown.cursor, limit: Some(50) }).await?;
    let mut shell = Shell::new(&person, "/opt-outs");
    shell.notice = shown.done.map(|_| "It is recorded, and counts for the next message of any campaign.".to_owned());
    let next = people.next_cursor.map(|cursor| address("/opt-outs", &[("cursor", Some(&cursor))]));
    page(&OptOutsPage { shell, people: people.data, next, may_lift: manages(&person), clock: person.clock })
}

#[derive(Deserialize)]
pub(super) struct Note {
    person: String,
    reason: String,
}

pub(super) async fn add(State(app): State<crate::State>, person: Person, axum::Form(form): axum::Form<Note>) -> Result<Response, Failed> {
    opt_outs::note(&app, &person.actor, &form.person, &form.reason).await?;
    Ok(Redirect::to("/opt-outs?done=1").into_response())
}

pub(super) async fn lift(State(app): State<crate::State>, person: Person, axum::Form(form): axum::Form<Note>) -> Result<Response, Failed> {
    opt_outs::lift(&app, &person.actor, &form.person, &form.reason).await?;
    Ok(Redirect::to("/opt-outs?done=1").into_response())
}
