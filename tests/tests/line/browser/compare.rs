//! Two campaigns side by side. Of 25 people nobody has a number that ends in 0026, which is not on WhatsApp.

use super::super::answers::press;
use super::super::harness::{audience, calm, campaign, control, eventually, funnel};
use super::{fits, signed_in};

#[test]
fn two_campaigns_are_compared_by_what_became_of_their_messages_and_who_answered() {
    let system = calm();
    let run = |name: &str, prefix: &str| {
        let id = campaign(system, name, &audience(prefix, 25), 0)["id"].as_str().expect("an id").to_owned();
        control(system, "start", &id);
        eventually(system, "the end of the campaign", || (funnel(system, &id, 25)["funnel"]["accepted"] == 25).then_some(()));
        id
    };
    let (spring, autumn) = (run("Spring sale", "1555040"), run("Autumn sale", "1555041"));
    (0..20).for_each(|n| press(system, &format!("1555040{n:04}"), "Yes, please"));
    (0..4).for_each(|n| press(system, &format!("1555041{n:04}"), "No"));
    let answered = |id: &str| funnel(system, id, 25)["funnel"]["answered"].as_i64();
    eventually(system, "the answers", || ([answered(&spring), answered(&autumn)] == [Some(20), Some(4)]).then_some(()));
    let seen = |id: &str| (funnel(system, id, 25)["funnel"]["read"] == 25).then_some(());
    eventually(system, "that all are read", || seen(&spring).and(seen(&autumn)));

    let (browser, console) = signed_in(system);
    browser.open(&format!("{console}/campaigns/{spring}"));
    browser.says("#campaign", "What people answered first");
    println!("{}", browser.screenshot("campaign-answers").display());
    browser.value(&format!("document.querySelector('#with').value = '{autumn}'"));
    browser.click("//form[contains(@action, '/compare')]//button");
    browser.says("main", "not chance (1 in 100)");
    for word in ["80.0 %", "16.0 %", "20 of 25", "Yes, please", "too few to tell"] {
        browser.says("main", word);
    }
    for (form, width, dark) in [("light", 1280, false), ("dark", 1280, true), ("narrow", 375, false)] {
        browser.looks_like(width, 900, dark);
        browser.open(&format!("{console}/campaigns/{spring}/compare?with={autumn}"));
        fits(&browser, "the comparison");
        println!("{}", browser.screenshot(&format!("compare-{form}")).display());
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
