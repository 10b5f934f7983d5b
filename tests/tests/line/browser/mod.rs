//! The console as a person meets it.

mod attention;
mod campaign;
mod compare;
mod contacts;
mod driver;
mod letters;
mod media;
mod numbers;
mod opt_outs;
mod replays;

use std::collections::BTreeSet;

use sluice_local::System;

use super::approval::waiting;
use super::harness::{audience, calm, campaign, eventually, texts, write};
use driver::Browser;

/// Signs in as acme's owner.
fn signed_in(system: &System) -> (Browser, String) {
    let env = |wanted: &str| system.env().into_iter().find(|(name, _)| *name == wanted).expect("a variable").1;
    sign_in(system, &env("SLUICE_LOGIN"), &env("SLUICE_PASSWORD"))
}

/// Signs in to acme's console in a browser of its own.
fn sign_in(system: &System, email: &str, password: &str) -> (Browser, String) {
    let browser = Browser::start();
    let console = system.tenant_url("acme");
    browser.open(&console);
    assert_eq!(browser.value("location.pathname"), "/login", "a stranger sees the sign-in page");
    browser.fill("//input[@name='email']", email);
    browser.fill("//input[@name='password']", password);
    browser.click("//button[@type='submit']");
    browser.eventually("the first page", || (browser.value("location.pathname") == "/").then_some(()));
    (browser, console)
}

fn live(browser: &Browser) {
    browser.eventually("a live connection", || (browser.text("[data-live]") == "Live").then_some(()));
}

/// No page is wider than its screen: nothing is read by scrolling sideways.
fn fits(browser: &Browser, page: &str) {
    let wide = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert!(wide.as_i64() <= Some(0), "{page} is {wide} px too wide");
}

#[test]
fn a_campaign_page_moves_by_itself_until_the_campaign_is_over() {
    let system = calm();
    let made = campaign(system, "watched", &audience("1555024", 120), 20);
    let id = made["id"].as_str().expect("an id");
    let (browser, console) = signed_in(system);
    browser.open(&format!("{console}/campaigns/{id}"));
    browser.click("//form[contains(@action, '/start')]//button");
    browser.eventually("a running campaign", || browser.text("#campaign h1").contains("Running").then_some(()));
    live(&browser);
    browser.value("window.sameDocument = true");
    let mut seen = BTreeSet::new();
    browser.eventually("the end of the campaign", || {
        seen.insert(browser.text("#campaign .figure b"));
        browser.text("#campaign h1").contains("Completed").then_some(())
    });
    assert!(seen.len() >= 4, "the page jumped instead of moving: {seen:?}");
    assert_eq!(browser.value("window.sameDocument"), true, "the page was loaded anew");
    browser.eventually("the last number", || (browser.text("#campaign .figure b") == "120").then_some(()));
    for (name, width, dark) in [("campaign-light", 1280, false), ("campaign-dark", 1280, true), ("campaign-narrow", 375, true)] {
        browser.looks_like(width, 900, dark);
        browser.open(&format!("{console}/campaigns/{id}"));
        fits(&browser, name);
        println!("{}", browser.screenshot(name).display());
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn one_click_approves_a_quote_and_the_conversation_shows_the_answer() {
    let (system, from) = (calm(), "15550125001");
    let request = "240 bags of cement and 12 m³ of sand to 13010-111, please";
    let (browser, console) = signed_in(system);
    browser.open(&format!("{console}/approvals"));
    live(&browser);
    let quote = waiting(system, from, request);
    let id = quote["id"].as_str().expect("an id");
    // The quote appears on the open page by itself.
    browser.eventually("the quote on the page", || browser.text(&format!("#q-{id}")).contains(request).then_some(()));
    browser.screenshot("approvals");
    let before = texts(system, from).len();
    browser.click(&format!("//form[@action='/approvals/{id}/approve']//button"));
    browser.eventually("that it is no longer asked for", || {
        browser.value(&format!("!document.querySelector(\"form[action='/approvals/{id}/approve']\")")).as_bool()?.then_some(())
    });
    browser.open(&format!("{console}/conversations/{}", quote["conversation"].as_str().expect("a conversation")));
    let shown = browser.eventually("the answer in the conversation", || {
        let answers = browser.value("[...document.querySelectorAll('li.message.out p')].map(p => p.innerText)");
        let answers: Vec<String> = serde_json::from_value(answers).ok()?;
        (answers.len() > before).then(|| answers.last().cloned()).flatten()
    });
    let sent = texts(system, from).pop().expect("a message");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&shown), words(&sent), "the page shows what the customer got");
    browser.screenshot("conversation");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn every_page_fits_its_screen_and_breaks_no_rule_of_the_content_policy() {
    let system = calm();
    let (browser, console) = signed_in(system);
    for (path, name) in [
        ("/", "home"),
        ("/stages", "stages"),
        ("/campaigns", "campaigns"),
        ("/campaigns/new", "campaign-new"),
        ("/conversations", "conversations"),
        ("/approvals", "approvals-list"),
        ("/templates/edit", "template-new"),
    ] {
        for (width, dark, form) in [(1280, true, "dark"), (375, false, "narrow")] {
            browser.looks_like(width, 900, dark);
            browser.open(&format!("{console}{path}"));
            live(&browser);
            fits(&browser, path);
            browser.screenshot(&format!("{name}-{form}"));
        }
    }
    browser.looks_like(1280, 900, false);
    browser.open(&format!("{console}/stages"));
    browser.eventually("measurements of the stages", || {
        let stages = browser.text("#stages");
        ["intake", "ledger", "sender", "reconcile", "archive", "tally"].iter().all(|stage| stages.contains(stage)).then_some(())
    });
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_page_of_a_conversation_goes_back_to_a_moment_and_offers_nothing_to_do_there() {
    let (system, from) = (calm(), "15550125002");
    let ask = |text: &str, before: usize| {
        write(system, from, text);
        eventually(system, "an answer", || (texts(system, from).len() > before).then_some(()));
    };
    ask("3 bags of cement to 01310-100?", 0);
    let found = eventually(system, "the conversation in the archive", || {
        let found = system.api_get(&format!("/api/v1/conversations?q={from}")).ok()?;
        found["data"][0]["id"].is_string().then(|| found["data"][0].clone())
    });
    let (id, then) = (found["id"].as_str().expect("an id"), found["updated_at"].as_str().expect("a time"));
    let second = then.parse::<jiff::Timestamp>().expect("RFC 3339").as_second();
    // The field names whole seconds of the tenant's clock, here UTC, and shows what was at their end.
    let then = then[.."2026-11-26T09:30:00".len()].to_owned();
    eventually(system, "the next second", || (jiff::Timestamp::now().as_second() > second).then_some(()));
    ask("7 bags of cement to 01310-100?", 1);

    let (browser, console) = signed_in(system);
    browser.open(&format!("{console}/conversations/{id}"));
    let messages = || browser.value("document.querySelectorAll('li.message').length").as_u64();
    browser.eventually("all messages", || (messages() >= Some(4)).then_some(()));
    browser.value(&format!("document.querySelector('#at').value = '{then}'"));
    browser.click("//form[@class='travel']//button");
    browser.eventually("the past", || browser.text(".notice").contains("as it was on").then_some(()));
    assert!(messages() < Some(4), "{:?} messages", messages());
    assert_eq!(browser.value("document.querySelectorAll('form.reply').length"), 0, "nobody answers in the past");
    for (name, width, dark) in [("conversation-past", 1280, false), ("conversation-past-narrow", 375, true)] {
        browser.looks_like(width, 900, dark);
        browser.open(&format!("{console}/conversations/{id}?at={then}"));
        fits(&browser, name);
        println!("{}", browser.screenshot(name).display());
    }
    browser.click("//p[@role='status']//a");
    browser.eventually("the present", || (messages() >= Some(4)).then_some(()));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
