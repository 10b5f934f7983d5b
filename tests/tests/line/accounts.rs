//! What Meta says of templates and numbers is known here without anybody's doing, and what it says of a token as well.

use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::Setup;
use sluice_local::system::seed::{PHONE_NUMBER_ID, WABA_ID};

use super::harness::{eventually, seeded, stack};

fn template(system: &System, name: &str) -> Option<Value> {
    let rows = system.sluice_json(&["template", "list", "--tenant", "acme"]).expect("a list");
    rows.into_iter().find(|row| row["name"] == name && row["language"] == "en_US")
}

fn number(system: &System) -> Value {
    let numbers = system.api_get("/api/v1/numbers").expect("a list");
    let all = numbers["data"].as_array().expect("rows");
    all.iter().find(|number| number["account"] == PHONE_NUMBER_ID).expect("our number").clone()
}

#[test]
fn templates_and_numbers_follow_meta_and_a_refused_token_is_shown() {
    let system = seeded(stack(), &Setup::test().meta(&["--messaging-limit", "2000"]));
    let health = eventually(&system, "the health of the number", || {
        let health = number(&system)["health"].clone();
        health.is_object().then_some(health)
    });
    assert_eq!(
        (&health["quality"], &health["status"], &health["messaging_limit"]),
        (&json!("GREEN"), &json!("CONNECTED"), &json!("TIER_2K"))
    );

    // Meta pauses a template: its webhook makes sluice ask, and what asks for the template is held.
    let pause = |status: &str| {
        let change = json!({"waba_id": WABA_ID, "name": "hello_world", "language": "en_US", "status": status, "reason": "LOW_QUALITY"});
        system.meta_post("/_sim/template", &change).expect("is changed");
    };
    pause("PAUSED");
    eventually(&system, "the pause", || (template(&system, "hello_world")?["status"] == "PAUSED").then_some(()));
    let held = || {
        let holds = system.api_get("/api/v1/holds").expect("a list");
        holds["data"].as_array().expect("rows").iter().any(|hold| hold["name"] == "hello_world/en_US")
    };
    eventually(&system, "the hold", || held().then_some(()));
    pause("APPROVED");
    eventually(&system, "the approval", || (template(&system, "hello_world")?["status"] == "APPROVED").then_some(()));
    eventually(&system, "the end of the hold", || (!held()).then_some(()));
    let kept = template(&system, "order_update").expect("what nobody changed is there");
    assert_eq!((&kept["status"], &kept["category"]), (&json!("APPROVED"), &json!("UTILITY")));

    // A second look changes nothing.
    let again = system.sluice_json(&["template", "sync", "--tenant", "acme"]).expect("a report").remove(0);
    assert_eq!((&again["changed"], &again["gone"], &again["waba_id"]), (&json!(0), &json!(0), &json!(WABA_ID)), "{again}");

    // Meta refuses the token: what it said before stays, with the reason why nothing newer is known.
    let fault = json!({"kind": "code", "code": 190, "path": "/message_templates"});
    system.meta_post("/_sim/faults", &fault).expect("a fault");
    let refused = system.sluice(&["template", "sync", "--tenant", "acme"]).expect_err("refused").to_string();
    assert!(refused.contains("190") && refused.contains("could not be read"), "{refused}");
    let shown = number(&system)["health"].clone();
    assert!(shown["error"].as_str().is_some_and(|error| error.contains("190")) && shown["quality"] == "GREEN", "{shown}");
    assert_eq!(template(&system, "hello_world").expect("stays")["status"], "APPROVED");
    system.stop().expect("ends in its own way");
}
