//! Faults and the recording of refusals around the Graph API routes; the routes know nothing of either.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State as Extract};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::{Call, Ending, Plan, When};
use crate::graph::MAX_BODY;
use crate::graph::error::Refusal;
use crate::listen::Connection;
use crate::state::State;

/// Enters every refusal into the book.
pub(crate) async fn record(Extract(state): Extract<Arc<State>>, request: Request, next: Next) -> Response {
    let object = object_of(request.uri().path()).to_owned();
    let response = next.run(request).await;
    if let Some(refusal) = response.extensions().get::<Refusal>() {
        state.book.refuse(state.clock.now(), &object, refusal.code);
    }
    response
}

/// Lets the faults in force strike the call.
pub(crate) async fn inject(
    Extract(state): Extract<Arc<State>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
    next: Next,
) -> Response {
    if !state.faults.any() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return Refusal::bad("the body is longer than any call's").into_response();
    };
    let to = recipient(&body);
    let path = parts.uri.path();
    let call = Call { path, object: object_of(path), to: to.as_deref() };
    let plan: Plan = state.faults.plan(call, state.clock.now());
    wait(plan.wait_before_ms).await;
    if let Some((When::Before, ending)) = plan.ending {
        return end(ending, None, &connection).await;
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    wait(plan.wait_after_ms).await;
    match plan.ending {
        // A refused call has not taken effect, so there is nothing to hide behind a lost answer; it still gets lost.
        Some((_, ending)) => end(ending, Some(response), &connection).await,
        None => response,
    }
}

async fn wait(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// The object id behind the version in a Graph API path.
fn object_of(path: &str) -> &str {
    path.split('/').nth(2).unwrap_or_default()
}

fn recipient(body: &Bytes) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let named = |value: &Value| value.as_str().map(String::from);
    named(&body["to"]).or_else(|| named(&body["recipient"])).or_else(|| named(&body["recipient"]["id"]))
}

async fn end(ending: Ending, response: Option<Response>, connection: &Connection) -> Response {
    match ending {
        Ending::Reset => {
            connection.reset();
            // Never written: the connection refuses every byte from now on.
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Ending::Http(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            (status, Json(Refusal::new(2, "the simulator was asked for this fault").body())).into_response()
        }
        Ending::Garbage(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let page = "<!DOCTYPE html><html><body><h1>Sorry, something went wrong.</h1></body></html>";
            (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
        }
        Ending::Code(code, subcode) => Refusal { code, subcode, details: "the simulator was asked for this fault".into() }.into_response(),
        Ending::Cut => cut(response.unwrap_or_default()).await,
    }
}

/// The same answer whose body ends in the middle of its announced length.
async fn cut(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, MAX_BODY).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    // The pause lets the first half leave before the connection breaks.
    let pieces = futures::stream::unfold(Some(half), |half| async {
        match half {
            Some(half) if !half.is_empty() => Some((Ok(half), Some(Bytes::new()))),
            Some(_) => {
                wait(50).await;
                Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)), None))
            }
            None => None,
        }
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}
