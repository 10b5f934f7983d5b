use rstest::rstest;
use serde_json::{Value, json};

use super::{Command, Fault};

fn read(value: Value) -> Result<Command, Vec<Fault>> {
    Command::from_json(&value.to_string())
}

#[rstest]
#[case::text(json!({"type": "text", "text": {"body": "Hi", "preview_url": true}, "context": {"message_id": "wamid.A"}}))]
#[case::template(json!({"type": "template", "template": {"name": "offer", "language": {"code": "en"}, "components": [
    {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://shop.example/a.png"}, "parameter_name": "n"}]},
    {"type": "body", "parameters": [{"type": "text", "text": "Ana", "parameter_name": "name"},
        {"type": "currency", "currency": {"fallback_value": "$1", "code": "USD", "amount_1000": 1000}}]},
    {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "x"}]}]}}))]
#[case::flow(json!({"type": "interactive", "interactive": {"type": "flow", "body": {"text": "Book"}, "action": {"name": "flow",
    "parameters": {"flow_message_version": "3", "flow_id": "1", "flow_cta": "Book"}}}}))]
#[case::location_request(json!({"type": "interactive", "interactive": {"type": "location_request_message", "body": {"text": "Where?"},
    "action": {"name": "send_location"}}}))]
#[case::read(json!({"type": "read", "read": {"message_id": "wamid.A", "typing": true}}))]
#[case::human(json!({"type": "text", "text": {"body": "Hi"}, "tag": "HUMAN_AGENT"}))]
#[case::document(json!({"type": "document", "document": {"id": "7", "filename": "a.pdf", "caption": "Offer"}}))]
fn what_is_read_is_written_again_unchanged(#[case] value: Value) {
    let command = read(value.clone()).expect("a command");
    assert_eq!(serde_json::from_str::<Value>(&command.to_json()).expect("JSON"), value);
}

#[rstest]
#[case(json!({"text": {"body": "Hi"}}), "type")]
#[case(json!({"type": "poll", "poll": {}}), "type")]
#[case(json!({"type": "text"}), "text")]
#[case(json!({"type": "text", "text": {}}), "text.body")]
#[case(json!({"type": "text", "text": {"body": 3}}), "text.body")]
#[case(json!({"type": "text", "text": {"body": "Hi", "colour": 1}}), "text.colour")]
#[case(json!({"type": "text", "text": {"body": "Hi"}, "image": {}}), "image")]
#[case(json!({"type": "text", "text": {"body": "Hi"}, "context": {}}), "context.message_id")]
#[case(json!({"type": "interactive", "interactive": {"type": "poll"}}), "interactive.type")]
#[case(json!({"type": "interactive", "interactive": {"type": "list", "body": {"text": "a"}, "action": {"button": "b",
    "sections": [{"rows": [{"id": "1"}]}]}}}), "interactive.action.sections[0].rows[0].title")]
#[case(json!({"type": "template", "template": {"name": "a", "language": {}}}), "template.language.code")]
#[case(json!({"type": "contacts", "contacts": [{"name": {}}]}), "contacts[0].name.formatted_name")]
fn a_fault_names_its_field(#[case] value: Value, #[case] field: &str) {
    let faults = read(value).expect_err("a fault");
    assert_eq!(faults[0].field, field, "{faults:?}");
}

#[test]
fn several_faults_are_told_at_once() {
    let faults = read(json!({"type": "text", "text": {}, "context": {}, "colour": 1})).expect_err("faults");
    let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["text.body", "context.message_id", "colour"]);
}

#[test]
fn a_summary_is_the_words_or_the_type() {
    let summary = |value| read(value).expect("a command").content.summary();
    assert_eq!(summary(json!({"type": "text", "text": {"body": "Hi"}})), "Hi");
    assert_eq!(summary(json!({"type": "image", "image": {"id": "1"}})), "[image]");
    assert_eq!(
        summary(json!({"type": "template", "template": {"name": "hello", "language": {"code": "en"}, "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]}})),
        "Template hello: Ana"
    );
}
