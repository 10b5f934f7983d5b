use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::page::{Failed, Shell, page};
use super::person::Person;
use crate::data::paging::Paging;
use crate::data::{commands, history, quotes};
use crate::view::{Clock, Conversation, Message, Page, Quote, Window};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    q: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "conversations.html")]
struct ListPage {
    shell: Shell,
    page: Page<Conversation>,
    q: String,
    here: String,
    clock: Clock,
}

pub(super) async fn list(State(app): State<crate::State>, person: Person, Query(search): Query<Search>) -> Result<Response, Failed> {
    let paging = Paging { cursor: search.cursor, limit: None };
    let found = history::recent(&app, person.actor.tenant, &paging, &search.q).await?;
    let here = super::page::address("/conversations", &[("q", Some(&search.q)), ("cursor", paging.cursor.as_ref())]);
    page(&ListPage { shell: Shell::new(&person, "/conversations"), page: found, q: search.q, here, clock: person.clock })
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Before {
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "conversation.html")]
struct ConversationPage {
    shell: Shell,
    c: Conversation,
    here: String,
    messages: Vec<Message>,
    older: Option<String>,
    quotes: Vec<Quote>,
    window: Window,
    clock: Clock,
    key: Uuid,
}

pub(super) async fn show(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    Query(before): Query<Before>,
) -> Result<Response, Failed> {
    let tenant = person.actor.tenant;
    let (c, window_until_ms) = history::conversation(&app, tenant, id).await?;
    let here = super::page::address(&format!("/conversations/{id}"), &[("before", before.before.as_ref())]);
    let messages = history::messages(&app, tenant, id, &Paging { cursor: before.before, limit: None }).await?;
    let transaction = app.pool.tenant(tenant).await?;
    let quotes = quotes::of_conversation(&transaction, id).await?;
    transaction.commit().await?;
    page(&ConversationPage {
        shell: Shell::new(&person, "/conversations"),
        c,
        here,
        messages: messages.data,
        older: messages.next_cursor,
        quotes,
        window: Window::of(window_until_ms, person.clock.millis()),
        clock: person.clock,
        key: Uuid::now_v7(),
    })
}

#[derive(Deserialize)]
pub(super) struct Act {
    key: String,
    argument: Option<String>,
}

pub(super) async fn act(
    State(app): State<crate::State>,
    person: Person,
    Path((id, action)): Path<(Uuid, String)>,
    axum::Form(act): axum::Form<Act>,
) -> Result<Response, Failed> {
    commands::act(&app, &person.actor, id, &action, act.argument.as_deref(), &act.key).await?;
    Ok(Redirect::to(&format!("/conversations/{id}")).into_response())
}
