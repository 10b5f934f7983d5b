use std::collections::HashMap;
use std::collections::hash_map::Entry;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::page::{Failed, Shell, manages, page};
use super::person::Person;
use crate::data::paging::Paging;
use crate::data::{commands, history, quotes};
use crate::view::{Clock, Message, Quote};

/// Settled quotes shown below those that wait.
const RECENT: i64 = 10;

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    shell: Shell,
    waiting: Vec<Quote>,
    recent: Vec<Settled>,
    /// The quote that was decided on just now; its status follows when the pipeline has acted.
    decided: Option<String>,
    here: String,
    clock: Clock,
    key: Uuid,
    may_decide: bool,
}

/// A quote that is settled, and how far its answer got.
struct Settled {
    quote: Quote,
    reached: Option<(&'static str, &'static str)>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Decided {
    decided: Option<String>,
}

pub(super) async fn show(State(app): State<crate::State>, person: Person, Query(query): Query<Decided>) -> Result<Response, Failed> {
    let first = |limit| Paging { cursor: None, limit: Some(limit) };
    let waiting = quotes::list(&app, &person.actor, Some("awaiting_approval"), &first(50)).await?.data;
    let recent = quotes::list(&app, &person.actor, None, &first(RECENT * 2)).await?.data;
    let mut recent: Vec<Settled> =
        recent.into_iter().filter(|quote| !quote.awaiting()).map(|quote| Settled { quote, reached: None }).collect();
    recent.truncate(usize::try_from(RECENT).unwrap_or_default());
    reach(&app, &person, &mut recent).await;
    let here = super::page::address("/approvals", &[("decided", query.decided.as_ref())]);
    page(&ApprovalsPage {
        shell: Shell::new(&person, "/approvals"),
        waiting,
        recent,
        decided: query.decided,
        here,
        key: Uuid::now_v7(),
        may_decide: manages(&person),
        clock: person.clock,
    })
}

/// How far the answers got: the newest message of each conversation that left at or after the decision. Without an archive the page
/// shows nothing there rather than failing.
async fn reach(app: &crate::State, person: &Person, recent: &mut [Settled]) {
    let mut seen = HashMap::new();
    for settled in recent {
        let id = settled.quote.conversation;
        if let Entry::Vacant(place) = seen.entry(id) {
            let page = Paging { cursor: None, limit: Some(20) };
            let messages = history::messages(app, person.actor.tenant, id, &page).await.map(|page| page.data).unwrap_or_default();
            place.insert(messages);
        }
        // RFC 3339 in UTC: the shared part of the texts sorts as the times do.
        let since = settled.quote.updated_at.get(..19).unwrap_or_default();
        let answer = seen[&id].iter().find(|message| message.out() && message.at.get(..19).unwrap_or_default() >= since);
        settled.reached = answer.and_then(Message::tick).map(|(tick, words, _)| (tick, words));
    }
}

#[derive(Deserialize)]
pub(super) struct Decide {
    key: String,
    argument: Option<String>,
}

pub(super) async fn decide(
    State(app): State<crate::State>,
    person: Person,
    Path((id, action)): Path<(Uuid, String)>,
    axum::Form(form): axum::Form<Decide>,
) -> Result<Response, Failed> {
    commands::decide(&app, &person.actor, id, &action, form.argument.as_deref(), &form.key).await?;
    Ok(Redirect::to(&format!("/approvals?decided={id}")).into_response())
}
