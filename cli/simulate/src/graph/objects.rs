//! `GET /{id}` of numbers, WABAs, media and accounts, `GET /{waba_id}/phone_numbers`, and a number's own callback address.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Refusal;
use super::{auth, media, object, review, subscriptions, version};
use crate::state::{Number, State, lock, read, write};

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    fields: Option<String>,
    #[serde(default)]
    phone_number_id: Option<String>,
}

/// `GET /{id}`.
pub(super) async fn show(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    if let Some(media) = media::show(&state, &headers, &id, asked.phone_number_id.as_deref()) {
        return media.map(Json);
    }
    let mut shown = if state.numbers.contains_key(&id) {
        number(auth::number(&state, &headers, &id)?)
    } else if state.wabas.contains_key(&id) {
        let waba = auth::waba(&state, &headers, &id)?;
        json!({"id": waba.id, "name": waba.name, "currency": "USD", "timezone_id": "1", "message_template_namespace": "simulated"})
    } else {
        let account = auth::account(&state, &headers, &id)?;
        json!({"id": account.seed.id, "name": account.seed.name, "username": account.seed.name})
    };
    if let (Some(fields), Some(map)) = (asked.fields, shown.as_object_mut()) {
        map.retain(|key, _| key == "id" || fields.split(',').any(|field| field.trim() == key));
    }
    Ok(Json(shown))
}

fn number(number: &Number) -> Value {
    let limit = number.waba.portfolio.seed.messaging_limit;
    let tier = limit.map_or_else(
        || "TIER_UNLIMITED".to_owned(),
        |limit| if limit % 1_000 == 0 { format!("TIER_{}K", limit / 1_000) } else { format!("TIER_{limit}") },
    );
    let level = match number.seed.throughput {
        0..80 => "NOT_APPLICABLE",
        80..1_000 => "STANDARD",
        _ => "HIGH",
    };
    json!({
        "id": number.id,
        "display_phone_number": number.seed.display_phone_number,
        "verified_name": number.seed.verified_name,
        "quality_rating": number.seed.quality,
        "code_verification_status": "VERIFIED",
        "platform_type": "CLOUD_API",
        "throughput": {"level": level},
        "status": if number.registered.load(Ordering::Relaxed) { "CONNECTED" } else { "DISCONNECTED" },
        "whatsapp_business_manager_messaging_limit": tier,
        "webhook_configuration": {"phone_number": read(&number.callback)},
    })
}

/// `GET /{waba_id}/phone_numbers`; one page.
pub(super) async fn phone_numbers(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let waba = auth::waba(&state, &headers, &id)?;
    let data: Vec<_> = waba.numbers.iter().filter_map(|id| state.numbers.get(id)).map(|own| number(own)).collect();
    Ok(Json(json!({"data": data, "paging": {"cursors": {"before": "QVFI", "after": "QVFJ"}}})))
}

/// `POST /{phone_number_id}` with `webhook_configuration` (contract §1): the number's own callback address.
pub(super) async fn change(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    if let Some(answer) = review::edit(&state, &headers, &id, &body) {
        return answer;
    }
    let number = auth::number(&state, &headers, &id)?;
    let body = object(&body)?;
    if let Some(pin) = body.get("pin") {
        *lock(&number.pin) = Some(six_digits(pin)?);
        return Ok(Json(json!({"success": true})));
    }
    let configuration =
        body.get("webhook_configuration").ok_or_else(|| Refusal::bad("The parameter webhook_configuration is required."))?;
    let address = subscriptions::verified(&state, configuration).await?;
    write(&number.callback, address);
    Ok(Json(json!({"success": true})))
}

/// `POST /{phone_number_id}/register`: the number may send. Its two-step PIN must be the one that was set; the first one is taken.
pub(super) async fn register(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let number = auth::number(&state, &headers, &id)?;
    let body = object(&body)?;
    if body.get("messaging_product").and_then(Value::as_str) != Some("whatsapp") {
        return Err(Refusal::bad("The parameter messaging_product is required."));
    }
    let pin = six_digits(body.get("pin").unwrap_or(&Value::Null))?;
    let mut known = lock(&number.pin);
    if known.as_ref().is_some_and(|known| *known != pin) {
        return Err(Refusal::new(133_005, "Two step verification PIN mismatch"));
    }
    *known = Some(pin);
    number.registered.store(true, Ordering::Relaxed);
    Ok(Json(json!({"success": true})))
}

fn six_digits(pin: &Value) -> Result<String, Refusal> {
    let pin = pin.as_str().filter(|pin| pin.len() == 6 && pin.bytes().all(|byte| byte.is_ascii_digit()));
    pin.map(str::to_owned).ok_or_else(|| Refusal::bad("Param pin must be a text of 6 digits"))
}
