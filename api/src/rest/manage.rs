use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use sluice_connectors::manage::{Connected, Draft};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Json, Path, Query};
use crate::Error;
use crate::auth::Actor;
use crate::data::{idempotency, manage};
use crate::error::Problem;
use crate::view::Template;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// WhatsApp business account; may be left out where there is only one.
    #[serde(default)]
    waba: Option<String>,
    /// One language; all of them when left out.
    #[serde(default)]
    language: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Of {
    /// WhatsApp business account; may be left out where there is only one.
    #[serde(default)]
    waba: Option<String>,
}

/// Makes a template at Meta, which looks at it first. Takes the role admin.
#[utoipa::path(post, path = "/templates", tag = "operation", params(Of, ("Idempotency-Key" = String, Header, description = "one per intended change")),
    request_body = Draft, responses(
        (status = 201, body = Template),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn create(
    State(app): State<crate::State>,
    actor: Actor,
    Query(of): Query<Of>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Answer<serde_json::Value>), Error> {
    let key = idempotency::key(&headers)?;
    let Json(draft): Json<Draft> = Json::from_bytes(&body)?;
    let work = async {
        let made = manage::create(&app, &actor, of.waba.as_deref(), &draft).await?;
        Ok((StatusCode::CREATED, serde_json::to_value(made).unwrap_or_default()))
    };
    let (status, made) = idempotency::once(&app, &actor, "templates", &key, &body, work).await?;
    Ok((status, Answer(made)))
}

/// Gives a template other words; Meta looks at it again, and what uses it waits meanwhile. Takes the role admin.
#[utoipa::path(put, path = "/templates", tag = "operation", params(Of), request_body = Draft, responses(
    (status = 200, body = Template),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn edit(
    State(app): State<crate::State>,
    actor: Actor,
    Query(of): Query<Of>,
    Json(draft): Json<Draft>,
) -> Result<Answer<Template>, Error> {
    Ok(Answer(manage::edit(&app, &actor, of.waba.as_deref(), &draft).await?))
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deleted {
    /// In how many languages.
    languages: usize,
}

/// Deletes a template, in one language or in all. One that a campaign still needs stays. Takes the role admin.
#[utoipa::path(delete, path = "/templates/{name}", tag = "operation", params(("name" = String, Path), Whose), responses(
    (status = 200, body = Deleted),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(app): State<crate::State>,
    actor: Actor,
    Path(name): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Answer<Deleted>, Error> {
    let languages = manage::delete(&app, &actor, whose.waba.as_deref(), &name, whose.language.as_deref()).await?;
    Ok(Answer(Deleted { languages }))
}

/// A business account to be connected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    /// WhatsApp business account.
    waba: String,
    /// Access token of a system user that may manage and message for it; kept sealed.
    token: String,
    /// Six digits: the two-step PIN under which numbers that are not connected yet are registered.
    #[serde(default)]
    pin: Option<String>,
    /// Address of our webhooks, where the app's own is not to be used.
    #[serde(default)]
    callback: Option<String>,
}

/// Connects a WhatsApp business account with its numbers: checks the token, subscribes, registers. May be repeated. Takes the role owner.
#[utoipa::path(post, path = "/accounts", tag = "operation", request_body = Account, responses(
    (status = 200, body = Connected),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn connect(
    State(app): State<crate::State>,
    actor: Actor,
    Json(account): Json<Account>,
) -> Result<Answer<Connected>, Error> {
    let Account { waba, token, pin, callback } = &account;
    let said = manage::Account { waba, token, pin: pin.as_deref(), callback: callback.as_deref() };
    Ok(Answer(manage::connect(&app, &actor, &said).await?))
}
