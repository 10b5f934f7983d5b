use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use sluice_connectors::letters::{Group, Letter};
use sluice_connectors::postgres::letters::Decision;
use sluice_schemas::time::Millis;
use utoipa::ToSchema;

use super::extract::{Json, Path, Query};
use crate::Error;
use crate::auth::Actor;
use crate::data::idempotency;
use crate::data::letters::{self, Which};
use crate::error::Problem;
use crate::view::{DeadLetter, KeptRecord, LetterDecision, LetterGroup, Page, Settled};

/// The newest dead letters that fit, at most 100; open ones have no decision.
#[utoipa::path(get, path = "/dead-letters", tag = "operation",
    params(("stage" = Option<String>, Query, description = "stage that gave up"), ("kind" = Option<String>, Query, description = "error kind")),
    responses(
        (status = 200, body = Page<DeadLetter>),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn list(
    State(app): State<crate::State>,
    actor: Actor,
    Query(which): Query<Which>,
) -> Result<Answer<Page<DeadLetter>>, Error> {
    let found = letters::list(&app, &actor, &which).await?;
    Ok(Answer(Page { data: found.into_iter().map(|(letter, decision)| shown(letter, decision)).collect(), next_cursor: None }))
}

/// Open dead letters by stage and error kind.
#[utoipa::path(get, path = "/dead-letters/groups", tag = "operation", responses(
    (status = 200, body = Page<LetterGroup>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn groups(State(app): State<crate::State>, actor: Actor) -> Result<Answer<Page<LetterGroup>>, Error> {
    let data = letters::groups(&app, &actor).await?.into_iter().map(group).collect();
    Ok(Answer(Page { data, next_cursor: None }))
}

/// One dead letter with the record that it keeps.
#[utoipa::path(get, path = "/dead-letters/{id}", tag = "operation",
    params(("id" = String, Path, description = "`PARTITION:OFFSET`, as the list gives it")),
    responses(
        (status = 200, body = KeptRecord),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn get(State(app): State<crate::State>, actor: Actor, Path(id): Path<String>) -> Result<Answer<KeptRecord>, Error> {
    let (letter, decision, record) = letters::show(&app, &actor, &id).await?;
    Ok(Answer(KeptRecord { letter: shown(letter, decision), record }))
}

/// What is done with which dead letters. One of `id`, `stage` and `kind` is needed; together they narrow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settle {
    /// `redrive`; `redrive-late`, which also answers in conversations that moved on; `drop`.
    action: String,
    /// One letter, `PARTITION:OFFSET`.
    id: Option<String>,
    /// Every open letter of this stage.
    stage: Option<String>,
    /// Every open letter of this error kind.
    kind: Option<String>,
    /// Why, for the audit log; a drop needs it.
    #[serde(default)]
    reason: String,
}

/// Redrives or drops the open dead letters that fit. A record is taken once, however often it is redriven. Takes the role admin.
#[utoipa::path(post, path = "/dead-letters", tag = "operation", request_body = Settle,
    params(("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 200, body = Settled),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn settle(
    State(app): State<crate::State>,
    actor: Actor,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<Settled>), Error> {
    let Json(Settle { action, id, stage, kind, reason }): Json<Settle> = Json::from_bytes(&body)?;
    let key = idempotency::key(&headers)?;
    let work = async {
        let report = letters::act(&app, &actor, &action, &Which { stage, kind, id }, &reason).await?;
        Ok((StatusCode::OK, Settled { done: report.done, refused: report.refused, settled: report.settled, stopped: report.stopped }))
    };
    let (status, settled) = idempotency::once(&app, &actor, "dead-letters", &key, &body, work).await?;
    Ok((status, Answer(settled)))
}

fn shown(found: Letter, decision: Option<Decision>) -> DeadLetter {
    let Letter { place, at_ms, letter, .. } = found;
    DeadLetter {
        id: place.to_string(),
        at: Millis(at_ms).to_string(),
        stage: letter.stage,
        kind: letter.kind,
        detail: letter.detail,
        attempt: letter.attempt,
        build: letter.build,
        topic: letter.topic,
        partition: letter.partition,
        offset: letter.offset,
        decision: decision.map(|d| LetterDecision { decision: d.decision, at: d.at.to_string(), actor: d.actor, reason: d.reason }),
    }
}

fn group(group: Group) -> LetterGroup {
    LetterGroup {
        stage: group.stage,
        kind: group.kind,
        records: group.records,
        first_at: Millis(group.first_ms).to_string(),
        last_at: Millis(group.last_ms).to_string(),
    }
}
