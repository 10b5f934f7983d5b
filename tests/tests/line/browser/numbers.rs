//! The page of numbers and templates, as Meta sees them.

use super::super::harness::{calm, eventually};
use super::{fits, signed_in};

#[test]
fn numbers_and_templates_are_seen_as_meta_sees_them() {
    let system = calm();
    eventually(system, "what Meta says", || {
        let numbers = system.api_get("/api/v1/numbers").ok()?;
        numbers["data"].as_array()?.iter().any(|number| number["health"]["quality"] == "GREEN").then_some(())
    });
    let (browser, console) = signed_in(system);
    for (form, width, dark) in [("light", 1280, false), ("dark", 1280, true), ("narrow", 375, false)] {
        browser.looks_like(width, 900, dark);
        browser.open(&format!("{console}/numbers"));
        fits(&browser, "numbers");
        println!("{}", browser.screenshot(&format!("numbers-{form}")).display());
    }
    browser.looks_like(1280, 900, false);
    let page = browser.text("main");
    for word in ["connected", "green", "no limit", "spring_offer", "approved"] {
        assert!(page.contains(word), "{word} is not on the page: {page}");
    }
    browser.click("//tr[th[contains(., 'order_update')]]//summary");
    assert!(browser.text("main").contains("order {{order_id}} is on its way"), "{}", browser.text("main"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
