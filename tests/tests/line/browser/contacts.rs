//! Contacts: a file, a segment, and the campaign's form that offers it.

use super::super::harness::calm;
use super::{fits, live, signed_in};

#[test]
fn a_file_becomes_contacts_and_contacts_become_a_segment_that_a_campaign_offers() {
    let system = calm();
    let csv = "phone,name,city,tags\n+15550340001,Ana,Natal,browser\n+15550340002,Ben,São Paulo,browser\n12,Short,,\n";
    let file = system.keep("browser-contacts.csv", csv).expect("a file");
    let (browser, console) = signed_in(system);
    browser.open(&format!("{console}/contacts"));
    browser.fill("//input[@name='consent']", "sign-up form");
    browser.fill("//input[@name='csv']", &file);
    browser.click("//form[@action='/contacts/imports']//button");
    browser.eventually("the import", || browser.text("main").contains("browser-contacts.csv").then_some(()));
    browser.fill("//input[@name='where']", "tag = browser and city = \"São Paulo\"");
    browser.click("//form[@role='search']//button");
    browser.eventually("one contact", || browser.text("#people").contains("1 of these contacts").then_some(()));
    browser.fill("//input[@name='name']", "Browser");
    browser.click("//form[@action='/contacts/segments']//button");
    browser.eventually("the segment", || browser.text("main").contains("The segment is saved").then_some(()));
    for (form, width, dark) in [("light", 1280, false), ("dark", 1280, true), ("narrow", 375, false)] {
        browser.looks_like(width, 1400, dark);
        browser.open(&format!("{console}/contacts"));
        live(&browser);
        fits(&browser, "contacts");
        println!("{}", browser.screenshot(&format!("contacts-{form}")).display());
    }
    browser.looks_like(1280, 900, false);
    browser.open(&format!("{console}/contacts?where=tag+%3D"));
    assert!(browser.text(".notice.bad").contains("cannot be read at its end"), "{}", browser.text("main"));
    browser.open(&format!("{console}/campaigns/new"));
    assert!(browser.text("#segment").contains("Browser: 1 contacts"), "{}", browser.text("#segment"));
    assert!(browser.complaints().iter().all(|complaint| complaint.contains("422")), "{:?}", browser.complaints());
}
