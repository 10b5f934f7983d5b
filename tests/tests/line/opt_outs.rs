//! Who wants no offers gets none, on the whole line: by a word, in the app, or noted by a person of the business.

use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::seed::PHONE_NUMBER_ID;

use super::harness::{calm, campaign, control, eventually, funnel, received, texts, write};

const PREFIX: &str = "1555027";

fn person(n: usize) -> String {
    format!("{PREFIX}{n:04}")
}

/// Sends to these people and gives the funnel when it is over.
fn offer(system: &System, name: &str, people: &[String]) -> Value {
    let lines: Vec<String> = people.iter().map(|person| format!("+{person},Customer,5 %,code\n")).collect();
    let made = campaign(system, name, &format!("phone,name,discount,code\n{}", lines.concat()), 50);
    let id = made["id"].as_str().expect("an id").to_owned();
    control(system, "start", &id);
    eventually(system, "the end of the campaign", || {
        let shown = funnel(system, &id, people.len() as i64);
        (shown["state"] == "completed").then(|| shown["funnel"].clone())
    })
}

fn listed(system: &System, person: &str) -> Option<Value> {
    let rows = system.sluice_json(&["opt-outs", "list", "--tenant", "acme"]).expect("a list");
    rows.into_iter().find(|row| row["person"] == person)
}

fn known(system: &System, person: &str) -> Value {
    eventually(system, &format!("the opt-out of {person}"), || listed(system, person))
}

#[test]
fn who_wants_no_offers_gets_none_and_everything_else() {
    let system = calm();
    let [writer, stopper, caller, other] = [1, 2, 3, 4].map(person);
    write(system, &writer, "SAIR");
    let confirmed = eventually(system, "a confirmation", || texts(system, &writer).pop());
    assert!(confirmed.contains("START"), "{confirmed}");
    let preference = json!({"phone_number_id": PHONE_NUMBER_ID, "from": stopper, "value": "stop"});
    system.meta_post("/_sim/preference", &preference).expect("the simulated Meta takes it");
    let spelt = "+1 (555) 027-0003";
    system.sluice(&["opt-outs", "add", spelt, "--tenant", "acme", "--reason", "said so on the telephone"]).expect("noted");
    let sources = [&writer, &stopper, &caller].map(|person| known(system, person)["source"].clone());
    assert_eq!(sources, ["word", "preference", "operator"]);

    let people = [writer.clone(), stopper.clone(), caller.clone(), other.clone()];
    let funnel = offer(system, "wanted-by-one", &people);
    assert_eq!((&funnel["suppressed"], &funnel["accepted"]), (&json!(3), &json!(1)), "{funnel}");
    assert_eq!(received(system, PREFIX).get(&other), Some(&1));

    // The door for single messages refuses the offer and takes what the person is owed.
    let parameter = |text: &str| json!({"type": "text", "text": text});
    let components = json!([
        {"type": "body", "parameters": [parameter("Ana"), parameter("5 %")]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [parameter("code")]},
    ]);
    let template = json!({"name": "spring_offer", "language": {"code": "en_US"}, "components": components});
    let message = json!({"account": PHONE_NUMBER_ID, "to": writer, "type": "template", "template": template});
    let refused = system.api_post("/api/v1/messages", "opt-out-1", &message).expect_err("an offer").to_string();
    assert!(refused.contains("wants no offers"), "{refused}");

    write(system, &writer, "start");
    eventually(system, "the end of the opt-out", || listed(system, &writer).is_none().then_some(()));
    system.sluice(&["opt-outs", "lift", &caller, "--tenant", "acme", "--reason", "asked for it"]).expect("lifted");
    eventually(system, "the end of the note", || listed(system, &caller).is_none().then_some(()));
    let funnel = offer(system, "wanted-again", &people);
    assert_eq!((&funnel["suppressed"], &funnel["accepted"]), (&json!(1), &json!(3)), "{funnel}");
    let unknown =
        system.sluice(&["opt-outs", "lift", &caller, "--tenant", "acme", "--reason", "x"]).expect_err("nothing to lift").to_string();
    assert!(unknown.contains("does not exist"), "{unknown}");
}
