//! A campaign that two people change at once, and one that goes on at another pace.

use serde_json::{Value, json};
use sluice_local::System;

use super::harness::{audience, calm, campaign, control, eventually, received};
use super::http;

fn patch(system: &System, id: &str, version: Option<i64>, edit: &Value) -> (u16, Value) {
    let token = system.env().into_iter().find(|(name, _)| *name == "SLUICE_API_TOKEN").expect("a token").1;
    let (authorization, tag) = (format!("Bearer {token}"), version.map(|version| format!("\"{version}\"")));
    let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
    headers.extend(tag.as_deref().map(|tag| ("if-match", tag)));
    let url = format!("{}/api/v1/campaigns/{id}", system.api_url());
    let answer = http::call("PATCH", &url, &headers, Some(edit.to_string())).expect("an answer");
    (answer.status, answer.json())
}

fn shown(system: &System, id: &str) -> Value {
    system.api_get(&format!("/api/v1/campaigns/{id}")).expect("the campaign")
}

#[test]
fn of_two_people_who_change_a_campaign_at_once_the_second_is_told_and_nothing_is_overwritten() {
    let system = calm();
    let id = campaign(system, "edited", &audience("15550380", 3), 5)["id"].as_str().expect("an id").to_owned();
    let version = shown(system, &id)["version"].as_i64();
    let first = patch(system, &id, version, &json!({"name": "Edited by Ana", "window": "09:00-20:00"}));
    assert_eq!((first.0, &first.1["name"], &first.1["window"]), (200, &json!("Edited by Ana"), &json!("09:00-20:00")), "{}", first.1);
    let second = patch(system, &id, version, &json!({"name": "Edited by Ben"}));
    assert!(second.0 == 412 && second.1["detail"].to_string().contains("somebody else"), "{second:?}");
    assert_eq!(shown(system, &id)["name"], "Edited by Ana");
    let blind = patch(system, &id, None, &json!({"name": "Edited by Ben"}));
    assert!(blind.0 == 422 && blind.1["errors"][0]["field"] == "If-Match", "{blind:?}");
    let wrong = patch(system, &id, first.1["version"].as_i64(), &json!({"throttle": 1_001, "window": "25:00-26:00"}));
    let fields: Vec<&Value> = wrong.1["errors"].as_array().expect("errors").iter().map(|error| &error["field"]).collect();
    assert_eq!((wrong.0, fields), (422, vec![&json!("throttle"), &json!("window")]));
    let all_day = patch(system, &id, first.1["version"].as_i64(), &json!({"window": ""}));
    assert_eq!((all_day.0, &all_day.1["window"], &all_day.1["throttle"]), (200, &Value::Null, &json!(5)));
}

#[test]
fn a_running_campaign_goes_on_at_its_new_pace_and_nobody_gets_it_twice() {
    let system = calm();
    let id = campaign(system, "hurried", &audience("15550381", 200), 1)["id"].as_str().expect("an id").to_owned();
    control(system, "start", &id);
    eventually(system, "the first messages", || (received(system, "15550381").len() >= 2).then_some(()));
    let before = shown(system, &id);
    let edited = patch(system, &id, before["version"].as_i64(), &json!({"throttle": 50}));
    assert_eq!((edited.0, &edited.1["throttle"]), (200, &json!(50)), "{}", edited.1);
    assert!(edited.1["epoch"].as_i64() > before["epoch"].as_i64());
    // At one a second this would take longer than anybody here waits.
    let done = eventually(system, "the end", || Some(shown(system, &id)).filter(|shown| shown["state"] == "completed"));
    // One of the numbers, …0026, is not on WhatsApp: Meta takes its message and says so afterwards.
    assert_eq!((&done["funnel"]["accepted"], &done["funnel"]["failed"]), (&json!(199), &json!(1)), "{}", done["funnel"]);
    let received = received(system, "15550381");
    assert!(received.len() == 200 && received.values().all(|n| *n == 1), "{}", received.len());
    let over = patch(system, &id, done["version"].as_i64(), &json!({"name": "late"}));
    assert_eq!(over.0, 409, "{}", over.1);
}
