//! Who answers a campaign is counted, by the button pressed.

use serde_json::json;
use sluice_local::System;
use sluice_local::system::seed::PHONE_NUMBER_ID;

use super::harness::{accepted, audience, calm, campaign, control, eventually, funnel, write};

/// A recipient presses a button of the message that was sent.
pub fn press(system: &System, from: &str, button: &str) {
    let sent = accepted(system).into_iter().find(|entry| entry["to"] == from).expect("a message to this person");
    let context = json!({"from": "15550109001", "id": sent["wamid"]});
    let message = json!({"type": "button", "button": {"text": button, "payload": button}, "context": context});
    let message = json!({"phone_number_id": PHONE_NUMBER_ID, "from": from, "name": "Ana", "message": message});
    system.meta_post("/_sim/inbound", &message).expect("the simulated Meta takes it");
}

#[test]
fn the_report_counts_each_recipient_who_answers_once_and_by_the_button_pressed() {
    let (system, prefix) = (calm(), "1555039");
    let id = campaign(system, "answered", &audience(prefix, 6), 0)["id"].as_str().expect("an id").to_owned();
    control(system, "start", &id);
    eventually(system, "the end of the campaign", || (funnel(system, &id, 6)["state"] == "completed").then_some(()));
    let press = |n: usize, button: &str| press(system, &format!("{prefix}{n:04}"), button);
    (0..3).for_each(|n| press(n, "Yes, please"));
    press(3, "No");
    press(0, "No");
    write(system, &format!("{prefix}0004"), "what does it cost?");
    write(system, &format!("{prefix}0004"), "hello?");

    let answers = json!([{"button": "Yes, please", "n": 3}, {"button": null, "n": 1}, {"button": "No", "n": 1}]);
    eventually(system, "the answers", || {
        let shown = funnel(system, &id, 6);
        (shown["answers"] == answers && shown["funnel"]["answered"] == 5).then_some(())
    });
    let status = system.sluice_json(&["campaign", "status", "--tenant", "acme", &id]).expect("a campaign").swap_remove(0);
    assert_eq!((&status["answers"], &status["adds_up"]), (&json!({"": 1, "No": 1, "Yes, please": 3}), &json!(true)), "{status}");
}
