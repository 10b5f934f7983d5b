use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::page::{Failed, Shell, address, manages, page};
use super::person::Person;
use crate::data::attention;
use crate::data::paging::Paging;
use crate::view::{Clock, Doubt, Hold};

#[derive(Template)]
#[template(path = "attention.html")]
struct AttentionPage {
    shell: Shell,
    holds: Vec<Hold>,
    doubts: Vec<Doubt>,
    next: Option<String>,
    clock: Clock,
    may_act: bool,
}

impl AttentionPage {
    fn link(campaign: &Uuid) -> String {
        format!("/campaigns/{campaign}")
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    cursor: Option<String>,
    done: Option<String>,
}

pub(super) async fn show(State(app): State<crate::State>, person: Person, Query(shown): Query<Shown>) -> Result<Response, Failed> {
    let holds = attention::holds(&app, &person.actor).await?;
    let doubts = attention::doubts(&app, &person.actor, &Paging { cursor: shown.cursor, limit: Some(50) }).await?;
    let mut shell = Shell::new(&person, "/attention");
    shell.notice = shown.done.map(|_| "Your decision is recorded; the ledger acts on it at once.".to_owned());
    let next = doubts.next_cursor.map(|cursor| address("/attention", &[("cursor", Some(&cursor))]));
    page(&AttentionPage { shell, holds, doubts: doubts.data, next, may_act: manages(&person), clock: person.clock })
}

#[derive(Deserialize)]
pub(super) struct Lift {
    scope: String,
    name: String,
    reason: String,
}

pub(super) async fn lift(State(app): State<crate::State>, person: Person, axum::Form(form): axum::Form<Lift>) -> Result<Response, Failed> {
    attention::lift(&app, &person.actor, &form.scope, &form.name, &form.reason).await?;
    Ok(Redirect::to("/attention?done=1").into_response())
}

#[derive(Deserialize)]
pub(super) struct Settle {
    reason: String,
}

pub(super) async fn settle(
    State(app): State<crate::State>,
    person: Person,
    Path((id, decision)): Path<(Uuid, String)>,
    axum::Form(form): axum::Form<Settle>,
) -> Result<Response, Failed> {
    attention::settle(&app, &person.actor, id, &decision, &form.reason).await?;
    Ok(Redirect::to("/attention?done=1").into_response())
}
