//! From a signed webhook to the answer, its statuses and the archive.

use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::seed::{PHONE_NUMBER_ID, WABA_ID};
use sluice_schemas::record::RawEvent;
use sluice_schemas::topics::EVENTS_UNROUTED;

use super::books::Topics;
use super::harness::{calm, eventually, texts, write};
use super::http;

const REQUEST: &str = "3 bags of cement and 2 m³ of sand to 01310-100?";

/// A webhook body with one text message.
pub fn body(account: &str, from: &str, id: &str, text: &str) -> Value {
    let metadata = json!({"display_phone_number": "15550109001", "phone_number_id": account});
    let message = json!({"from": from, "id": id, "timestamp": now(), "type": "text", "text": {"body": text}});
    let contact = json!({"profile": {"name": "Raw"}, "wa_id": from});
    let value = json!({"messaging_product": "whatsapp", "metadata": metadata, "contacts": [contact], "messages": [message]});
    json!({"object": "whatsapp_business_account", "entry": [{"id": WABA_ID, "changes": [{"value": value, "field": "messages"}]}]})
}

fn now() -> String {
    jiff::Timestamp::now().as_second().to_string()
}

/// Posts a body as Meta would and gives the status of the ingress.
pub fn webhook(system: &System, query: &str, body: &Value) -> u64 {
    let answer = http::post(&format!("{}/_sim/webhook{query}", system.meta_url()), &[], body);
    answer.json()["status"].as_u64().unwrap_or_else(|| panic!("{answer:?}"))
}

/// Asks for a price and waits for the answer, so that everything before it in the conversation is done.
fn answered(system: &System, from: &str, before: usize) {
    write(system, from, REQUEST);
    eventually(system, &format!("answer {} to {from}", before + 1), || (texts(system, from).len() > before).then_some(()));
}

#[test]
fn a_question_is_answered_with_a_price_and_the_archive_shows_that_it_was_read() {
    let (system, from) = (calm(), "15550121001");
    write(system, from, REQUEST);
    let text = eventually(system, "the answer", || texts(system, from).pop());
    // 3 × 38.90 and 2 × 138.00 of the demonstration's catalogue, and the freight on top.
    assert!(text.contains("116.70") && text.contains("276.00"), "{text}");
    let conversation = eventually(system, "the conversation in the archive", || {
        let found = system.api_get(&format!("/api/v1/conversations?q={from}")).ok()?;
        found["data"][0]["id"].as_str().map(str::to_owned)
    });
    let messages = eventually(system, "a message that was read", || {
        let page = system.api_get(&format!("/api/v1/conversations/{conversation}/messages")).ok()?;
        let messages = page["data"].as_array()?.clone();
        messages.iter().any(|message| message["status"] == "read").then_some(messages)
    });
    let shown: Vec<(&str, &str)> =
        messages.iter().map(|m| (m["direction"].as_str().unwrap_or_default(), m["text"].as_str().unwrap_or_default())).collect();
    assert_eq!(shown, [("in", REQUEST), ("out", text.as_str())], "{messages:?}");
}

#[test]
fn the_same_webhook_three_times_is_one_message_and_one_answer() {
    let (system, from) = (calm(), "15550121002");
    answered(system, from, 0);
    let again = body(PHONE_NUMBER_ID, from, "wamid.THRICE0001", "10 bags of cement to 01310-100?");
    let statuses: Vec<u64> = (0..3).map(|_| webhook(system, "", &again)).collect();
    assert_eq!(statuses, [200; 3]);
    eventually(system, "the answer to the repeated message", || (texts(system, from).len() > 1).then_some(()));
    // A conversation keeps its order: once this is answered, the repetitions are behind us.
    answered(system, from, 2);
    assert_eq!(texts(system, from).len(), 3, "{:#?}", texts(system, from));
}

#[test]
fn a_webhook_that_is_not_signed_by_meta_is_refused_and_does_nothing() {
    let (system, from) = (calm(), "15550121003");
    answered(system, from, 0);
    let forged = body(PHONE_NUMBER_ID, from, "wamid.FORGED0001", REQUEST);
    for query in ["?signature=none", "?signature=wrong"] {
        let status = webhook(system, query, &forged);
        assert!([401, 403].contains(&status), "{query}: {status}");
    }
    answered(system, from, 1);
    assert_eq!(texts(system, from).len(), 2);
    let ids: Vec<String> =
        Topics::of(system).all::<RawEvent>("events.raw").into_iter().map(|raw| String::from_utf8_lossy(&raw.raw).into_owned()).collect();
    assert!(!ids.iter().any(|raw| raw.contains("wamid.FORGED0001")));
}

#[test]
fn an_update_for_a_number_that_nobody_registered_is_kept() {
    let system = calm();
    let stray = body("15559990001", "15550121004", "wamid.STRAY0001", "Anybody there?");
    let mut stray = stray;
    stray["entry"][0]["id"] = "15559990002".into();
    assert_eq!(webhook(system, "", &stray), 200);
    let topics = Topics::of(system);
    let kept = topics.all::<RawEvent>(EVENTS_UNROUTED);
    let kept: Vec<&RawEvent> = kept.iter().filter(|raw| raw.account == "15559990001").collect();
    assert_eq!(kept.len(), 1, "200 is only given when the record is safe");
    let message: Value = serde_json::from_slice(&kept[0].raw).expect("the update as it came");
    assert!(message.to_string().contains("wamid.STRAY0001"), "{message}");
}
