//! What holds for any bytes: nothing panics, every slice is the body's own, a stored update parses the same.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::fixtures_test::bodies;
use super::scan::Node;
use super::{Event, Kind, events, parse, response, split};

mod mutations;

static BODIES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(bodies);

/// Splits and parses, and checks what must hold for whatever came.
fn check(body: &[u8]) -> Option<Vec<Event>> {
    response(Some(200), body);
    let updates = split(body).ok()?;
    let mut parsed = Vec::new();
    for (position, update) in updates.iter().enumerate() {
        let start = update.slice.as_ptr() as usize - body.as_ptr() as usize;
        assert_eq!(body.get(start..start + update.slice.len()), Some(update.slice));
        assert_eq!(update.position as usize, position);
        let event = parse(&update.context, update.slice);
        let stored = serde_json::to_string(&update.context).unwrap();
        assert_eq!(parse(&serde_json::from_str(&stored).unwrap(), update.slice), event);
        let text = serde_json::to_string(&event).unwrap();
        assert!(!text.contains('\n') && !event.dedup_key.is_empty());
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert!(event.kind != Kind::Unknown || event.raw.is_some(), "an unknown event keeps its bytes");
        parsed.push(event);
    }
    Some(parsed)
}

#[test]
fn a_body_cut_off_anywhere_is_an_error() {
    for (name, body) in bodies() {
        // Without its indentation, which is most of a fixture and none of its risk.
        let whole = serde_json::to_vec(&serde_json::from_slice::<Value>(&body).unwrap()).unwrap();
        for end in 0..whole.len() {
            assert!(split(whole.get(..end).unwrap()).is_err(), "{name} cut at {end}");
        }
    }
}

/// Puts `value` in the place of the `countdown`-th node of a document.
fn replace(node: &mut Value, countdown: &mut usize, value: &Value) -> bool {
    if *countdown == 0 {
        *node = value.clone();
        return true;
    }
    *countdown -= 1;
    match node {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, countdown, value)),
        Value::Object(members) => members.values_mut().any(|member| replace(member, countdown, value)),
        _ => false,
    }
}

#[test]
fn a_wrong_type_at_any_node_costs_at_most_its_own_update() {
    let wrong = [Value::Null, Value::from("\u{0}\u{1f600}"), serde_json::json!([{ "id": {} }, 7])];
    for (name, body) in bodies() {
        let document: Value = serde_json::from_slice(&body).unwrap();
        for value in &wrong {
            for node in 0.. {
                let mut changed = document.clone();
                if !replace(&mut changed, &mut node.clone(), value) {
                    break;
                }
                let result = check(&serde_json::to_vec(&changed).unwrap());
                let entries = changed.get("entry").is_some_and(Value::is_array);
                assert_eq!(result.is_some(), entries, "{name} node {node}");
            }
        }
    }
}

#[test]
fn one_bad_element_leaves_its_neighbours_alone() {
    let (_, body) = bodies().into_iter().find(|(name, _)| name == "batch_mixed").unwrap();
    let good: Vec<_> = events(&body).unwrap();
    let mut document: Value = serde_json::from_slice(&body).unwrap();
    let list = document.pointer_mut("/entry/0/changes/0/value/messages").unwrap().as_array_mut().unwrap();
    list.insert(1, Value::from("broken"));
    let with_bad = events(&serde_json::to_vec(&document).unwrap()).unwrap();
    let keys: Vec<_> = with_bad.iter().filter(|event| event.kind != Kind::Unknown).map(|event| &event.dedup_key).collect();
    assert_eq!(with_bad.len(), good.len() + 1);
    let expected: Vec<_> = good.iter().filter(|event| event.id.is_some()).map(|event| &event.dedup_key).collect();
    assert_eq!(keys.iter().filter(|key| expected.contains(key)).count(), expected.len());
}

#[test]
fn nesting_of_any_depth_neither_overflows_nor_panics() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    for body in [
        format!(r#"{{"object":"whatsapp_business_account","entry":[{deep}]}}"#),
        format!(r#"{{"object":"instagram","entry":[{{"id":"1","messaging":[{{"x":{deep}}}]}}]}}"#),
        format!(r#"{{"entry":{deep}}}"#),
        deep.clone(),
        "[".repeat(1_000_000),
        r#"{"entry":["#.repeat(100_000),
    ] {
        check(body.as_bytes());
    }
    let location = r#"{"a":"#.repeat(5_000) + "1" + &"}".repeat(5_000);
    let body = format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"1","changes":[{{"field":"messages","value":{{"messages":[{{"from":"1","id":"w","type":"location","location":{location}}}]}}}}]}}]}}"#
    );
    assert_eq!(check(body.as_bytes()).unwrap().len(), 1);
}

#[test]
fn edits_within_edits_are_not_followed() {
    let edits = r#"{"type":"edit","edit":{"message":"#.repeat(20_000) + "{}" + &"}}".repeat(20_000);
    let body = format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"changes":[{{"field":"messages","value":{{"messages":[{edits}]}}}}]}}]}}"#
    );
    assert_eq!(check(body.as_bytes()).unwrap().first().map(|event| event.kind), Some(Kind::Edit));
}

#[test]
fn duplicate_keys_and_huge_numbers_are_tolerated() {
    let body = br#"{"object":"x","object":"whatsapp_business_account","entry":[{"id":1,"id":"2","time":1e400,"changes":[
        {"field":"a","field":"messages","value":{"metadata":1,"metadata":{"phone_number_id":"7"},"messages":[
        {"id":"w","id":"v","from":"1","type":"text","timestamp":99999999999999999999999999,"text":{"body":"a","body":"b"}}]}}]}]}"#;
    let events = check(body).unwrap();
    assert_eq!(events.len(), 1);
    let event = events.first().unwrap();
    assert_eq!((event.id.as_deref(), event.text.as_deref(), event.account.as_deref()), (Some("v"), Some("b"), Some("7")));
    assert_eq!((event.waba.as_deref(), event.timestamp), (Some("2"), None));
}

#[test]
fn a_body_that_is_no_webhook_says_why_in_one_line() {
    for (body, kind) in [
        (&b"\xff\xfe"[..], "encoding"),
        (b"", "syntax"),
        (b"<html>", "syntax"),
        (b"{\"entry\":[]} trailing", "syntax"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b"{}", "no_entry"),
        (b"{\"entry\":{}}", "no_entry"),
        (b"{\"entry\":null}", "no_entry"),
    ] {
        let error = split(body).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!error.to_string().contains('\n'));
    }
}

fn json() -> impl Strategy<Value = Value> {
    let keys = proptest::sample::select(vec![
        "entry",
        "object",
        "changes",
        "messaging",
        "standby",
        "value",
        "field",
        "messages",
        "statuses",
        "errors",
        "id",
        "from",
        "type",
        "text",
        "body",
        "timestamp",
        "context",
        "sender",
        "recipient",
        "message",
        "mid",
        "reaction",
        "metadata",
        "contacts",
        "wa_id",
        "error",
        "data",
        "code",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        proptest::sample::select(vec!["messages", "whatsapp_business_account", "instagram", "text", "15550100001"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_document_is_taken_without_a_panic(entries in prop::collection::vec(json(), 0..4), root in json()) {
        check(&serde_json::to_vec(&root).unwrap());
        for object in ["whatsapp_business_account", "instagram", "page", "other"] {
            let body = serde_json::json!({ "object": object, "entry": entries });
            prop_assert!(check(&serde_json::to_vec(&body).unwrap()).is_some());
        }
    }

    #[test]
    fn any_bytes_are_taken_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }

    #[test]
    fn a_fixture_with_changed_bytes_is_taken_without_a_panic(
        case in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), prop_oneof![
            any::<u8>(),
            proptest::sample::select(b"{}[]\",:\\u0n -".to_vec()),
        ], 0..3_u8), 1..6),
    ) {
        let (_, mut body) = BODIES[case.index(BODIES.len())].clone();
        for (at, byte, action) in edits {
            let at = at.index(body.len());
            match action {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => {
                    body.remove(at);
                }
            }
        }
        check(&body);
    }

    #[test]
    fn the_scanner_agrees_with_serde_json_about_what_is_json(
        case in any::<Index>(),
        at in any::<Index>(),
        byte in prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]\",:\\u0n -+.eE19tf".to_vec())],
    ) {
        let (_, mut body) = BODIES[case.index(BODIES.len())].clone();
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(text) = std::str::from_utf8(&body) {
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
            prop_assert_eq!(Node::read(text).is_ok(), theirs);
        }
    }

    #[test]
    fn strings_are_decoded_as_serde_json_decodes_them(text in any::<String>()) {
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(&Node::read(&json).unwrap().text().unwrap(), &text);
    }
}
