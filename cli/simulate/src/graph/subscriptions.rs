//! `/{waba_id}/subscribed_apps` (contract §1).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::error::Refusal;
use super::{auth, object, version};
use crate::control::handshake;
use crate::state::{State, read, write};

type Target = Path<(String, String)>;

/// `GET`.
pub(super) async fn list(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Target,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let waba = auth::waba(&state, &headers, &id)?;
    if !waba.subscribed.load(Ordering::Relaxed) {
        return Ok(Json(json!({"data": []})));
    }
    let mut app = json!({"whatsapp_business_api_data": {"id": "15550500001", "name": "sluice", "link": "https://sluice.example"}});
    if let Some(address) = read(&waba.callback) {
        app["override_callback_uri"] = address.into();
    }
    Ok(Json(json!({"data": [app]})))
}

/// `POST`, optionally with `override_callback_uri` and `verify_token`; without them an override ends.
pub(super) async fn subscribe(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Target,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let waba = auth::waba(&state, &headers, &id)?;
    let body = if body.is_empty() { Value::Null } else { object(&body)?.into() };
    write(&waba.callback, verified(&state, &body).await?);
    waba.subscribed.store(true, Ordering::Relaxed);
    Ok(Json(json!({"success": true})))
}

/// `DELETE`: no more webhooks.
pub(super) async fn unsubscribe(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Target,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let waba = auth::waba(&state, &headers, &id)?;
    waba.subscribed.store(false, Ordering::Relaxed);
    Ok(Json(json!({"success": true})))
}

/// The callback address that a body sets, after it has passed the handshake; `None` if the body sets none.
pub(super) async fn verified(state: &State, body: &Value) -> Result<Option<String>, Refusal> {
    let Some(address) = body["override_callback_uri"].as_str().filter(|address| !address.is_empty()) else { return Ok(None) };
    let token = body["verify_token"].as_str().ok_or_else(|| Refusal::bad("The parameter verify_token is required."))?;
    handshake::perform(state, address, token)
        .await
        .map_err(|problem| Refusal::sub(100, 2_200, format!("Callback verification failed: {problem}")))?;
    Ok(Some(address.to_owned()))
}
