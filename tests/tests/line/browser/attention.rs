//! The page of what waits for a person.

use serde_json::json;
use sluice_local::system::Setup;

use super::super::harness::{eventually, seeded, stack, texts, write};
use super::{fits, signed_in};

const REQUEST: &str = "3 bags of cement to 01310-100?";

#[test]
fn a_person_lifts_a_hold_and_decides_on_a_quarantined_send_where_they_see_them() {
    let brief = json!({"ledger": {"unknown_deadline_seconds": 2}, "meta": {"timeout_seconds": 2}});
    let system = seeded(stack(), &Setup::test().configure(brief));
    let (doubted, held) = ("15550129001", "15550129002");
    for fault in [
        json!({"kind": "reset", "when": "before", "count": 1, "to": doubted, "path": "/messages"}),
        json!({"kind": "code", "code": 131_042, "count": 1, "to": held, "path": "/messages"}),
    ] {
        system.meta_post("/_sim/faults", &fault).expect("a fault");
    }
    write(&system, doubted, REQUEST);
    eventually(&system, "a quarantined send", || {
        let rows = system.api_get("/api/v1/quarantine").ok()?;
        (rows["data"][0]["status"] == "quarantined").then_some(())
    });
    write(&system, held, REQUEST);
    eventually(&system, "the hold", || system.api_get("/api/v1/holds").ok()?["data"][0]["name"].as_str().map(str::to_owned));

    let (browser, console) = signed_in(&system);
    for (form, width, dark) in [("light", 1280, false), ("dark", 1280, true), ("narrow", 375, false)] {
        browser.looks_like(width, 900, dark);
        browser.open(&format!("{console}/attention"));
        fits(&browser, "attention");
        println!("{}", browser.screenshot(&format!("attention-{form}")).display());
    }
    let page = browser.text("main");
    for word in ["payment problem", "131042", "correct the payment method", doubted, "quarantined"] {
        assert!(page.contains(word), "{word} is not on the page: {page}");
    }
    browser.looks_like(1280, 900, false);
    browser.click("//summary[.='Decide']");
    browser.fill("//form[contains(@action, '/mark-sent')]//input[@name='reason']", "nothing came");
    browser.click("//button[contains(., 'send again')]");
    browser.eventually("the word that it is recorded", || browser.text("main").contains("recorded").then_some(()));
    browser.click("//summary[.='Lift']");
    browser.fill("//form[@action='/attention/lift']//input[@name='reason']", "the card works again");
    browser.click("//form[@action='/attention/lift']//button");
    eventually(&system, "both answers", || ([doubted, held].map(|to| texts(&system, to).len()) == [1, 1]).then_some(()));
    browser.eventually("an empty page", || {
        browser.open(&format!("{console}/attention"));
        let page = browser.text("main");
        (page.contains("Nothing is held") && page.contains("it is known what became of it")).then_some(())
    });
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
