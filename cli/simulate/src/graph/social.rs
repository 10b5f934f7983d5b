//! `POST /{ig_id | page_id | me}/messages` (contract §10).

use std::sync::Arc;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::{messages, object};
use crate::book::{Entry, timestamp};
use crate::customers::{identity, social};
use crate::limits::{DAY, window_open};
use crate::state::{Account, State, lock};
use crate::world::Network;

/// The `HUMAN_AGENT` tag's window.
const HUMAN_AGENT: i64 = 7 * DAY;

pub(super) fn send(state: &Arc<State>, account: &Arc<Account>, raw: &Bytes) -> Result<Value, Refusal> {
    let body = object(raw)?;
    let user = body.get("recipient").and_then(|recipient| recipient["id"].as_str()).filter(|id| !id.is_empty());
    let user = user.ok_or_else(|| Refusal::bad("The parameter recipient['id'] is required"))?;
    let now = state.clock.now();
    let wrote = lock(&account.people).get(user).copied();
    if wrote.is_none() {
        return Err(Refusal::sub(100, 2_534_014, "The requested user cannot be found."));
    }
    if let Some(action) = body.get("sender_action") {
        return self::action(action, &body).map(|()| json!({"recipient_id": user}));
    }
    let message = body.get("message").ok_or_else(|| Refusal::bad("The parameter message is required"))?;
    let kind = content(account, message)?;
    let length = if tag(account, &body)? { HUMAN_AGENT } else { DAY };
    if !window_open(wrote, now, length) {
        return Err(Refusal::sub(10, 2_534_022, "This message is sent outside of allowed window."));
    }
    if state.outbox.full() {
        return Err(Refusal::new(2, "The simulator's webhook backlog is full: the callback address does not keep up"));
    }
    if !lock(&account.throughput).take(now, 0.0) {
        return Err(Refusal::new(613, "Calls to this api have exceeded the rate limit."));
    }
    let mid = identity::mid(state.ids.bits());
    state.book.accept(Entry {
        seq: 0,
        time: timestamp(now),
        phone_number_id: account.seed.id.as_str().into(),
        to: user.into(),
        wamid: mid.as_str().into(),
        kind: kind.into(),
        category: None,
        outside_window: !window_open(wrote, now, DAY),
        late_code: None,
        callback_data: message["metadata"].as_str().map(Into::into),
        body: messages::raw_body(raw),
    });
    social::begin(state, account, user, &mid, message);
    Ok(json!({"recipient_id": user, "message_id": mid}))
}

fn action(action: &Value, body: &Map<String, Value>) -> Result<(), Refusal> {
    match action.as_str() {
        Some("typing_on" | "typing_off" | "mark_seen") => Ok(()),
        Some("react" | "unreact") => {
            let target = body.get("payload").and_then(|payload| payload["message_id"].as_str());
            target.map(drop).ok_or_else(|| Refusal::bad("The parameter payload['message_id'] is required"))
        }
        _ => Err(Refusal::bad("Param sender_action must be one of {TYPING_ON, TYPING_OFF, MARK_SEEN, REACT, UNREACT}")),
    }
}

/// Exactly one of text and attachment, within the network's limits; returns the type.
fn content(account: &Account, message: &Value) -> Result<&'static str, Refusal> {
    match (message.get("text"), message.get("attachment")) {
        (Some(text), None) => {
            let text = text.as_str().filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| Refusal::bad("Param message['text'] must be a non-empty UTF-8 encoded string"))?;
            let (length, most, unit) = match account.seed.network {
                Network::Instagram => (text.len(), 1_000, "bytes"),
                Network::Messenger => (text.chars().count(), 2_000, "characters"),
            };
            if length > most {
                return Err(Refusal::bad(format!("Length of param message['text'] must be less than or equal to {most} {unit}")));
            }
            Ok("text")
        }
        (None, Some(attachment)) => {
            const KINDS: [&str; 6] = ["image", "video", "audio", "file", "template", "like_heart"];
            let kind = KINDS.into_iter().find(|kind| attachment["type"] == *kind);
            let kind = kind.ok_or_else(|| Refusal::bad("Param message['attachment']['type'] is not valid"))?;
            let payload = &attachment["payload"];
            let address = |url: &str| url.starts_with("https://") || url.starts_with("http://");
            let given = payload["url"].as_str().is_some_and(address) || payload["attachment_id"].is_string();
            if !given && !matches!(kind, "template" | "like_heart") {
                return Err(Refusal::bad("The parameter message['attachment']['payload']['url'] is required"));
            }
            Ok(kind)
        }
        _ => Err(Refusal::bad("Param message must have exactly one of text and attachment")),
    }
}

/// Whether the message is tagged `HUMAN_AGENT`. Other tags fail with 100 since 27 Apr 2026.
fn tag(account: &Account, body: &Map<String, Value>) -> Result<bool, Refusal> {
    match body.get("messaging_type").map(|kind| kind.as_str().unwrap_or_default()) {
        None | Some("RESPONSE" | "UPDATE" | "MESSAGE_TAG") => {}
        Some(_) => return Err(Refusal::bad("Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}")),
    }
    match body.get("tag").map(|tag| tag.as_str().unwrap_or_default()) {
        None => Ok(false),
        Some("HUMAN_AGENT") => Ok(true),
        Some(tag) => Err(Refusal::bad(format!("Param tag '{tag}' is not available to {}", account.object()))),
    }
}
