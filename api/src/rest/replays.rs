use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::campaigns::After;
use super::extract::{Json, Path, Query, moment};
use crate::Error;
use crate::auth::Actor;
use crate::data::idempotency;
use crate::data::paging::Paging;
use crate::data::replays::{self, DIFFERENCES, Wanted};
use crate::error::Problem;
use crate::view::{Difference, Page, Replay};

/// What is to be done again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum New {
    /// The past under other prices, or with this build, beside what happened. Sends and changes nothing.
    Shadow {
        /// Beginning of the span, RFC 3339.
        from: String,
        /// Its end, itself not included, RFC 3339.
        to: String,
        /// Prices as `sluice price import` takes them, in force from the beginning of the span on; without them this build is tried.
        catalog: Option<Value>,
    },
    /// Dead letters, and updates of numbers registered since, into the stage that failed.
    Redrive {
        /// Only records that failed at this time or later, RFC 3339.
        from: Option<String>,
        /// Only records that failed before this time, RFC 3339.
        to: Option<String>,
        /// Only this stage's.
        stage: Option<String>,
        /// Only this kind of error.
        error: Option<String>,
        /// Answer messages too whose conversation has moved on since.
        #[serde(default)]
        answer_late: bool,
        /// Why, for the audit log.
        #[serde(default)]
        reason: String,
    },
}

impl New {
    fn wanted(self) -> Result<Wanted, Error> {
        let some = |field, text: Option<String>| text.map(|text| moment(field, &text)).transpose();
        Ok(match self {
            Self::Shadow { from, to, catalog } => Wanted::Shadow { from: moment("from", &from)?, to: moment("to", &to)?, catalog },
            Self::Redrive { from, to, stage, error, answer_late, reason } => {
                Wanted::Redrive { from: some("from", from)?, to: some("to", to)?, stage, error, answer_late, reason }
            }
        })
    }
}

/// Replays, newest first. Takes the role admin.
#[utoipa::path(get, path = "/replays", tag = "replays", params(Paging), responses(
    (status = 200, body = Page<Replay>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(app): State<crate::State>,
    actor: Actor,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Replay>>, Error> {
    Ok(Answer(replays::list(&app, &actor, &paging).await?))
}

/// Asks for a replay. It is planned within a second or two, and done only after `start`. Takes the role admin.
#[utoipa::path(post, path = "/replays", tag = "replays", request_body = New,
    params(("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 202, body = Replay),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn create(
    State(app): State<crate::State>,
    actor: Actor,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<Value>), Error> {
    let Json(new): Json<New> = Json::from_bytes(&body)?;
    let key = idempotency::key(&headers)?;
    let work = async { replays::create(&app, &actor, &new.wanted()?).await.map(|made| (StatusCode::ACCEPTED, value(made))) };
    let (status, made) = idempotency::once(&app, &actor, "replays", &key, &body, work).await?;
    Ok((status, Answer(made)))
}

fn value(replay: Replay) -> Value {
    serde_json::to_value(replay).unwrap_or_default()
}

/// One replay: its plan, how far it is, its report. Takes the role admin.
#[utoipa::path(get, path = "/replays/{id}", tag = "replays", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Replay),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get(State(app): State<crate::State>, actor: Actor, Path(id): Path<Uuid>) -> Result<Answer<Replay>, Error> {
    Ok(Answer(replays::get(&app, &actor, id).await?))
}

/// The first 1,000 differences that a shadow found, record by record. Takes the role admin.
#[utoipa::path(get, path = "/replays/{id}/differences", tag = "replays", params(("id" = Uuid, Path), After), responses(
    (status = 200, body = Page<Difference>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn differences(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(after): Query<After>,
) -> Result<Answer<Page<Difference>>, Error> {
    let data = replays::differences(&app, &actor, id, after.line()?).await?;
    let next_cursor = data.last().filter(|_| data.len() as i64 == DIFFERENCES).map(|last| last.n.to_string());
    Ok(Answer(Page { data, next_cursor }))
}

/// Starts a replay that is planned, or cancels one. Takes the role admin.
#[utoipa::path(post, path = "/replays/{id}/{action}", tag = "replays",
    params(("id" = Uuid, Path), ("action" = String, Path, description = "`start`, `cancel`"),
        ("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 200, body = Replay),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn control(
    State(app): State<crate::State>,
    actor: Actor,
    Path((id, action)): Path<(Uuid, String)>,
    headers: HeaderMap,
) -> Result<Answer<Value>, Error> {
    let key = idempotency::key(&headers)?;
    let work = async { replays::control(&app, &actor, id, &action).await.map(|now| (StatusCode::OK, value(now))) };
    Ok(Answer(idempotency::once(&app, &actor, &format!("replays/{id}/{action}"), &key, b"", work).await?.1))
}
