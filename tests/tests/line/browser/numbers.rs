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
    browser.says("main", "order {{order_id}} is on its way");

    // A template is written; what Meta would reject is said before it is asked.
    browser.click("//a[@href='/templates/edit']");
    for (field, text) in [("name", "autumn_sale"), ("language", "en_US"), ("footer", "Reply STOP to end")] {
        browser.fill(&format!("//input[@name='{field}']"), text);
    }
    browser.fill("//textarea[@name='body']", "{{1}}, autumn is here.");
    browser.fill("//textarea[@name='examples']", "Ana");
    browser.fill("//textarea[@name='buttons']", "Yes\nShop | https://shop.example/{{1}} | https://shop.example/autumn");
    browser.click("//form[@action='/templates']//button");
    browser.says(".notice.bad", "begins or ends with a variable");
    browser.retype("//textarea[@name='body']", "Hello {{1}}, autumn is here.");
    println!("{}", browser.screenshot("template-form").display());
    browser.click("//form[@action='/templates']//button");
    browser.says("main", "autumn_sale is with Meta");
    eventually(system, "Meta's word", || {
        let templates = system.api_get("/api/v1/templates").ok()?;
        templates["data"].as_array()?.iter().any(|t| t["name"] == "autumn_sale" && t["status"] == "APPROVED").then_some(())
    });
    browser.open(&format!("{console}/numbers"));
    browser.click("//a[contains(@href, 'name=autumn_sale')]");
    browser.eventually("the buttons", || {
        let buttons = browser.value("document.querySelector('textarea[name=buttons]')?.value");
        (buttons == "Yes\nShop | https://shop.example/{{1}} | https://shop.example/autumn").then_some(())
    });
    browser.click("//form[@action='/templates/delete']//button");
    browser.says("main", "autumn_sale is deleted");
    assert!(browser.complaints().iter().all(|complaint| complaint.contains("422")), "{:?}", browser.complaints());
}
