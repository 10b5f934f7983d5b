//! The page of who wants no offers.

use super::super::harness::{calm, eventually, write};
use super::{fits, signed_in};

#[test]
fn an_opt_out_is_seen_noted_and_lifted_on_its_page() {
    let (system, person, called) = (calm(), "15550129101", "15550129102");
    write(system, person, "Parar");
    eventually(system, "the opt-out", || {
        let rows = system.api_get("/api/v1/opt-outs").ok()?;
        rows["data"].as_array()?.iter().any(|row| row["person"] == person).then_some(())
    });
    let (browser, console) = signed_in(system);
    for (form, width, dark) in [("light", 1280, false), ("dark", 1280, true), ("narrow", 375, false)] {
        browser.looks_like(width, 900, dark);
        browser.open(&format!("{console}/opt-outs"));
        fits(&browser, "opt-outs");
        println!("{}", browser.screenshot(&format!("opt-outs-{form}")).display());
    }
    browser.looks_like(1280, 900, false);
    let page = browser.text("main");
    assert!(page.contains(person) && page.contains("Parar"), "{page}");
    browser.fill("//input[@id='person']", "+1 (555) 012-9102");
    browser.fill("//input[@id='reason']", "said so on the telephone");
    browser.click("//form[@action='/opt-outs']//button");
    browser.says(".notice", "It is recorded");
    browser.eventually("the note", || {
        browser.open(&format!("{console}/opt-outs"));
        browser.text("main").contains(called).then_some(())
    });
    let row = format!("//tr[th[contains(., '{called}')]]");
    browser.click(&format!("{row}//summary"));
    browser.fill(&format!("{row}//input[@name='reason']"), "signed up in the shop");
    browser.click(&format!("{row}//button"));
    browser.says(".notice", "It is recorded");
    browser.eventually("the end of it", || {
        browser.open(&format!("{console}/opt-outs"));
        (!browser.text("main").contains(called)).then_some(())
    });
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
