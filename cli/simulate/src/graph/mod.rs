//! The Graph API paths that a messaging platform calls (contract §6, §9, §10).

mod auth;
pub(crate) mod error;
pub(crate) mod media;
mod messages;
mod objects;
pub(crate) mod review;
mod social;
mod subscriptions;
mod templates;
mod validate;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use serde_json::{Map, Value};

use crate::faults;
use crate::state::State;
use error::Refusal;

/// Longest body of any call: a document of 100 MB and its multipart frame.
pub(crate) const MAX_BODY: usize = 110 << 20;

/// The routes, with faults and the recording of refusals around them.
pub(crate) fn routes(state: &Arc<State>) -> Router<Arc<State>> {
    Router::new()
        .route("/{version}/{id}", get(objects::show).post(objects::change).delete(media::delete))
        .route("/{version}/{id}/messages", post(messages::messages))
        .route("/{version}/{id}/marketing_messages", post(messages::marketing_messages))
        .route("/{version}/{id}/media", post(media::upload))
        .route("/{version}/{id}/message_templates", get(templates::list).post(review::create).delete(review::remove))
        .route("/{version}/{id}/register", post(objects::register))
        .route("/{version}/{id}/phone_numbers", get(objects::phone_numbers))
        .route(
            "/{version}/{id}/subscribed_apps",
            get(subscriptions::list).post(subscriptions::subscribe).delete(subscriptions::unsubscribe),
        )
        .route("/_media/{id}", get(media::download))
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(state.clone(), faults::inject))
        .layer(middleware::from_fn_with_state(state.clone(), faults::record))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn unknown(uri: axum::http::Uri) -> Refusal {
    Refusal::new(2_500, format!("Unknown path components: {}", uri.path()))
}

/// `v` and a number with one decimal, such as `v24.0`.
fn version(text: &str) -> Result<(), Refusal> {
    let known = text.strip_prefix('v').and_then(|number| number.split_once('.')).is_some_and(|(major, minor)| {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits(major) && digits(minor)
    });
    if known { Ok(()) } else { Err(Refusal::new(2_500, format!("Unknown path components: /{text}"))) }
}

/// A body that must be a JSON object.
fn object(body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Refusal::bad("The body must be a JSON object")),
        Err(error) => Err(Refusal::bad(format!("The body is not JSON: {error}"))),
    }
}
