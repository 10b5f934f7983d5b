//! A portfolio's messaging limit: a campaign reaches as many people a day as Meta permits, and Meta has nothing to refuse.

use serde_json::json;
use sluice_local::system::Setup;
use sluice_local::system::seed::{PHONE_NUMBER_ID, WABA_ID};

use super::harness::{audience, campaign, control, eventually, funnel, received, seeded, stack, texts, write};

const PREFIX: &str = "155501310";
const LIMIT: usize = 5;

#[test]
fn a_campaign_stops_at_the_portfolios_limit_without_a_refusal_and_replies_go_on() {
    let limit = LIMIT.to_string();
    let system = seeded(stack(), &Setup::test().meta(&["--messaging-limit", &limit]));
    let number = ["number", "add", "--tenant", "acme", "--account", PHONE_NUMBER_ID, "--waba", WABA_ID, "--messaging-limit", &limit];
    system.sluice(&number).expect("the limit is noted");
    let made = campaign(&system, "limited", &audience(PREFIX, 12), 0);
    let id = made["id"].as_str().expect("an id");
    control(&system, "start", id);
    let hold = eventually(&system, "the hold", || {
        let holds = system.api_get("/api/v1/holds").ok()?;
        holds["data"].as_array()?.iter().find(|hold| hold["scope"] == "portfolio").cloned()
    });
    assert!(hold["cause"].as_str().is_some_and(|cause| cause.contains("5 different people")), "{hold}");
    assert!(hold["until"].is_string() && hold["remedy"].is_string(), "{hold}");
    let shown = eventually(&system, "as many as may be", || {
        let shown = funnel(&system, id, 12);
        (shown["funnel"]["accepted"] == LIMIT).then_some(shown)
    });
    assert_eq!((&shown["state"], &shown["funnel"]["failed"]), (&json!("running"), &json!(0)), "{shown}");

    // Who writes is answered: that costs nothing of the limit.
    write(&system, "15550131999", "3 bags of cement to 01310-100?");
    eventually(&system, "an answer", || texts(&system, "15550131999").pop());
    assert_eq!(received(&system, PREFIX).len(), LIMIT);
    let summary = system.meta_get("/_sim/summary").expect("a summary");
    assert_eq!(summary["refused"], 0, "{summary}");
    system.stop().expect("ends in its own way");
}
