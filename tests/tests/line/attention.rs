//! What waits for a person: held sends go on when the hold is lifted, quarantined ones when somebody decides.

use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::Setup;

use super::harness::{eventually, seeded, stack, texts, write};
use super::http;

const REQUEST: &str = "3 bags of cement to 01310-100?";

fn fault(system: &System, fault: &Value) {
    system.meta_post("/_sim/faults", fault).expect("a fault");
}

fn listed(system: &System, path: &str) -> Vec<Value> {
    system.api_get(path).expect("a list")["data"].as_array().expect("rows").clone()
}

fn post(system: &System, path: &str, body: &Value) -> u16 {
    let token = system.env().into_iter().find(|(name, _)| *name == "SLUICE_API_TOKEN").expect("a token").1;
    let url = format!("{}{path}", system.api_url());
    http::post(&url, &[("authorization", &format!("Bearer {token}")), ("idempotency-key", path)], body).status
}

#[test]
fn held_sends_wait_for_a_person_and_quarantined_ones_for_a_decision_and_none_is_lost_or_sent_twice() {
    let brief = json!({"ledger": {"unknown_deadline_seconds": 2}, "meta": {"timeout_seconds": 2}});
    let system = seeded(stack(), &Setup::test().configure(brief));
    let (doubted, held, waiting) = ("15550128001", "15550128002", "15550128003");

    // A connection that breaks before Meta has the message: nobody but a person can know.
    fault(&system, &json!({"kind": "reset", "when": "before", "count": 1, "to": doubted, "path": "/messages"}));
    write(&system, doubted, REQUEST);
    let send = eventually(&system, "a quarantined send", || {
        let rows = listed(&system, "/api/v1/quarantine");
        rows.iter().find(|row| row["status"] == "quarantined" && row["to"] == doubted).cloned()
    });
    assert_eq!(texts(&system, doubted), [""; 0]);
    let id = send["id"].as_str().expect("an id");
    assert_eq!(post(&system, &format!("/api/v1/quarantine/{id}/release"), &json!({})), 422, "a reason is wanted");
    system.sluice(&["quarantine", "release", id, "--tenant", "acme", "--reason", "nothing came"]).expect("recorded");
    eventually(&system, "the released answer", || (texts(&system, doubted).len() == 1).then_some(()));
    eventually(&system, "an empty quarantine", || listed(&system, "/api/v1/quarantine").is_empty().then_some(()));

    // Meta's spam limit: nothing is tried until somebody says so.
    fault(&system, &json!({"kind": "code", "code": 131_048, "count": 1, "to": held, "path": "/messages"}));
    write(&system, held, REQUEST);
    let hold = eventually(&system, "the hold", || listed(&system, "/api/v1/holds").first().cloned());
    assert_eq!((&hold["scope"], &hold["code"], &hold["until"]), (&json!("number"), &json!(131_048), &Value::Null));
    write(&system, waiting, REQUEST);
    eventually(&system, "the plan of what waits", || {
        let conversations = listed(&system, "/api/v1/conversations");
        conversations.iter().any(|row| row.to_string().contains(waiting)).then_some(())
    });
    let name = hold["name"].as_str().expect("a name");
    assert_eq!([held, waiting].map(|to| texts(&system, to).len()), [0, 0]);
    let lift = json!({"scope": "number", "name": name, "reason": "Meta restored it"});
    assert_eq!(post(&system, "/api/v1/holds/lift", &lift), 202);
    eventually(&system, "both answers", || ([held, waiting].map(|to| texts(&system, to).len()) == [1, 1]).then_some(()));
    eventually(&system, "no hold", || listed(&system, "/api/v1/holds").is_empty().then_some(()));
    assert_eq!(texts(&system, doubted).len(), 1);
}
