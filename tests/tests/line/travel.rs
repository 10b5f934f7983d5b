//! Time travel: what a conversation was at a moment, from the topics.

use serde_json::Value;
use sluice_local::System;

use super::harness::{calm, eventually, texts, write};

fn conversation(system: &System, from: &str) -> String {
    eventually(system, "the conversation in the archive", || {
        let found = system.api_get(&format!("/api/v1/conversations?q={from}")).ok()?;
        found["data"][0]["id"].as_str().map(str::to_owned)
    })
}

/// Waits until the conversation is as `wanted` says, and gives it.
fn state(system: &System, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(system, what, || system.api_get(&format!("/api/v1/conversations/{id}")).ok().filter(&wanted))
}

#[test]
fn a_conversation_is_shown_as_it_was_at_a_moment() {
    let (system, from) = (calm(), "15550126001");
    write(system, from, "3 bags of cement to 01310-100?");
    eventually(system, "an answer", || texts(system, from).pop());
    let id = conversation(system, from);
    let quoted = state(system, &id, "the quoted state", |now| now["stage"] == "quoted");
    write(system, from, "5 bags of cement to 01310-100?");
    let later = state(system, &id, "another quote", |now| now["quote"] != quoted["quote"]);
    let path = format!("/api/v1/conversations/{id}/commands");
    let command = serde_json::json!({"action": "assign", "argument": "bea@example.com"});
    system.api_post(&path, "travel-1", &command).expect("a command");
    let assigned = state(system, &id, "the agent", |now| now["assignee"] == "bea@example.com");

    for was in [&quoted, &later, &assigned] {
        let at = was["updated_at"].as_str().expect("a time");
        let then = system.api_get(&format!("/api/v1/conversations/{id}?at={at}")).expect("the state at that moment");
        assert_eq!(&then, was);
    }
    let just_before: jiff::Timestamp = later["updated_at"].as_str().expect("a time").parse().expect("RFC 3339");
    let just_before = just_before - jiff::SignedDuration::from_millis(1);
    assert_eq!(system.api_get(&format!("/api/v1/conversations/{id}?at={just_before}")).expect("a state")["quote"], quoted["quote"]);

    for (at, said) in [("2020-01-01T00:00:00Z", "it began at"), ("2100-01-01T00:00:00Z", "lies ahead"), ("yesterday", "RFC 3339")] {
        let refused = system.api_get(&format!("/api/v1/conversations/{id}?at={at}")).expect_err("no such moment").to_string();
        assert!(refused.contains(said), "{at}: {refused}");
    }
}
