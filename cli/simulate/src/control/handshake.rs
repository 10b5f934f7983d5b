//! The verification GET of a callback address (contract §1).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Problem, parse};
use crate::state::State;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// The address; the first `--webhook` if absent.
    #[serde(default)]
    url: Option<String>,
    /// The token to present; the world's if absent.
    #[serde(default)]
    verify_token: Option<String>,
}

/// `POST /_sim/handshake`.
pub(super) async fn requested(Extract(state): Extract<Arc<State>>, body: Bytes) -> Answer {
    let request = if body.is_empty() { Request::default() } else { parse(&body)? };
    let url = request.url.or_else(|| state.outbox.config.whatsapp.first().cloned());
    let url = url.ok_or_else(|| Problem("no callback address: start with --webhook, or give `url`".into()))?;
    let token = request.verify_token.as_deref().unwrap_or(&state.verify_token);
    Ok(Json(match perform(&state, &url, token).await {
        Ok(()) => json!({"verified": true}),
        Err(problem) => json!({"verified": false, "problem": problem}),
    }))
}

/// Sends a challenge and compares the echo: 200, and the body exactly the challenge.
///
/// # Errors
/// What the receiver did wrong.
pub(crate) async fn perform(state: &State, url: &str, token: &str) -> Result<(), String> {
    let challenge = (state.ids.bits() % 9_000_000_000 + 1_000_000_000).to_string();
    let mut url = reqwest::Url::parse(url).map_err(|error| error.to_string())?;
    url.query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.challenge", &challenge)
        .append_pair("hub.verify_token", token);
    let response = state.outbox.client.get(url).send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    if status != reqwest::StatusCode::OK {
        return Err(format!("answered {status}"));
    }
    let body = response.text().await.map_err(|error| error.to_string())?;
    if body == challenge { Ok(()) } else { Err("the body is not exactly the challenge".into()) }
}
