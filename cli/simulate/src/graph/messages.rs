//! `POST /{phone_number_id}/messages`: validation, limits, acceptance.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::HeaderMap;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::error::Refusal;
use super::validate::{self, Message, Recipient};
use super::{auth, object, social, version};
use crate::book::{Entry, timestamp};
use crate::customers::{course, identity};
use crate::faults::Call;
use crate::limits::{DAY, Millis, window_open};
use crate::state::{Number, Pair, State, Waba, lock};
use crate::world::Template;

/// Messages of a number, an Instagram account, a page, or `me`.
pub(super) async fn messages(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    if id == "me" || state.accounts.contains_key(&id) {
        return social::send(&state, auth::account(&state, &headers, &id)?, &body).map(Json);
    }
    let number = auth::number(&state, &headers, &id)?;
    send(&state, number, &body, false).map(Json)
}

/// Marketing templates; same shape, category `marketing_lite` (contract §6).
pub(super) async fn marketing_messages(
    Extract(state): Extract<Arc<State>>,
    Path((graph, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    version(&graph)?;
    let number = auth::number(&state, &headers, &id)?;
    send(&state, number, &body, true).map(Json)
}

/// What an accepted message is about.
struct Draft<'a> {
    message: Message<'a>,
    user: String,
    template: Option<Arc<Template>>,
    category: &'static str,
    late_code: Option<u32>,
}

fn send(state: &Arc<State>, number: &Arc<Number>, raw: &Bytes, marketing: bool) -> Result<Value, Refusal> {
    let body = object(raw)?;
    if validate::is_mark(&body) {
        validate::mark(&body)?;
        return Ok(json!({"success": true}));
    }
    let message = validate::message(&body)?;
    if !number.registered.load(Ordering::Relaxed) {
        return Err(Refusal::new(133_010, "Register the phone number before sending from it"));
    }
    for asset in &message.assets {
        state.media.check(*asset, &number.id)?;
    }
    let user = user(number, message.recipient)?;
    let template = message.template.map(|used| find(&number.waba, used)).transpose()?;
    let category = category(template.as_deref(), marketing)?;
    if category == "authentication" && matches!(message.recipient, Recipient::User(_)) {
        return Err(Refusal::new(131_062, "Authentication templates need the recipient's phone number in `to`"));
    }
    let call = Call { path: "/messages", object: &number.id, to: Some(&user) };
    let now = state.clock.now();
    let late_code = match state.faults.late_code(call, now) {
        Some(code) => Some(code),
        None if state.behaviour.undeliverable.iter().any(|pattern| matches(pattern, &user)) => {
            late(state, Refusal::new(131_026, "The recipient is not a WhatsApp user, or cannot receive this message"))?
        }
        None => None,
    };
    if state.outbox.full() {
        return Err(Refusal::new(131_016, "The simulator's webhook backlog is full: the callback address does not keep up"));
    }
    let draft = Draft { message, user, template, category, late_code };
    let (entry, occasion) = number.pair(&draft.user, |pair| admit(state, number, pair, &draft, raw, now))?;
    course::begin(state, number, &entry, occasion);
    Ok(answer(number, &draft, &entry))
}

/// The key of the recipient's pair: digits if they are known, else the business-scoped user id.
fn user(number: &Number, recipient: Recipient<'_>) -> Result<String, Refusal> {
    let user = match recipient {
        Recipient::Number(to) => to.chars().filter(char::is_ascii_digit).collect(),
        Recipient::User(id) => identity::digits(&number.waba.portfolio.seed.id, id).unwrap_or_else(|| id.to_owned()),
        Recipient::Group(id) => return Err(Refusal::invalid(format!("to: group '{id}' does not exist"))),
    };
    if user == number.digits {
        return Err(Refusal::new(131_021, "Recipient phone number cannot be the sender's"));
    }
    let digits = |text: &String| text.chars().filter(char::is_ascii_digit).collect::<String>();
    if number.seed.allow_list.as_ref().is_some_and(|allowed| !allowed.iter().any(|own| digits(own) == user)) {
        return Err(Refusal::new(131_030, "Add the recipient to the test number's allowed list"));
    }
    Ok(user)
}

/// The template in the language named, usable and with fitting parameters.
fn find(waba: &Waba, used: validate::TemplateUse<'_>) -> Result<Arc<Template>, Refusal> {
    let templates = waba.templates.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let absent = || Refusal::new(132_001, format!("template name ({}) does not exist in {}", used.name, used.language));
    let template = templates.get(used.name).and_then(|languages: &BTreeMap<_, _>| languages.get(used.language)).ok_or_else(absent)?;
    match template.seed.status.as_str() {
        "APPROVED" => {}
        "PAUSED" => return Err(Refusal::new(132_015, "Template is paused due to low quality")),
        "DISABLED" => return Err(Refusal::new(132_016, "Template is permanently disabled")),
        _ => return Err(absent()),
    }
    validate::template_parameters(template, used)?;
    Ok(template.clone())
}

fn category(template: Option<&Template>, marketing_route: bool) -> Result<&'static str, Refusal> {
    let category = match template.map(|template| template.seed.category.as_str()) {
        None => "service",
        Some("MARKETING") if marketing_route => "marketing_lite",
        Some("MARKETING") => "marketing",
        Some("AUTHENTICATION") => "authentication",
        Some(_) => "utility",
    };
    if marketing_route && category != "marketing_lite" {
        return Err(Refusal::bad("marketing_messages takes only templates of category MARKETING"));
    }
    Ok(category)
}

/// The code, if refusals with it come as a failed status; else the refusal.
fn late(state: &State, refusal: Refusal) -> Result<Option<u32>, Refusal> {
    if state.behaviour.late_codes.contains(&refusal.code) { Ok(Some(refusal.code)) } else { Err(refusal) }
}

/// Asks every limit, then takes from every limit, then enters the message. A refusal takes nothing anywhere.
fn admit(
    state: &State,
    number: &Number,
    pair: &mut Pair,
    draft: &Draft<'_>,
    raw: &Bytes,
    now: Millis,
) -> Result<(Arc<Entry>, u32), Refusal> {
    let open = window_open(pair.last_inbound, now, DAY);
    let mut late_code = draft.late_code;
    if !open && draft.template.is_none() {
        let closed = "Message failed to send because more than 24 hours have passed since the customer last replied to this number.";
        late_code = late_code.or(late(state, Refusal::new(131_047, closed))?);
    }
    if pair.stopped_marketing && draft.category.starts_with("marketing") {
        late_code = late_code.or(late(state, Refusal::new(131_050, "The user has stopped marketing messages"))?);
    }
    if !pair.debt.allows(now, state.pair) {
        let details = "Message failed to send because there were too many messages sent from this phone number to the same phone number in a short period of time.";
        return Err(Refusal::new(131_056, details));
    }
    let portfolio = &number.waba.portfolio;
    let outside = !open && draft.template.is_some();
    let mut reached = outside.then(|| lock(&portfolio.reached));
    if let Some(reached) = &mut reached
        && !reached.allows(&draft.user, now, portfolio.seed.messaging_limit)
    {
        return Err(Refusal::new(
            portfolio.seed.limit_code,
            "The business portfolio has reached its messaging limit for the last 24 hours",
        ));
    }
    if !lock(&number.throughput).take(now, number.shrink(state.seed, now)) {
        return Err(Refusal::new(130_429, "Cloud API message throughput has been reached."));
    }
    if let Some(reached) = &mut reached {
        reached.count(&draft.user, now);
    }
    drop(reached);
    pair.debt = pair.debt.after(now, state.pair);
    let occasion = pair.accepted;
    pair.accepted += 1;
    let entry = Entry {
        seq: 0,
        time: timestamp(now),
        phone_number_id: number.id.as_str().into(),
        to: draft.user.as_str().into(),
        wamid: identity::wamid(&draft.user, true, state.ids.bits()).into(),
        kind: draft.message.kind.into(),
        category: Some(draft.category.into()),
        outside_window: !open,
        late_code,
        callback_data: draft.message.callback_data.map(Into::into),
        body: raw_body(raw),
    };
    Ok((state.book.accept(entry), occasion))
}

/// The body on one line.
pub(super) fn raw_body(raw: &Bytes) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(raw).ok()?;
    let text = if text.contains(['\n', '\r']) { serde_json::from_str::<Value>(text).ok()?.to_string() } else { text.trim().to_owned() };
    RawValue::from_string(text).ok()
}

fn answer(number: &Number, draft: &Draft<'_>, entry: &Entry) -> Value {
    let portfolio = &number.waba.portfolio.seed.id;
    let contact = match draft.message.recipient {
        Recipient::User(id) => json!({"input": id, "user_id": id}),
        Recipient::Number(to) | Recipient::Group(to) => {
            json!({"input": to, "wa_id": draft.user, "user_id": identity::user_id(portfolio, &draft.user)})
        }
    };
    let mut message = json!({"id": entry.wamid});
    if draft.template.is_some() {
        message["message_status"] = "accepted".into();
    }
    json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})
}

/// Whether digits match a pattern in which `*` stands for any digits.
fn matches(pattern: &str, digits: &str) -> bool {
    let mut parts = pattern.trim_start_matches('+').split('*');
    let Some(mut rest) = parts.next().and_then(|first| digits.strip_prefix(first)) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_numbers() {
        for (pattern, digits, expected) in [
            ("*0026", "15550026", true),
            ("*0026", "155500261", false),
            ("1555*", "15550026", true),
            ("1555*26", "15550026", true),
            ("1*5*6", "15550026", true),
            ("15550026", "15550026", true),
            ("+1555002", "15550026", false),
        ] {
            assert_eq!(matches(pattern, digits), expected, "{pattern} {digits}");
        }
    }

    #[test]
    fn a_body_is_kept_on_one_line() {
        let body = Bytes::from_static(b"{\n \"to\": \"1\" }");
        assert_eq!(raw_body(&body).unwrap().get(), r#"{"to":"1"}"#);
    }
}
