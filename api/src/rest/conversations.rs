use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::{Json, Path, Query};
use super::quotes::Recorded;
use crate::Error;
use crate::auth::Actor;
use crate::data::paging::Paging;
use crate::data::{commands, history, idempotency, travel};
use crate::error::Problem;
use crate::view::{Conversation, Message, Page};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Part of a name or number; only recent conversations are searched.
    q: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 200; 50 when left out.
    limit: Option<i64>,
}

/// Conversations, most recent first.
#[utoipa::path(get, path = "/conversations", tag = "conversations", params(Search), responses(
    (status = 200, body = Page<Conversation>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(app): State<crate::State>,
    actor: Actor,
    Query(search): Query<Search>,
) -> Result<Answer<Page<Conversation>>, Error> {
    let paging = Paging { cursor: search.cursor, limit: search.limit };
    Ok(Answer(history::recent(&app, actor.tenant, &paging, search.q.as_deref().unwrap_or_default()).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Moment {
    /// RFC 3339: the conversation as it was at this moment, at most 30 days ago. Now when left out.
    at: Option<String>,
}

/// One conversation, now or as it was at a moment.
#[utoipa::path(get, path = "/conversations/{id}", tag = "conversations", params(("id" = Uuid, Path), Moment), responses(
    (status = 200, body = Conversation),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(moment): Query<Moment>,
) -> Result<Answer<Conversation>, Error> {
    let (conversation, _) = match moment.at {
        None => history::conversation(&app, actor.tenant, id).await?,
        Some(at) => travel::conversation(&app, actor.tenant, id, travel::moment(&at)?).await?,
    };
    Ok(Answer(conversation))
}

/// Messages of a conversation: the newest page, each page oldest first; `next_cursor` leads to older ones.
#[utoipa::path(get, path = "/conversations/{id}/messages", tag = "conversations", params(("id" = Uuid, Path), Paging), responses(
    (status = 200, body = Page<Message>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn messages(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Message>>, Error> {
    Ok(Answer(history::messages(&app, actor.tenant, id, &paging).await?))
}

/// What an agent does.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Act {
    /// `reply`, `resolve`, `reopen`, `assign`.
    action: String,
    /// The reply's text, or the agent's email.
    #[serde(default)]
    argument: Option<String>,
}

/// Replies, resolves, reopens or assigns.
#[utoipa::path(post, path = "/conversations/{id}/commands", tag = "conversations", request_body = Act,
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 202, body = Recorded),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn command(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<Recorded>), Error> {
    let key = idempotency::key(&headers)?;
    let Json(act): Json<Act> = Json::from_bytes(&body)?;
    let work = async {
        commands::act(&app, &actor, id, &act.action, act.argument.as_deref(), &key).await?;
        Ok((StatusCode::ACCEPTED, Recorded::new(&key)))
    };
    let (status, recorded) = idempotency::once(&app, &actor, &format!("conversations/{id}/commands"), &key, &body, work).await?;
    Ok((status, Answer(recorded)))
}
