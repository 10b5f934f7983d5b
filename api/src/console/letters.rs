use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sluice_connectors::letters::{Group, Letter};
use sluice_connectors::postgres::letters::Decision;

use super::page::{Failed, Shell, address, manages, page};
use super::person::Person;
use crate::data::letters::{self, Which};
use crate::view::Clock;

#[derive(Template)]
#[template(path = "letters.html")]
struct LettersPage {
    shell: Shell,
    groups: Vec<Group>,
    letters: Vec<(Letter, Option<Decision>)>,
    stage: Option<String>,
    kind: Option<String>,
    clock: Clock,
    may_act: bool,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct LetterPage {
    shell: Shell,
    id: String,
    letter: Letter,
    decision: Option<Decision>,
    record: String,
    clock: Clock,
    may_act: bool,
}

impl LettersPage {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "a template passes references")]
    fn at(&self, ms: &i64) -> String {
        self.clock.iso(&rfc3339(*ms))
    }

    fn link(group: &Group) -> String {
        address("/dead-letters", &[("stage", Some(&group.stage)), ("kind", Some(&group.kind))])
    }
}

impl LetterPage {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "a template passes references")]
    fn at(&self, ms: &i64) -> String {
        self.clock.iso(&rfc3339(*ms))
    }
}

fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string())
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    done: Option<u64>,
    stay: Option<u64>,
    #[serde(flatten)]
    which: Which,
}

impl Shown {
    fn notice(&self) -> Option<String> {
        let stay = self.stay.filter(|n| *n > 0).map_or(String::new(), |n| format!(" {n} stay open: their topic takes no record again."));
        self.done.map(|done| format!("{done} settled.{stay}"))
    }
}

pub(super) async fn list(State(app): State<crate::State>, person: Person, Query(shown): Query<Shown>) -> Result<Response, Failed> {
    let groups = letters::groups(&app, &person.actor).await?;
    let letters = letters::list(&app, &person.actor, &shown.which).await?;
    let mut shell = Shell::new(&person, "/dead-letters");
    shell.notice = shown.notice();
    let (stage, kind) = (shown.which.stage, shown.which.kind);
    page(&LettersPage { shell, groups, letters, stage, kind, may_act: manages(&person), clock: person.clock })
}

pub(super) async fn show(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Failed> {
    let (letter, decision, record) = letters::show(&app, &person.actor, &id).await?;
    let record = serde_json::to_string_pretty(&record).unwrap_or_default();
    let mut shell = Shell::new(&person, "/dead-letters");
    shell.notice = shown.notice();
    page(&LetterPage { shell, id, letter, decision, record, may_act: manages(&person), clock: person.clock })
}

#[derive(Deserialize)]
pub(super) struct Act {
    #[serde(default)]
    reason: String,
    #[serde(flatten)]
    which: Which,
}

pub(super) async fn act(
    State(app): State<crate::State>,
    person: Person,
    Path(action): Path<String>,
    axum::Form(form): axum::Form<Act>,
) -> Result<Response, Failed> {
    let report = letters::act(&app, &person.actor, &action, &form.which, &form.reason).await?;
    let stay: u64 = report.refused.values().sum();
    let (done, stay) = (report.done.to_string(), stay.to_string());
    let path = form.which.id.as_ref().map_or_else(|| "/dead-letters".to_owned(), |id| format!("/dead-letters/{id}"));
    Ok(Redirect::to(&address(&path, &[("done", Some(&done)), ("stay", Some(&stay))])).into_response())
}
