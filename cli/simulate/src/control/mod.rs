//! The routes under `/_sim/` by which tests, checkers and people drive the simulator. They need no token.
//!
//! | route | does |
//! | --- | --- |
//! | `GET /_sim/ledger?after=SEQ&limit=N` | accepted messages, `{data, next}`; `next` is null at the end |
//! | `GET /_sim/summary` | counts of acceptances, refusals by code, inbound messages, webhooks |
//! | `POST /_sim/inbound` | a customer writes (one object, or a list of them) |
//! | `POST /_sim/preference` | a customer stops or resumes marketing messages |
//! | `POST /_sim/webhook[?network=instagram][&signature=wrong\|none]` | posts the body, signed, once; answers the receiver's status |
//! | `POST /_sim/handshake` | performs the verification GET |
//! | `POST`, `GET`, `DELETE /_sim/faults[/ID]` | see `faults` |
//! | `POST /_sim/number`, `POST /_sim/template` | changes a number; a template's status, with its webhook |
//! | `POST /_sim/media?mime_type=…` | a customer's file, for the `id` of an inbound message |
//! | `GET`, `POST /_sim/clock` | the time; `{"advance_ms": n}` moves a virtual clock |

pub(crate) mod changes;
pub(crate) mod handshake;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::book::{Entry, timestamp};
use crate::customers::inbound;
use crate::faults::Spec;
use crate::graph::MAX_BODY;
use crate::state::{State, Waba, lock};
use crate::webhook::signature;
use crate::world::Network;

/// A request that cannot be done, with the field and the remedy.
pub(crate) struct Problem(String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({"error": self.0}))).into_response()
    }
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self(problem)
    }
}

type Answer = Result<Json<Value>, Problem>;

/// The routes.
pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/_sim/ledger", get(ledger))
        .route("/_sim/summary", get(summary))
        .route("/_sim/inbound", post(write))
        .route("/_sim/preference", post(prefer))
        .route("/_sim/webhook", post(webhook))
        .route("/_sim/handshake", post(handshake::requested))
        .route("/_sim/faults", get(faults).post(add_fault).delete(lift_faults))
        .route("/_sim/faults/{id}", axum::routing::delete(lift_fault))
        .route("/_sim/number", post(change_number))
        .route("/_sim/template", post(change_template))
        .route("/_sim/media", post(media))
        .route("/_sim/clock", get(time).post(advance))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

/// A JSON body of known shape; curl's default content type is as good as any.
pub(crate) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem(format!("the body: {error}")))
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    limit: Option<usize>,
}

/// The answer of the ledger; written from the entries, since a JSON tree of a long page costs more than the page.
#[derive(Serialize)]
struct Ledger<'a> {
    data: Vec<&'a Entry>,
    next: Option<u64>,
}

async fn ledger(Extract(state): Extract<Arc<State>>, Query(page): Query<Page>) -> Response {
    let (entries, more) = state.book.after(page.after, page.limit.unwrap_or(1_000).clamp(1, 100_000));
    let next = entries.last().filter(|_| more).map(|entry| entry.seq);
    Json(Ledger { data: entries.iter().map(|entry| &**entry).collect(), next }).into_response()
}

async fn summary(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    let mut summary = serde_json::to_value(state.book.summary()).unwrap_or_default();
    summary["webhooks"] = serde_json::to_value(&state.outbox.counts).unwrap_or_default();
    summary["webhooks"]["planned"] = state.timeline.len().into();
    summary["unique_recipients"] = portfolios(&state);
    summary["time"] = timestamp(state.clock.now()).to_string().into();
    Json(summary)
}

/// Users reached outside open windows in the last 24 hours, by portfolio.
fn portfolios(state: &State) -> Value {
    let now = state.clock.now();
    let count = |waba: &Arc<Waba>| (waba.portfolio.seed.id.clone(), Value::from(lock(&waba.portfolio.reached).unique(now)));
    state.wabas.values().map(count).collect()
}

async fn write(Extract(state): Extract<Arc<State>>, body: Bytes) -> Answer {
    let asked: Value = parse(&body)?;
    let one = |value: Value| -> Result<Value, Problem> {
        let request = serde_json::from_value(value).map_err(|error| Problem(error.to_string()))?;
        Ok(json!({"id": inbound::write(&state, request)?}))
    };
    match asked {
        // One wrong message does not keep the others from being written.
        Value::Array(list) => {
            let answer = |value| one(value).unwrap_or_else(|Problem(problem)| json!({"error": problem}));
            Ok(Json(list.into_iter().map(answer).collect()))
        }
        other => one(other).map(Json),
    }
}

async fn prefer(Extract(state): Extract<Arc<State>>, body: Bytes) -> Answer {
    inbound::prefer(&state, &parse(&body)?)?;
    Ok(Json(json!({"success": true})))
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    network: Option<Network>,
    #[serde(default)]
    signature: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

async fn webhook(Extract(state): Extract<Arc<State>>, Query(raw): Query<Raw>, body: Bytes) -> Answer {
    let configured = match raw.network {
        Some(network) => state.outbox.social(network),
        None => state.outbox.config.whatsapp.first().cloned(),
    };
    let url = raw.url.or(configured).ok_or_else(|| Problem("no callback address: start with --webhook, or give `url`".into()))?;
    let signature = match raw.signature.as_deref() {
        None => Some(signature(&state.app_secret, &body)),
        Some("wrong") => Some(signature("not the app secret", &body)),
        Some("none") => None,
        Some(other) => return Err(Problem(format!("signature: `{other}` is neither wrong nor none"))),
    };
    let mut request = state.outbox.client.post(url).header("Content-Type", "application/json").body(body);
    if let Some(signature) = signature {
        request = request.header("X-Hub-Signature-256", signature);
    }
    let response = request.send().await.map_err(|error| Problem(format!("the callback address: {error}")))?;
    Ok(Json(json!({"status": response.status().as_u16()})))
}

async fn faults(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    Json(json!({"data": state.faults.list()}))
}

async fn add_fault(Extract(state): Extract<Arc<State>>, body: Bytes) -> Answer {
    let spec: Spec = parse(&body)?;
    Ok(Json(json!({"id": state.faults.add(spec, state.clock.now())?})))
}

async fn lift_faults(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    Json(json!({"lifted": state.faults.remove(None)}))
}

async fn lift_fault(Extract(state): Extract<Arc<State>>, Path(id): Path<u64>) -> Json<Value> {
    Json(json!({"lifted": state.faults.remove(Some(id))}))
}

async fn change_number(Extract(state): Extract<Arc<State>>, body: Bytes) -> Answer {
    changes::number(&state, &parse(&body)?)?;
    Ok(Json(json!({"success": true})))
}

async fn change_template(Extract(state): Extract<Arc<State>>, body: Bytes) -> Answer {
    changes::template(&state, &parse(&body)?)?;
    Ok(Json(json!({"success": true})))
}

#[derive(Deserialize)]
struct File {
    mime_type: String,
}

async fn media(Extract(state): Extract<Arc<State>>, Query(file): Query<File>, body: Bytes) -> Json<Value> {
    let item = state.media.put(state.ids.numeric(), None, file.mime_type.clone(), body);
    Json(json!({"id": item.id, "mime_type": file.mime_type, "sha256": item.sha256_base64()}))
}

async fn time(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    let now = state.clock.now();
    Json(json!({"now_ms": now, "time": timestamp(now).to_string()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u32,
}

async fn advance(Extract(state): Extract<Arc<State>>, body: Bytes) -> Answer {
    let advance: Advance = parse(&body)?;
    let now = state.clock.advance(advance.advance_ms.into());
    let now = now.ok_or_else(|| Problem("the clock is the machine's: start with --clock virtual".into()))?;
    state.timeline.moved.notify_one();
    Ok(Json(json!({"now_ms": now, "time": timestamp(now).to_string()})))
}
