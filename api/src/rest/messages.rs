use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use sluice_connectors::meta::template::Preview;
use sluice_schemas::command;
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{Json, Path};
use crate::Error;
use crate::auth::Actor;
use crate::data::{history, idempotency, messages};
use crate::error::Problem;
use crate::view::{Course, Sent};

/// A message as Meta writes it, with whom it is for. Exactly the field that `type` names is given, and exactly one of `to` and
/// `conversation`.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(super) struct Message {
    /// Phone number with country code, business-scoped user id, or the scoped id of Instagram or Messenger.
    to: Option<String>,
    /// Conversation to answer in.
    conversation: Option<Uuid>,
    /// Phone number id, Instagram account or page; may be left out where there is only one.
    account: Option<String>,
    /// `whatsapp` when left out.
    channel: Option<String>,
    r#type: command::Type,
    text: Option<command::Text>,
    template: Option<command::Template>,
    interactive: Option<command::Interactive>,
    image: Option<command::Media>,
    video: Option<command::Media>,
    audio: Option<command::Media>,
    document: Option<command::Media>,
    sticker: Option<command::Media>,
    location: Option<command::Location>,
    contacts: Option<Vec<command::Contact>>,
    reaction: Option<command::Reaction>,
    /// Marks a received message as read.
    read: Option<command::Mark>,
    /// The message that is answered.
    context: Option<command::Context>,
    tag: Option<command::Tag>,
}

/// Sends a message: 202 once all in-sync replicas have it. The same key gives the same send. Free-form messages need an open 24 h
/// window; outside it only templates go.
#[utoipa::path(post, path = "/messages", tag = "messages", request_body = Message,
    params(("Idempotency-Key" = String, Header, description = "one per intended message")),
    responses(
        (status = 202, body = Sent),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn send(
    State(app): State<crate::State>,
    actor: Actor,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<Sent>), Error> {
    let key = idempotency::key(&headers)?;
    let Json(value): Json<Value> = Json::from_bytes(&body)?;
    let (request, command) = messages::read(value)?;
    let work = async { Ok((StatusCode::ACCEPTED, messages::send(&app, &actor, &request, &command, &key).await?)) };
    let (status, sent) = idempotency::once(&app, &actor, "messages", &key, &body, work).await?;
    Ok((status, Answer(sent)))
}

/// What the customer would see of a template; nothing is sent.
#[utoipa::path(post, path = "/messages/preview", tag = "messages", request_body = Message, responses(
    (status = 200, body = Preview),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn preview(State(app): State<crate::State>, actor: Actor, Json(value): Json<Value>) -> Result<Answer<Preview>, Error> {
    let (request, command) = messages::read(value)?;
    Ok(Answer(messages::preview(&app, &actor, &request, &command).await?))
}

/// What became of a message so far.
#[utoipa::path(get, path = "/messages/{id}", tag = "messages", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Course),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get(State(app): State<crate::State>, actor: Actor, Path(id): Path<Uuid>) -> Result<Answer<Course>, Error> {
    Ok(Answer(history::course(&app, actor.tenant, id).await?))
}
