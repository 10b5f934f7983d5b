use axum::Json as Answer;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::campaigns::After;
use super::extract::{Json, Path, Query};
use crate::Error;
use crate::auth::Actor;
use crate::data::campaigns::REFUSALS;
use crate::data::contacts::{self, Filter};
use crate::data::idempotency;
use crate::data::paging::Paging;
use crate::error::Problem;
use crate::upload::Form;
use crate::view::{Contact, ContactImport, Page, Refusal, Segment};

/// Contacts by telephone number, those that `where` takes. Takes the role admin.
#[utoipa::path(get, path = "/contacts", tag = "contacts", params(Filter, Paging), responses(
    (status = 200, body = Page<Contact>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(app): State<crate::State>,
    actor: Actor,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Contact>>, Error> {
    Ok(Answer(contacts::list(&app, &actor, &filter, &paging).await?))
}

/// How many.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Count {
    /// Contacts.
    contacts: i64,
}

/// How many contacts `where` takes. Takes the role admin.
#[utoipa::path(get, path = "/contacts/count", tag = "contacts", params(Filter), responses(
    (status = 200, body = Count),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn count(State(app): State<crate::State>, actor: Actor, Query(filter): Query<Filter>) -> Result<Answer<Count>, Error> {
    Ok(Answer(Count { contacts: contacts::count(&app, &actor, &filter).await? }))
}

/// Every segment with how many belong to it now. Takes the role admin.
#[utoipa::path(get, path = "/segments", tag = "contacts", responses(
    (status = 200, body = Page<Segment>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn segments(State(app): State<crate::State>, actor: Actor) -> Result<Answer<Page<Segment>>, Error> {
    Ok(Answer(Page { data: contacts::segments(&app, &actor).await?, next_cursor: None }))
}

/// Who belongs to a segment.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Text {
    /// `tag = vip and city = "São Paulo", Recife or age >= 30`; also `consent`, `phone = 55*`, `campaign = <id>`, `not (…)`.
    expression: String,
}

/// Writes a segment, new or in place of the one of that name; a repeat changes nothing more. Takes the role admin.
#[utoipa::path(put, path = "/segments/{name}", tag = "contacts", params(("name" = String, Path)), request_body = Text, responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn save(
    State(app): State<crate::State>,
    actor: Actor,
    Path(name): Path<String>,
    Json(text): Json<Text>,
) -> Result<StatusCode, Error> {
    contacts::save_segment(&app, &actor, &name, &text.expression).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets a segment; its contacts stay. Takes the role admin.
#[utoipa::path(delete, path = "/segments/{name}", tag = "contacts", params(("name" = String, Path)), responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn forget(State(app): State<crate::State>, actor: Actor, Path(name): Path<String>) -> Result<StatusCode, Error> {
    contacts::drop_segment(&app, &actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Imports of contacts, newest first. Takes the role admin.
#[utoipa::path(get, path = "/imports", tag = "contacts", params(Paging), responses(
    (status = 200, body = Page<ContactImport>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn imports(
    State(app): State<crate::State>,
    actor: Actor,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<ContactImport>>, Error> {
    Ok(Answer(contacts::imports(&app, &actor, &paging).await?))
}

/// Reads contacts from a CSV file, as `multipart/form-data` with the parts `file` (its name), `country`, `phone_column`, `tags` (separated
/// by commas), `consent`, and `csv` as the last one. Columns become attributes, the column `tags` tags. Takes the role admin.
#[utoipa::path(post, path = "/imports", tag = "contacts", request_body(content_type = "multipart/form-data"),
    params(("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 201, body = ContactImport),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn import(
    State(app): State<crate::State>,
    actor: Actor,
    headers: HeaderMap,
    request: Request,
) -> Result<(StatusCode, Answer<serde_json::Value>), Error> {
    let key = idempotency::key(&headers)?;
    let multipart = Multipart::from_request(request, &app).await.map_err(|e| Error::field("body", e.body_text()))?;
    let form = Form::read(multipart, app.options.upload_bytes).await?;
    let new = form.contacts();
    // The file streams by and cannot be hashed first: the key stands for its fields.
    let print = serde_json::to_vec(&new).map_err(|e| Error::Internal(e.to_string()))?;
    let work = async {
        let made = contacts::import(&app, &actor, new, form.file).await?;
        Ok((StatusCode::CREATED, serde_json::to_value(made).unwrap_or_default()))
    };
    let (status, body) = idempotency::once(&app, &actor, "imports", &key, &print, work).await?;
    Ok((status, Answer(body)))
}

/// Lines of an import that were refused. Takes the role admin.
#[utoipa::path(get, path = "/imports/{id}/refusals", tag = "contacts", params(("id" = Uuid, Path), After), responses(
    (status = 200, body = Page<Refusal>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn refusals(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(after): Query<After>,
) -> Result<Answer<Page<Refusal>>, Error> {
    let data = contacts::refusals(&app, &actor, id, after.line()?).await?;
    let next_cursor = data.last().filter(|_| data.len() as i64 == REFUSALS).map(|last| last.line.to_string());
    Ok(Answer(Page { data, next_cursor }))
}

/// What was taken back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Undone {
    /// Contacts that changed since and stay as they are.
    kept: i64,
}

/// Takes an import back, up to 30 days later: what it added goes, what it changed is as before. Takes the role admin.
#[utoipa::path(post, path = "/imports/{id}/undo", tag = "contacts",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 200, body = Undone),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn undo(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Answer<Undone>, Error> {
    let key = idempotency::key(&headers)?;
    let work = async { Ok((StatusCode::OK, Undone { kept: contacts::undo(&app, &actor, id).await? })) };
    Ok(Answer(idempotency::once(&app, &actor, &format!("imports/{id}/undo"), &key, b"", work).await?.1))
}
