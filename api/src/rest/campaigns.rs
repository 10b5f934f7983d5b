use axum::Json as Answer;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::{Path, Query, moment};
use crate::Error;
use crate::auth::Actor;
use crate::data::campaigns::{self, New};
use crate::data::outcomes::{self, Again, Filter};
use crate::data::paging::Paging;
use crate::data::{forecast, idempotency, trial};
use crate::error::Problem;
use crate::upload::Form;
use crate::view::{Campaign, Comparison, Forecast, Page, Recipient, Refusal, Sent, Trial};

/// Largest JSON body; longer lists come as multipart, which is read as it arrives.
const JSON_BYTES: usize = 32 * 1024 * 1024;

/// Campaigns, newest first.
#[utoipa::path(get, path = "/campaigns", tag = "campaigns", params(Paging), responses(
    (status = 200, body = Page<Campaign>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(app): State<crate::State>,
    actor: Actor,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Campaign>>, Error> {
    Ok(Answer(campaigns::list(&app, &actor, &paging).await?))
}

/// One campaign.
#[utoipa::path(get, path = "/campaigns/{id}", tag = "campaigns", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Campaign),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get(State(app): State<crate::State>, actor: Actor, Path(id): Path<Uuid>) -> Result<Response, Error> {
    Ok(tagged(campaigns::get(&app, &actor, id).await?))
}

/// Two campaigns side by side, and whether their differences are more than chance.
#[utoipa::path(get, path = "/campaigns/{id}/compare/{other}", tag = "campaigns",
    params(("id" = Uuid, Path), ("other" = Uuid, Path)),
    responses(
        (status = 200, body = Comparison),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn compare(
    State(app): State<crate::State>,
    actor: Actor,
    Path((id, other)): Path<(Uuid, Uuid)>,
) -> Result<Answer<Comparison>, Error> {
    Ok(Answer(campaigns::compare(&app, &actor, id, other).await?))
}

/// With its version as `ETag`.
fn tagged(campaign: Campaign) -> Response {
    ([(header::ETAG, format!("\"{}\"", campaign.version))], Answer(campaign)).into_response()
}

/// Changes name, throttle, failure limit, and before it starts its hours, if nobody has changed it since the `ETag` was read. What a second
/// person has approved has to be approved again. Takes the role admin.
#[utoipa::path(patch, path = "/campaigns/{id}", tag = "campaigns", request_body = campaigns::Edit,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of what the change is made to")),
    responses(
        (status = 200, body = Campaign),
        (status = 412, description = "somebody has changed it meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn edit(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    super::extract::Json(edit): super::extract::Json<campaigns::Edit>,
) -> Result<Response, Error> {
    let seen = headers.get(header::IF_MATCH).and_then(|tag| tag.to_str().ok()).map(|tag| tag.trim().trim_matches('"'));
    let wrong = || Error::field("If-Match", "`If-Match` is missing: send the `ETag` of the campaign that you have read");
    let version = seen.and_then(|tag| tag.parse().ok()).ok_or_else(wrong)?;
    Ok(tagged(campaigns::edit(&app, &actor, id, &edit, version).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl After {
    /// The line behind which the page begins.
    pub(super) fn line(&self) -> Result<i64, Error> {
        let wrong = || Error::field("cursor", "`cursor` is not one of ours; send `next_cursor` unchanged");
        self.cursor.as_ref().map_or(Ok(0), |text| text.parse().map_err(|_| wrong()))
    }
}

/// Lines of the upload that were refused.
#[utoipa::path(get, path = "/campaigns/{id}/refusals", tag = "campaigns", params(("id" = Uuid, Path), After), responses(
    (status = 200, body = Page<Refusal>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn refusals(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(after): Query<After>,
) -> Result<Answer<Page<Refusal>>, Error> {
    let data = campaigns::refusals(&app, &actor, id, after.line()?).await?;
    let next_cursor = data.last().filter(|_| data.len() as i64 == campaigns::REFUSALS).map(|last| last.line.to_string());
    Ok(Answer(Page { data, next_cursor }))
}

/// What became of each recipient, in the order of the upload. A page of a rare `state` may be short, or empty, and still have a next
/// one. Takes the role admin.
#[utoipa::path(get, path = "/campaigns/{id}/recipients", tag = "campaigns", params(("id" = Uuid, Path), Filter, Paging), responses(
    (status = 200, body = Page<Recipient>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn recipients(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Recipient>>, Error> {
    Ok(Answer(outcomes::page(&app, &actor, id, &filter, &paging).await?))
}

/// The same as one CSV file, with the columns of the upload that fill the template. Takes the role admin.
#[utoipa::path(get, path = "/campaigns/{id}/recipients.csv", tag = "campaigns", params(("id" = Uuid, Path), Filter), responses(
    (status = 200, body = String, content_type = "text/csv"),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn recipients_csv(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(filter): Query<Filter>,
) -> Result<Response, Error> {
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], outcomes::csv(&app, &actor, id, filter).await?).into_response())
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct At {
    /// When it would start, RFC 3339; when it is scheduled for, or now, when left out.
    at: Option<String>,
    /// When it should be over, RFC 3339: `late_by_seconds` tells whether it would be.
    finish_by: Option<String>,
}

/// How the campaign would go: when it is over, what it costs, whom it passes over. Sends nothing. Takes the role admin.
#[utoipa::path(get, path = "/campaigns/{id}/forecast", tag = "campaigns", params(("id" = Uuid, Path), At), responses(
    (status = 200, body = Forecast),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn forecast(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(at): Query<At>,
) -> Result<Answer<Forecast>, Error> {
    let read = |field, text: &Option<String>| text.as_deref().map(|text| moment(field, text)).transpose();
    let when = forecast::When { at: read("at", &at.at)?, finish_by: read("finish_by", &at.finish_by)? };
    Ok(Answer(forecast::forecast(&app, &actor, id, when).await?))
}

/// What the campaign's first recipients would see. Takes the role admin.
#[utoipa::path(get, path = "/campaigns/{id}/preview", tag = "campaigns", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Page<Trial>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn preview(State(app): State<crate::State>, actor: Actor, Path(id): Path<Uuid>) -> Result<Answer<Page<Trial>>, Error> {
    Ok(Answer(Page { data: trial::first(&app, &actor, id).await?, next_cursor: None }))
}

/// Whom a trial goes to.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct To {
    /// Telephone number with country code.
    to: String,
}

/// Sends the first recipient's message to somebody who tries it; it counts in no funnel. Takes the role admin.
#[utoipa::path(post, path = "/campaigns/{id}/test", tag = "campaigns", request_body = To,
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header, description = "one per intended message")),
    responses(
        (status = 202, body = Sent),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn test(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<Sent>), Error> {
    let super::extract::Json(To { to }) = super::extract::Json::from_bytes(&body)?;
    let key = idempotency::key(&headers)?;
    let work = async { Ok((StatusCode::ACCEPTED, trial::send(&app, &actor, id, &to, &key).await?)) };
    let (status, sent) = idempotency::once(&app, &actor, &format!("campaigns/{id}/test"), &key, &body, work).await?;
    Ok((status, Answer(sent)))
}

/// Makes a draft of those recipients whose messages failed, less those that an earlier retry of this campaign has. Only of a campaign
/// that is over. Takes the role admin.
#[utoipa::path(post, path = "/campaigns/{id}/retry", tag = "campaigns", request_body = Again,
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 201, body = Campaign),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn retry(
    State(app): State<crate::State>,
    actor: Actor,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    super::extract::Json(again): super::extract::Json<Again>,
) -> Result<(StatusCode, Answer<Created>), Error> {
    let key = idempotency::key(&headers)?;
    let print = serde_json::to_vec(&again).map_err(|e| Error::Internal(e.to_string()))?;
    let work = async { outcomes::retry(&app, &actor, id, &again).await.map(created) };
    let (status, body) = idempotency::once(&app, &actor, &format!("campaigns/{id}/retry"), &key, &print, work).await?;
    Ok((status, Answer(body)))
}

/// A campaign with its audience as CSV text.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct WithText {
    #[serde(flatten)]
    #[schema(inline)]
    new: New,
    /// The audience: CSV with a line of headings. Left out with `segment`.
    #[serde(default)]
    csv: String,
}

/// Creates a draft with its audience. JSON carries the CSV as text; `multipart/form-data` has the same fields as parts (`columns`
/// separated by commas) and `csv` as the last one, and may be far larger. Takes the role admin.
#[utoipa::path(post, path = "/campaigns", tag = "campaigns", request_body = WithText,
    params(("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 201, body = Campaign),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn create(
    State(app): State<crate::State>,
    actor: Actor,
    headers: HeaderMap,
    request: Request,
) -> Result<(StatusCode, Answer<Created>), Error> {
    let key = idempotency::key(&headers)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (status, body) = if kind.starts_with("multipart/form-data") {
        let multipart = Multipart::from_request(request, &app).await.map_err(|e| Error::field("body", e.body_text()))?;
        let form = Form::read(multipart, app.options.upload_bytes).await?;
        let new = form.campaign()?;
        // The file streams by and cannot be hashed first: the key stands for its fields.
        let print = serde_json::to_vec(&new).map_err(|e| Error::Internal(e.to_string()))?;
        let work = async { campaigns::create(&app, &actor, new, form.file).await.map(created) };
        idempotency::once(&app, &actor, "campaigns", &key, &print, work).await?
    } else {
        let bytes = axum::body::to_bytes(request.into_body(), JSON_BYTES).await.map_err(|_| Error::TooLarge(JSON_BYTES))?;
        let WithText { new, csv } = super::extract::Json::from_bytes(&bytes)?.0;
        let work = async { campaigns::create(&app, &actor, new, std::io::Cursor::new(csv)).await.map(created) };
        idempotency::once(&app, &actor, "campaigns", &key, &bytes, work).await?
    };
    Ok((status, Answer(body)))
}

/// A campaign as JSON, so that an answer that was kept is given again as it was.
type Created = serde_json::Value;

fn created(campaign: Campaign) -> (StatusCode, Created) {
    (StatusCode::CREATED, serde_json::to_value(campaign).unwrap_or_default())
}

/// Starts, pauses, resumes, cancels or approves. Takes the role admin; approving takes a signed-in person other than its maker.
#[utoipa::path(post, path = "/campaigns/{id}/{action}", tag = "campaigns",
    params(("id" = Uuid, Path), ("action" = String, Path, description = "`start`, `pause`, `resume`, `cancel`, `approve`"),
        ("Idempotency-Key" = String, Header, description = "one per intended change")),
    responses(
        (status = 200, body = Campaign),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn control(
    State(app): State<crate::State>,
    actor: Actor,
    Path((id, action)): Path<(Uuid, String)>,
    headers: HeaderMap,
) -> Result<Answer<Created>, Error> {
    let key = idempotency::key(&headers)?;
    let work = async { campaigns::control(&app, &actor, id, &action).await.map(|campaign| (StatusCode::OK, created(campaign).1)) };
    let (_, body) = idempotency::once(&app, &actor, &format!("campaigns/{id}/{action}"), &key, b"", work).await?;
    Ok(Answer(body))
}
