use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::{Json, Query};
use super::quotes::Recorded;
use crate::Error;
use crate::auth::Actor;
use crate::data::paging::Paging;
use crate::data::{idempotency, opt_outs};
use crate::error::Problem;
use crate::view::{OptOut, Page};

/// People who want no offers, the newest first. Messages of campaigns to them are suppressed.
#[utoipa::path(get, path = "/opt-outs", tag = "sending", params(Paging), responses(
    (status = 200, body = Page<OptOut>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(app): State<crate::State>,
    actor: Actor,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<OptOut>>, Error> {
    Ok(Answer(opt_outs::list(&app, &actor, &paging).await?))
}

/// About whom, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// Telephone number, or a user id as the list shows it.
    person: String,
    /// Why, for the audit log.
    reason: String,
}

/// Notes that a person wants no offers, said elsewhere than in a message.
#[utoipa::path(post, path = "/opt-outs", tag = "sending", request_body = Note,
    params(("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 202, body = Recorded),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn add(
    State(app): State<crate::State>,
    actor: Actor,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<Recorded>), Error> {
    let Json(note): Json<Note> = Json::from_bytes(&body)?;
    let key = idempotency::key(&headers)?;
    let work = async {
        opt_outs::note(&app, &actor, &note.person, &note.reason).await?;
        Ok((StatusCode::ACCEPTED, Recorded::new(&key)))
    };
    let (status, recorded) = idempotency::once(&app, &actor, "opt-outs", &key, &body, work).await?;
    Ok((status, Answer(recorded)))
}

/// Notes that a person wants offers again. Takes the role admin.
#[utoipa::path(post, path = "/opt-outs/lift", tag = "sending", request_body = Note,
    params(("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 202, body = Recorded),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn lift(
    State(app): State<crate::State>,
    actor: Actor,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<Recorded>), Error> {
    let Json(note): Json<Note> = Json::from_bytes(&body)?;
    let key = idempotency::key(&headers)?;
    let work = async {
        opt_outs::lift(&app, &actor, &note.person, &note.reason).await?;
        Ok((StatusCode::ACCEPTED, Recorded::new(&key)))
    };
    let (status, recorded) = idempotency::once(&app, &actor, "opt-outs/lift", &key, &body, work).await?;
    Ok((status, Answer(recorded)))
}
