//! A replay as a person asks for it.

use super::super::harness::{calm, eventually, texts, write};
use super::{fits, live, signed_in};

#[test]
fn a_person_sees_what_other_prices_would_have_made_of_the_past() {
    let (system, from) = (calm(), "15550129003");
    let begun = jiff::Timestamp::now();
    write(system, from, "4 bags of cement to 01310-100?");
    eventually(system, "an answer", || texts(system, from).pop());
    let catalog = include_str!("../../../../deploy/demo/catalog.json").replace("38.90", "40.00");
    let compact: serde_json::Value = serde_json::from_str(&catalog).expect("JSON");
    let (browser, console) = signed_in(system);
    browser.open(&format!("{console}/replays"));
    live(&browser);
    fits(&browser, "replays");
    browser.screenshot("replays");
    // The tenant's clock is UTC here; the browser's own way of typing dates depends on its language.
    let second = begun.to_string();
    let second = &second[.."2026-11-27T09:30:00".len()];
    browser.value(&format!("document.querySelector('#s-from').value = '{second}'"));
    browser.value(&format!("document.querySelector('#catalog').value = {:?}", compact.to_string()));
    browser.click("//section[.//h2[@id='shadow']]//button");
    browser.eventually("the plan", || browser.text("#replay h1").contains("Planned").then_some(()));
    assert!(browser.text("#replay").contains("nothing is sent and nothing is changed"), "{}", browser.text("#replay"));
    browser.click("//form[contains(@action, '/start')]//button");
    browser.eventually("the report", || browser.text("#replay h1").contains("Done").then_some(()));
    let page = browser.text("#replay");
    assert!(page.contains("What came out otherwise") && page.contains("160.00"), "{page}");
    for (form, width, dark) in [("light", 1280, false), ("dark", 1280, true), ("narrow", 375, false)] {
        browser.looks_like(width, 1000, dark);
        fits(&browser, "a replay");
        println!("{}", browser.screenshot(&format!("replay-{form}")).display());
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
