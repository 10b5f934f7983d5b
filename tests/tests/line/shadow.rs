//! A shadow shows what other prices would have made of the past, and does nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_local::System;

use super::harness::{calm, eventually, texts, write};

const CATALOG: &str = include_str!("../../../deploy/demo/catalog.json");

/// The lines of a shadow of acme from `from` on, with the prices of a file where there is one.
fn shadow(system: &System, from: Timestamp, catalog: Option<&str>) -> Vec<Value> {
    let from = from.to_string();
    let other = catalog.map_or_else(Vec::new, |file| vec!["--catalog", file]);
    let arguments = [&["replay", "shadow", "--tenant", "acme", "--from", &from, "--yes"][..], &other].concat();
    system.sluice_json(&arguments).expect("a shadow")
}

fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

#[test]
fn other_prices_give_other_quotes_and_the_same_prices_or_the_same_build_no_difference() {
    let (system, from) = (calm(), "15550129001");
    let begun = Timestamp::now();
    write(system, from, "3 bags of cement and 2 m³ of sand to 01310-100?");
    let sent = eventually(system, "an answer", || texts(system, from).pop());
    let mut catalog: Value = serde_json::from_str(CATALOG).expect("JSON");

    let file = system.keep("same.json", CATALOG).expect("a file");
    // The same prices, and then this build against what it wrote itself.
    for catalog in [Some(file.as_str()), None] {
        let same = shadow(system, begun, catalog);
        assert_eq!((of(&same, "plan").len(), of(&same, "difference").len()), (1, 0), "{catalog:?}: {same:#?}");
        let report = of(&same, "report")[0];
        assert_eq!(report["complete"], true);
        assert!(report["equal"].as_u64() >= Some(4), "an event, a conversation, a quote and a reply: {report}");
    }

    for item in catalog["items"].as_array_mut().expect("items") {
        let price: f64 = item["price"].as_str().expect("a price").parse().expect("a number");
        item["price"] = json!(format!("{:.2}", price * 2.0));
    }
    let dearer = system.keep("dearer.json", &catalog.to_string()).expect("a file");
    let dearer = shadow(system, begun, Some(&dearer));
    let reply = of(&dearer, "difference").into_iter().find(|found| found["topic"] == "outbound.reply" && found["then"]["to"] == from);
    let reply = reply.unwrap_or_else(|| panic!("no other reply: {dearer:#?}"));
    let text = |side: &str| -> String {
        let body: Value = serde_json::from_str(reply[side]["body"].as_str().expect("a body")).expect("JSON");
        body["text"]["body"].as_str().expect("a text").to_owned()
    };
    assert_eq!(text("then"), sent, "what happened is what was sent");
    // 3 × 38.90 at twice the price.
    assert!(text("now").contains("233.40"), "{}", text("now"));
    assert_eq!(reply["cause"]["topic"], "events.raw");
    assert_eq!(texts(system, from), [sent], "a shadow sends nothing");

    let missing = ["replay", "shadow", "--tenant", "acme", "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"];
    let refused = system.sluice(&[&missing[..], &["--yes"]].concat()).expect_err("nothing there").to_string();
    assert!(refused.contains("the journal holds"), "{refused}");
}

/// Posts under a key of its own.
fn post(system: &System, path: &str, body: &Value) -> Result<Value, sluice_local::Error> {
    static KEYS: AtomicU32 = AtomicU32::new(0);
    system.api_post(path, &format!("shadow-{}", KEYS.fetch_add(1, Ordering::Relaxed)), body)
}

/// What is asked of the API, and what it answers once `over` says so.
fn replayed(system: &System, wanted: &Value, start: bool, over: impl Fn(&Value) -> bool) -> Value {
    let made = post(system, "/api/v1/replays", wanted).expect("asked for");
    let id = made["id"].as_str().expect("an id").to_owned();
    let get = || system.api_get(&format!("/api/v1/replays/{id}")).expect("a replay");
    if start {
        eventually(system, "a plan", || (get()["state"] == "planned").then_some(()));
        post(system, &format!("/api/v1/replays/{id}/start"), &json!({})).expect("started");
    }
    eventually(system, "its end", || Some(get()).filter(&over))
}

#[test]
fn a_shadow_asked_for_over_the_api_is_planned_confirmed_run_and_reported() {
    let (system, from) = (calm(), "15550129002");
    let begun = Timestamp::now();
    write(system, from, "5 bags of cement to 01310-100?");
    eventually(system, "an answer", || texts(system, from).pop());
    let mut catalog: Value = serde_json::from_str(CATALOG).expect("JSON");
    for item in catalog["items"].as_array_mut().expect("items") {
        let price: f64 = item["price"].as_str().expect("a price").parse().expect("a number");
        item["price"] = json!(format!("{:.2}", price * 2.0));
    }
    let to = Timestamp::now().to_string();
    let wanted = json!({"kind": "shadow", "from": begun.to_string(), "to": to, "catalog": catalog});
    let done = replayed(system, &wanted, true, |replay| replay["state"] == "done");
    let id = done["id"].as_str().expect("an id");
    assert!(done["plan"]["said"].as_str().is_some_and(|said| said.contains("nothing is sent")), "{done}");
    assert!(done["report"]["differences"].as_u64() > Some(0) && done["report"]["complete"] == true, "{done}");
    let found = system.api_get(&format!("/api/v1/replays/{id}/differences")).expect("differences");
    assert_eq!(found["data"].as_array().map(|all| all.len() as u64), done["report"]["differences"].as_u64(), "{found}");
    let reply = |row: &&Value| row["difference"]["topic"] == "outbound.reply" && row["difference"]["now"]["to"] == from;
    let reply = found["data"].as_array().into_iter().flatten().find(reply).unwrap_or_else(|| panic!("no other reply: {found}"));
    assert!(reply["difference"]["now"]["body"].to_string().contains("389.00"), "{reply}");
    let again = post(system, &format!("/api/v1/replays/{id}/start"), &json!({})).expect_err("over").to_string();
    assert!(again.contains("the replay is done: cannot start it"), "{again}");

    // What cannot be done says why, and one that is cancelled before it starts never runs.
    let wrong =
        replayed(system, &json!({"kind": "shadow", "from": begun.to_string(), "to": to, "catalog": {"items": 3}}), false, |replay| {
            replay["state"] == "failed"
        });
    assert!(wrong["error"].as_str().is_some_and(|error| error.contains("the prices cannot be used")), "{wrong}");
    let nothing = json!({"kind": "redrive", "from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"});
    let nothing = replayed(system, &nothing, false, |replay| replay["state"] == "failed");
    assert!(nothing["error"].as_str().is_some_and(|error| error.contains("nothing open fits")), "{nothing}");
    let held = replayed(system, &wanted, false, |replay| replay["state"] == "planned");
    let held = held["id"].as_str().expect("an id");
    post(system, &format!("/api/v1/replays/{held}/cancel"), &json!({})).expect("cancelled");
    assert_eq!(system.api_get(&format!("/api/v1/replays/{held}")).expect("a replay")["state"], "cancelled");
    let backwards = json!({"kind": "shadow", "from": to, "to": begun.to_string()});
    let backwards = post(system, "/api/v1/replays", &backwards).expect_err("backwards").to_string();
    assert!(backwards.contains("is not later than"), "{backwards}");
}
