use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{Json, Path, Query};
use super::quotes::Recorded;
use crate::Error;
use crate::auth::Actor;
use crate::data::paging::Paging;
use crate::data::{attention, idempotency};
use crate::error::Problem;
use crate::view::{Doubt, Hold, Page};

/// What sends wait for, with cause and remedy, the oldest first.
#[utoipa::path(get, path = "/holds", tag = "sending", responses(
    (status = 200, body = Page<Hold>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn holds(State(app): State<crate::State>, actor: Actor) -> Result<Answer<Page<Hold>>, Error> {
    Ok(Answer(Page { data: attention::holds(&app, &actor).await?, next_cursor: None }))
}

/// Which hold, and why it is lifted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Lift {
    /// `number`, `account`, `app`, `template`, `flow`, `portfolio`, `chain`.
    scope: String,
    /// Which one of its scope.
    name: String,
    /// Why, for the audit log.
    reason: String,
}

/// Lifts a hold: what waits for it goes on, and is held again should Meta refuse it again. Takes the role admin.
#[utoipa::path(post, path = "/holds/lift", tag = "sending", request_body = Lift,
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
    let Json(lift): Json<Lift> = Json::from_bytes(&body)?;
    let key = idempotency::key(&headers)?;
    let work = async {
        attention::lift(&app, &actor, &lift.scope, &lift.name, &lift.reason).await?;
        Ok((StatusCode::ACCEPTED, Recorded::new(&key)))
    };
    let (status, recorded) = idempotency::once(&app, &actor, "holds/lift", &key, &body, work).await?;
    Ok((status, Answer(recorded)))
}

/// Sends whose outcome nobody knows, the oldest first.
#[utoipa::path(get, path = "/quarantine", tag = "sending", params(Paging), responses(
    (status = 200, body = Page<Doubt>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn quarantine(
    State(app): State<crate::State>,
    actor: Actor,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Doubt>>, Error> {
    Ok(Answer(attention::doubts(&app, &actor, &paging).await?))
}

/// Why a quarantined send is released or marked as sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// Why, for the audit log.
    reason: String,
}

/// Decides on a quarantined send: `release` sends it again, `mark-sent` counts it as accepted. Takes the role admin.
#[utoipa::path(post, path = "/quarantine/{id}/{decision}", tag = "sending", request_body = Reason,
    params(("id" = Uuid, Path), ("decision" = String, Path, description = "`release`, `mark-sent`"),
        ("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 202, body = Recorded),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn settle(
    State(app): State<crate::State>,
    actor: Actor,
    Path((id, decision)): Path<(Uuid, String)>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<Recorded>), Error> {
    let Json(reason): Json<Reason> = Json::from_bytes(&body)?;
    let key = idempotency::key(&headers)?;
    let route = format!("quarantine/{id}/{decision}");
    let work = async {
        attention::settle(&app, &actor, id, &decision, &reason.reason).await?;
        Ok((StatusCode::ACCEPTED, Recorded::new(&key)))
    };
    let (status, recorded) = idempotency::once(&app, &actor, &route, &key, &body, work).await?;
    Ok((status, Answer(recorded)))
}
