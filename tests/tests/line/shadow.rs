//! A shadow shows what other prices would have made of the past, and does nothing.

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
