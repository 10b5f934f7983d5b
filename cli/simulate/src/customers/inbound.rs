//! Customers who write: `POST /_sim/inbound`, and the replies to campaigns.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::identity;
use crate::state::{Account, Number, State, lock};
use crate::webhook::Update;

/// A customer's message as it is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The number written to, or the Instagram account or page.
    #[serde(alias = "account")]
    phone_number_id: String,
    /// The customer's digits, business-scoped user id, IGSID or PSID.
    from: String,
    /// Profile name.
    #[serde(default)]
    name: Option<String>,
    /// A text message.
    #[serde(default)]
    text: Option<String>,
    /// Any other message: fields such as `{"type": "image", "image": {…}}`, for social accounts an item such as
    /// `{"message": {…}}` or `{"postback": {…}}`. They win over what the simulator fills in.
    #[serde(default)]
    message: Map<String, Value>,
}

/// Lets a customer write: opens the window, uses the number's throughput, sends the webhook. Returns the message's id.
///
/// # Errors
/// A sentence about the field that is wrong.
pub(crate) fn write(state: &Arc<State>, request: Request) -> Result<String, String> {
    if request.text.is_none() && request.message.is_empty() {
        return Err("text: write a text, or a `message` object".into());
    }
    if state.outbox.full() {
        return Err("the webhook backlog is full: the callback address does not keep up".into());
    }
    if let Some(number) = state.numbers.get(&request.phone_number_id) {
        return whatsapp(state, number, request);
    }
    match state.accounts.get(&request.phone_number_id) {
        Some(account) => Ok(social(state, account, request)),
        None => Err(format!("phone_number_id: `{}` is neither a number nor an account of this world", request.phone_number_id)),
    }
}

/// A customer answers a template.
pub(crate) fn reply(state: &Arc<State>, number: &Arc<Number>, from: &str, text: &str) {
    let request =
        Request { phone_number_id: number.id.clone(), from: from.into(), name: None, text: Some(text.into()), message: Map::new() };
    if let Err(problem) = whatsapp(state, number, request) {
        tracing::warn!(problem, "a reply was not written");
    }
}

fn whatsapp(state: &Arc<State>, number: &Arc<Number>, request: Request) -> Result<String, String> {
    let portfolio = &number.waba.portfolio.seed.id;
    let (digits, user_id) = if identity::is_user_id(&request.from) {
        (identity::digits(portfolio, &request.from), request.from.clone())
    } else {
        let digits = request.from.trim_start_matches('+').to_owned();
        if !(5..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("from: `{}` is neither digits with country code nor a business-scoped user id", request.from));
        }
        let user_id = identity::user_id(portfolio, &digits);
        (Some(digits), user_id)
    };
    let now = state.clock.now();
    let key = digits.clone().unwrap_or_else(|| user_id.clone());
    // Who writes under a user id hides the number (contract §2).
    let shown = digits.filter(|digits| request.from.trim_start_matches('+') == digits);
    let mut message = json!({"from_user_id": user_id, "timestamp": (now / 1_000).to_string(), "type": "text"});
    let mut contact = json!({"profile": {"name": request.name.unwrap_or_else(|| name(&key))}, "user_id": user_id});
    if let Some(digits) = shown {
        message["from"] = digits.as_str().into();
        contact["wa_id"] = digits.into();
    }
    if let Some(text) = request.text {
        message["text"] = json!({"body": text});
    }
    message["id"] = identity::wamid(&key, false, state.ids.bits()).into();
    for (field, value) in request.message {
        message[field] = value;
    }
    let id = message["id"].as_str().unwrap_or_default().to_owned();
    let system = message["type"] == "system";
    if !system {
        number.pair(&key, |pair| pair.last_inbound = Some(now));
    }
    lock(&number.throughput).force(now);
    state.book.inbound(now, &number.id, &key, &id);
    let contact = (!system).then_some(contact);
    state.outbox.push(state, Update::Message { number: number.clone(), contact, message });
    Ok(id)
}

/// The name that a customer without one shows.
fn name(digits: &str) -> String {
    format!("Customer {}", &digits[digits.len().saturating_sub(4)..])
}

fn social(state: &Arc<State>, account: &Arc<Account>, request: Request) -> String {
    let now = state.clock.now();
    let mid = identity::mid(state.ids.bits());
    let mut item = json!({
        "sender": {"id": request.from}, "recipient": {"id": account.seed.id}, "timestamp": now,
    });
    if let Some(text) = request.text {
        item["message"] = json!({"mid": mid, "text": text});
    }
    for (field, mut value) in request.message {
        if let (Some(fields), "message" | "postback") = (value.as_object_mut(), field.as_str()) {
            fields.entry("mid").or_insert_with(|| mid.clone().into());
        }
        item[field] = value;
    }
    lock(&account.people).insert(request.from.as_str().into(), now);
    state.book.inbound(now, &account.seed.id, &request.from, &mid);
    state.outbox.push(state, Update::Social { account: account.clone(), time: now, item });
    mid
}

/// `POST /_sim/preference`: a customer stops or resumes marketing messages in WhatsApp itself (131050 from then on).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preference {
    phone_number_id: String,
    from: String,
    /// `stop` or `resume`.
    value: String,
}

/// Applies a preference and sends the `user_preferences` webhook.
///
/// # Errors
/// A sentence about the field that is wrong.
pub(crate) fn prefer(state: &Arc<State>, request: &Preference) -> Result<(), String> {
    let number = state
        .numbers
        .get(&request.phone_number_id)
        .ok_or_else(|| format!("phone_number_id: `{}` is no number of this world", request.phone_number_id))?;
    let stopped = match request.value.as_str() {
        "stop" => true,
        "resume" => false,
        other => return Err(format!("value: `{other}` is neither stop nor resume")),
    };
    let digits = request.from.trim_start_matches('+');
    number.pair(digits, |pair| pair.stopped_marketing = stopped);
    let now = state.clock.now();
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": crate::webhook::metadata(number),
        "contacts": [{"profile": {"name": name(digits)}, "wa_id": digits}],
        "user_preferences": [{
            "wa_id": digits,
            "user_id": identity::user_id(&number.waba.portfolio.seed.id, digits),
            "detail": format!("User requested to {} marketing messages", request.value),
            "category": "marketing_messages",
            "value": request.value,
            "timestamp": now / 1_000,
        }],
    });
    state.outbox.push(state, Update::Field { waba: number.waba.clone(), time: now, field: "user_preferences", value });
    Ok(())
}
