use askama::Template;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Multipart, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sluice_schemas::time::Millis;
use uuid::Uuid;

use super::page::{Failed, Shell, page};
use super::person::Person;
use crate::Error;
use crate::data::paging::{self, Paging};
use crate::data::{commands, history, media, messages, quotes, travel};
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
pub(super) struct Look {
    before: Option<String>,
    /// Wall clock of the business, without a zone, as the browser's field gives it.
    at: Option<String>,
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
    /// Whether a file of a fresh message may still come.
    waiting: bool,
    /// The moment that is shown, as the field takes it, and in words; none for now.
    past: Option<(String, String)>,
    clock: Clock,
    key: Uuid,
}

pub(super) async fn show(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    Query(look): Query<Look>,
) -> Result<Response, Failed> {
    let tenant = person.actor.tenant;
    let here = super::page::address(&format!("/conversations/{id}"), &[("before", look.before.as_ref()), ("at", look.at.as_ref())]);
    let at = look.at.as_deref().filter(|at| !at.is_empty()).map(|at| moment(&person.clock, at)).transpose()?;
    let (c, window_until_ms) = match at {
        None => history::conversation(&app, tenant, id).await?,
        Some(at) => travel::conversation(&app, tenant, id, at).await?,
    };
    // Messages up to the moment; an older page lies before it anyway.
    let cursor = look.before.or_else(|| at.map(|at| paging::encode(at.0 + 1, "")));
    let messages = history::messages(&app, tenant, id, &Paging { cursor, limit: None }).await?;
    let transaction = app.pool.tenant(tenant).await?;
    let quotes = quotes::of_conversation(&transaction, id).await?;
    transaction.commit().await?;
    page(&ConversationPage {
        shell: Shell::new(&person, "/conversations"),
        c,
        here,
        waiting: messages.data.iter().any(|message| waiting(&person.clock, message)),
        messages: messages.data,
        older: messages.next_cursor,
        quotes,
        window: Window::of(window_until_ms, at.map_or(person.clock.millis(), |at| at.0)),
        past: look.at.zip(at.map(|at| person.clock.words(at.0))),
        clock: person.clock,
        key: Uuid::now_v7(),
    })
}

/// Files come some seconds after their message; one that failed by itself is tried again for longer than anybody watches.
fn waiting(clock: &Clock, message: &Message) -> bool {
    const FRESH_MS: i64 = 10 * Millis::MINUTE;
    let at = message.at.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond);
    message.attachments.iter().any(|file| file.url.is_none()) && clock.millis() - at < FRESH_MS
}

/// The whole of the minute or second that the field names counts.
fn moment(clock: &Clock, at: &str) -> Result<Millis, Error> {
    let until = clock.parse(at).ok_or_else(|| Error::field("at", "give a date and a time, such as 2026-11-26T09:30"))?;
    let end = if at.len() <= "2026-11-26T09:30".len() { 59_999 } else { 999 };
    Ok(Millis((until + end).min(clock.millis())))
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

/// A reply: words, a file, or both. The file comes last in the form and is passed on as it arrives.
pub(super) async fn reply(
    State(app): State<crate::State>,
    person: Person,
    Path(id): Path<Uuid>,
    mut form: Multipart,
) -> Result<Response, Failed> {
    let broken = |e: MultipartError| Error::field("body", format!("the form cannot be read: {}", e.body_text()));
    let (mut key, mut words, mut sent) = (String::new(), String::new(), false);
    while let Some(part) = form.next_field().await.map_err(broken)? {
        match part.name().unwrap_or_default() {
            "key" => key = part.text().await.map_err(broken)?,
            "argument" => part.text().await.map_err(broken)?.trim().clone_into(&mut words),
            "file" if part.file_name().is_some_and(|name| !name.is_empty()) => {
                words = send_file(&app, &person, id, &key, words, part).await?;
                sent = true;
            }
            _ => {}
        }
    }
    if !sent || !words.is_empty() {
        commands::act(&app, &person.actor, id, "reply", Some(&words), &key).await?;
    }
    Ok(Redirect::to(&format!("/conversations/{id}")).into_response())
}

/// Sends a file with `words` under it; returns the words where its type takes none.
async fn send_file(app: &crate::State, person: &Person, id: Uuid, key: &str, words: String, part: Field<'_>) -> Result<String, Error> {
    let (conversation, _) = history::conversation(app, person.actor.tenant, id).await?;
    let (name, mime) = (part.file_name().unwrap_or("file").to_owned(), part.content_type().unwrap_or_default().to_owned());
    let handed = media::Handed { account: &conversation.account, mime: &mime, name: &name };
    let file = media::upload(app, &person.actor, &handed, part).await?;
    let mut message = serde_json::json!({"id": file.id});
    if file.r#type == "document" {
        message["filename"] = name.into();
    }
    let under = ["image", "video", "document"].contains(&file.r#type.as_str()) && !words.is_empty();
    if under {
        message["caption"] = words.as_str().into();
    }
    let (request, command) = messages::read(serde_json::json!({"conversation": id, "type": file.r#type, file.r#type: message}))?;
    messages::send(app, &person.actor, &request, &command, &format!("{key}-file")).await?;
    Ok(if under { String::new() } else { words })
}
