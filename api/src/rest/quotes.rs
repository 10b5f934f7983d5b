use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::{Json, Path, Query};
use crate::Error;
use crate::auth::Actor;
use crate::data::paging::Paging;
use crate::data::{commands, idempotency, quotes};
use crate::error::Problem;
use crate::view::{Page, Quote};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `answered`, `awaiting_approval`, `approved`, `changed`, `rejected`, `expired`; all when left out.
    status: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 200; 50 when left out.
    limit: Option<i64>,
}

/// Quotes, newest first.
#[utoipa::path(get, path = "/quotes", tag = "quotes", params(Filter), responses(
    (status = 200, body = Page<Quote>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(app): State<crate::State>,
    actor: Actor,
    Query(filter): Query<Filter>,
) -> Result<Answer<Page<Quote>>, Error> {
    let paging = Paging { cursor: filter.cursor, limit: filter.limit };
    Ok(Answer(quotes::list(&app, &actor, filter.status.as_deref(), &paging).await?))
}

/// One quote.
#[utoipa::path(get, path = "/quotes/{id}", tag = "quotes", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Quote),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get(State(app): State<crate::State>, actor: Actor, Path(id): Path<Uuid>) -> Result<Answer<Quote>, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    Ok(Answer(quotes::get(&transaction, id).await?))
}

/// A decision.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Verdict {
    /// For `change`: the new sum, decimal text.
    total: Option<String>,
    /// For `reject`: why, as the customer may read it.
    reason: Option<String>,
}

/// That a decision is recorded; the quote changes when the pipeline has acted on it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Recorded {
    /// The decision's id: the Idempotency-Key.
    id: String,
    /// `recorded`
    status: String,
}

impl Recorded {
    pub(super) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), status: "recorded".to_owned() }
    }
}

/// Decides on a quote: `approve`, `change` or `reject`. Takes the role admin.
#[utoipa::path(post, path = "/quotes/{id}/{action}", tag = "quotes", request_body(content = Option<Verdict>),
    params(("id" = Uuid, Path), ("action" = String, Path, description = "`approve`, `change`, `reject`"),
        ("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 202, body = Recorded),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn decide(
    State(app): State<crate::State>,
    actor: Actor,
    Path((id, action)): Path<(Uuid, String)>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<Recorded>), Error> {
    let verdict: Verdict = if body.is_empty() { Verdict::default() } else { Json::from_bytes(&body)?.0 };
    let argument = if action == "change" { verdict.total } else { verdict.reason };
    let key = idempotency::key(&headers)?;
    let route = format!("quotes/{id}/{action}");
    let work = async {
        commands::decide(&app, &actor, id, &action, argument.as_deref(), &key).await?;
        Ok((StatusCode::ACCEPTED, Recorded::new(&key)))
    };
    let (status, recorded) = idempotency::once(&app, &actor, &route, &key, &body, work).await?;
    Ok((status, Answer(recorded)))
}
