use serde_json::Value;
use sluice_schemas::command::Command;

use super::{CHANNELS, channel, render};

const MESSAGES: &str = include_str!("../../../fixtures/messages.json");
const REFUSED: &str = include_str!("../../../fixtures/refused.json");

fn rows(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("rows")
}

fn recipient(channel: &str) -> &'static str {
    if channel == "whatsapp" { "15550100002" } else { "17" }
}

#[test]
fn every_message_of_the_contract_is_rendered_as_meta_writes_it() {
    for row in rows(MESSAGES).iter().filter(|row| row["name"] != "text_longest") {
        let (name, to) = (row["channel"].as_str().expect("channel"), recipient(row["channel"].as_str().expect("channel")));
        let rendered = render(name, to, &row["command"].to_string(), "v1.k.send.1.mac").expect("renders");
        let body: Value = serde_json::from_str(&rendered.body).expect("JSON");
        insta::assert_json_snapshot!(format!("{name}_{}", row["name"].as_str().expect("name")), body);
    }
}

#[test]
fn a_message_within_the_limits_has_no_fault_and_every_limit_names_its_field() {
    let faults = |row: &Value| {
        let name = row["channel"].as_str().expect("channel");
        let command = Command::from_json(&row["command"].to_string()).expect("well formed");
        channel(name).expect("a channel").check(recipient(name), &command)
    };
    for row in rows(MESSAGES) {
        assert_eq!(faults(&row), [], "{row}");
    }
    for row in rows(REFUSED) {
        let fields: Vec<String> = faults(&row).into_iter().map(|fault| fault.field).collect();
        assert!(fields.iter().any(|field| row["field"] == **field), "{row}: {fields:?}");
    }
}

#[test]
fn a_number_gets_its_plus_and_a_user_id_its_own_field() {
    let body = |to: &str| -> Value {
        serde_json::from_str(&render("whatsapp", to, &Command::text("Hi").to_json(), "").expect("renders").body).expect("JSON")
    };
    assert_eq!(body("15550100002")["to"], "+15550100002");
    assert_eq!((body("US.1a").get("to"), &body("US.1a")["recipient"]), (None, &Value::from("US.1a")));
}

#[test]
fn what_a_channel_cannot_carry_is_refused_and_not_cut() {
    let template = r#"{"type":"template","template":{"name":"a","language":{"code":"en"}}}"#;
    for name in ["instagram", "messenger"] {
        assert!(render(name, "17", template, "").expect_err("refused").to_string().contains("template"));
    }
    assert!(render("whatsapp", "15550100002", "[]", "").is_err());
    assert!(render("pigeon", "1", template, "").expect_err("refused").to_string().contains("pigeon"));
}

#[test]
fn recipients_fit_their_channel() {
    let command = Command::text("Hi");
    for (name, to, fits) in [
        ("whatsapp", "15550100002", true),
        ("whatsapp", "US.13491208655302741918", true),
        ("whatsapp", "+15550100002", false),
        ("whatsapp", "Ana", false),
        ("instagram", "17", true),
        ("messenger", "US.1a", false),
    ] {
        assert_eq!(channel(name).expect("a channel").check(to, &command).is_empty(), fits, "{name} {to}");
    }
}

#[test]
fn only_what_meta_lets_through_leaves_a_closed_window() {
    let outside = |name: &str, json: &str| channel(name).expect("a channel").outside_window(&Command::from_json(json).expect("a command"));
    assert!(outside("whatsapp", r#"{"type":"template","template":{"name":"a","language":{"code":"en"}}}"#));
    assert!(!outside("whatsapp", r#"{"type":"text","text":{"body":"Hi"}}"#));
    assert!(outside("instagram", r#"{"type":"text","text":{"body":"Hi"},"tag":"HUMAN_AGENT"}"#));
    assert!(!outside("messenger", r#"{"type":"text","text":{"body":"Hi"}}"#));
}

#[test]
fn channels_have_names_of_their_own() {
    let names: std::collections::BTreeSet<&str> = CHANNELS.iter().map(|channel| channel.name()).collect();
    assert_eq!(names.len(), CHANNELS.len());
}
