//! The page of dead letters.

use super::super::books::Topics;
use super::super::harness::{calm, eventually, texts, write};
use super::super::letters::{REQUEST, like, plant, turn};
use super::{fits, signed_in};

#[test]
fn a_person_reads_a_dead_letter_redrives_it_and_drops_another_with_a_reason() {
    let _turn = turn();
    let (system, from) = (calm(), "15550127009");
    let topics = Topics::of(system);
    write(system, from, REQUEST);
    eventually(system, "the first answer", || texts(system, from).pop());
    for (id, kind, offset) in [("wamid.LETTER0091", "page_redriven", 900_000_091), ("wamid.LETTER0092", "page_dropped", 900_000_092)] {
        let (home, raw) = like(system, &topics, from, id);
        plant(&topics, home, &raw, kind, offset);
    }
    let (browser, console) = signed_in(system);
    for (form, width, dark) in [("light", 1280, false), ("dark", 1280, true), ("narrow", 375, false)] {
        browser.looks_like(width, 900, dark);
        browser.open(&format!("{console}/dead-letters"));
        fits(&browser, "dead letters");
        println!("{}", browser.screenshot(&format!("letters-{form}")).display());
    }
    browser.looks_like(1280, 900, false);
    browser.open(&format!("{console}/dead-letters?stage=dedup&kind=page_redriven"));
    browser.click("//section[@aria-labelledby='newest']//tbody//a");
    browser.eventually("the record, readable", || browser.text("pre.record").contains("wamid.LETTER0091").then_some(()));
    println!("{}", browser.screenshot("letter-light").display());
    browser.looks_like(375, 900, true);
    fits(&browser, "a dead letter");
    println!("{}", browser.screenshot("letter-narrow-dark").display());
    browser.click("//summary[.='Redrive']");
    browser.click("//form[contains(@action, '/redrive')]//button[contains(@class, 'primary')]");
    browser.eventually("the decision", || browser.text("main").contains("1 settled").then_some(()));
    eventually(system, "the second answer", || (texts(system, from).len() == 2).then_some(()));

    browser.looks_like(1280, 900, false);
    browser.open(&format!("{console}/dead-letters?stage=dedup&kind=page_dropped"));
    browser.click("//section[@aria-labelledby='newest']//tbody//a");
    browser.eventually("the letter", || browser.text("pre.record").contains("wamid.LETTER0092").then_some(()));
    browser.click("//summary[.='Drop']");
    browser.fill("//form[contains(@action, '/drop')]//input[@name='reason']", "a rehearsal");
    browser.click("//form[contains(@action, '/drop')]//button");
    browser.eventually("the reason", || browser.text("dl.facts").contains("a rehearsal").then_some(()));
    let rows = system.sluice_json(&["dead-letters", "list", "--kind", "page_dropped", "--all"]).expect("a list");
    assert_eq!(rows[0]["decision"]["decision"], "dropped");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
