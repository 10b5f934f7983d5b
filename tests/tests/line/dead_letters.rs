//! Dead letters over the API: what it shows, what it refuses, and that a redrive is done once.

use serde_json::{Value, json};
use sluice_local::System;

use super::books::Topics;
use super::harness::{calm, eventually, texts, write};
use super::http;
use super::letters::{REQUEST, like, plant, turn};

fn post(system: &System, key: &str, body: &Value) -> (u16, Value) {
    let token = system.env().into_iter().find(|(name, _)| *name == "SLUICE_API_TOKEN").expect("a token").1;
    let url = format!("{}/api/v1/dead-letters", system.api_url());
    let answer = http::post(&url, &[("authorization", &format!("Bearer {token}")), ("idempotency-key", key)], body);
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

#[test]
fn a_program_lists_reads_and_redrives_dead_letters_and_a_repeat_of_its_request_changes_nothing() {
    let _turn = turn();
    let (system, from) = (calm(), "15550127004");
    let topics = Topics::of(system);
    write(system, from, REQUEST);
    eventually(system, "the first answer", || (texts(system, from).len() == 1).then_some(()));
    let (home, raw) = like(system, &topics, from, "wamid.LETTER0004");
    plant(&topics, home, &raw, "planted_rest", 900_000_004);

    let listed = || system.api_get("/api/v1/dead-letters?kind=planted_rest").expect("a list")["data"].clone();
    let found = listed();
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!((&found[0]["stage"], &found[0]["offset"], &found[0]["decision"]), (&json!("dedup"), &json!(900_000_004), &Value::Null));
    let groups = system.api_get("/api/v1/dead-letters/groups").expect("groups");
    let group = groups["data"].as_array().and_then(|rows| rows.iter().find(|row| row["kind"] == "planted_rest")).expect("its group");
    assert_eq!(group["records"], 1);
    eventually(system, "the letter beside its stage", || {
        let stages = system.api_get("/api/v1/stages").ok()?;
        let intake = stages["data"].as_array()?.iter().find(|stage| stage["name"] == "intake")?.clone();
        (intake["dead_letters"].as_i64()? >= 1).then_some(())
    });
    let id = found[0]["id"].as_str().expect("an id");
    let kept = system.api_get(&format!("/api/v1/dead-letters/{id}")).expect("the letter");
    assert_eq!((&kept["id"], &kept["record"]["raw"]["id"]), (&json!(id), &json!("wamid.LETTER0004")));

    for (key, body, field) in [
        ("rest-1", json!({"action": "redrive"}), "name a letter"),
        ("rest-2", json!({"action": "drop", "id": id}), "`reason` is missing"),
        ("rest-3", json!({"action": "burn", "id": id}), "`burn` is not one of"),
        ("rest-4", json!({"action": "redrive", "id": "7"}), "PARTITION:OFFSET"),
    ] {
        let (status, problem) = post(system, key, &body);
        assert!(status == 422 && problem.to_string().contains(field), "{body}: {status} {problem}");
    }
    let redrive = json!({"action": "redrive", "id": id, "reason": "repaired"});
    let first = post(system, "rest-5", &redrive);
    assert_eq!((first.0, &first.1["done"]), (200, &json!(1)), "{first:?}");
    assert_eq!(post(system, "rest-5", &redrive), first, "the kept answer");
    eventually(system, "the second answer", || (texts(system, from).len() == 2).then_some(()));
    assert_eq!((&listed()[0]["decision"]["decision"], &listed()[0]["decision"]["reason"]), (&json!("redriven"), &json!("repaired")));
}
