//! One person gets no more campaign messages than the tenant allows, whatever the campaigns.

use serde_json::json;
use sluice_local::system::Setup;

use super::harness::{audience, campaign, control, eventually, received, seeded, stack};

#[test]
fn a_second_campaign_passes_over_whom_the_first_one_reached_and_says_why() {
    let system = seeded(stack(), &Setup::test());
    system.sluice(&["tenant", "cap", "acme", "--messages", "1", "--days", "7"]).expect("a cap");
    let run = |name: &str, people: usize| {
        let id = campaign(&system, name, &audience("1555037", people), 0)["id"].as_str().expect("an id").to_owned();
        control(&system, "start", &id);
        eventually(&system, "the end of the campaign", || {
            let shown = system.api_get(&format!("/api/v1/campaigns/{id}")).ok()?;
            (shown["state"] == "completed").then_some(shown)
        });
        id
    };
    run("first", 20);
    let second = run("second", 30);
    let received = received(&system, "1555037");
    assert_eq!((received.len(), received.values().all(|n| *n == 1)), (30, true), "{received:?}");
    let passed = system.api_get(&format!("/api/v1/campaigns/{second}/recipients?state=suppressed&limit=100")).expect("a page");
    let passed = passed["data"].as_array().expect("rows").clone();
    assert_eq!(passed.len(), 20, "{passed:?}");
    assert!(passed.iter().all(|row| row.to_string().contains("frequency cap: 1 campaign messages within 7 days")), "{}", passed[0]);

    // Without a cap they are reached again.
    system.sluice(&["tenant", "cap", "acme", "--messages", "0"]).expect("no cap");
    let rows = system.sluice_json(&["tenant", "list"]).expect("tenants");
    assert!(rows.iter().any(|row| row["slug"] == "acme" && row["cap_messages"] == json!(0)), "{rows:?}");
    run("third", 20);
    assert_eq!(super::harness::received(&system, "1555037").values().filter(|n| **n == 2).count(), 20);
}
