//! A campaign from its file to its report, as its operator goes.

use sluice_local::System;
use sluice_local::system::Setup;

use super::super::harness::{audience, eventually, received, seeded, stack};
use super::{Browser, fits, live, sign_in, signed_in};

/// A second admin, who signs in elsewhere.
fn second(system: &System) -> (Browser, String) {
    let (email, password) = ("ben@acme.example", "a second person looks");
    let added = ["user", "add", "--tenant", "acme", "--email", email, "--name", "Ben Boss", "--role", "admin"];
    system.sluice_with(&[&added[..], &["--password-env", "SECOND_PASSWORD"]].concat(), &[("SECOND_PASSWORD", password)]).expect("a user");
    sign_in(system, email, password)
}

#[test]
fn a_campaign_goes_from_its_file_to_its_report() {
    let system = seeded(stack(), &Setup::test());
    system.sluice(&["tenant", "approvals", "acme", "--from", "100"]).expect("a limit");
    let file = system.keep("guests.csv", &audience("1555032", 120)).expect("a file");
    let (browser, console) = signed_in(&system);
    browser.open(&format!("{console}/campaigns/new"));
    browser.fill("//input[@name='name']", "Your quote is ready");
    browser.fill("//input[@name='template']", "quote_ready");
    browser.fill("//input[@name='columns']", "name, code, discount");
    browser.fill("//input[@name='csv']", &file);
    live(&browser);
    browser.screenshot("campaign-1-upload");
    browser.click("//form[@action='/campaigns']//button[@type='submit']");
    browser.eventually("the draft", || browser.text("#campaign h1").contains("Draft").then_some(()));
    assert!(browser.text("#campaign .notice").contains("second person, other than owner@acme.example"), "{}", browser.text("#campaign"));
    assert_eq!(browser.value("document.querySelectorAll(\"form[action$='/start'], form[action$='/approve']\").length"), 0);
    live(&browser);
    browser.screenshot("campaign-2-draft");

    let path = browser.value("location.pathname").as_str().expect("a path").to_owned();
    assert!(
        browser.text("#campaign").contains("Hello Customer 0, your quote spring-0 over 5 % is ready."),
        "{}",
        browser.text("#campaign")
    );
    browser.fill("//input[@name='to']", "+1 555 013 8888");
    browser.click("//form[contains(@action, '/test')]//button");
    browser.eventually("the trial's word", || browser.text("main").contains("The trial is on its way").then_some(()));
    eventually(&system, "the trial", || (received(&system, "15550138888").len() == 1).then_some(()));
    let rates = system.keep("rates.csv", "country,category,price,currency\nUS,UTILITY,0.004,USD\n*,UTILITY,0.01,USD\n").expect("a file");
    system.sluice(&["rates", "import", "--tenant", "acme", &rates]).expect("prices");
    browser.click("//a[contains(@href, '/dry-run')]");
    browser.eventually("the forecast", || browser.text("main").contains("0.48 USD").then_some(()));
    assert_eq!(browser.value("document.querySelector('.curve polyline').getAttribute('points').split(' ').pop()"), "1000.0,0.0");
    live(&browser);
    browser.screenshot("campaign-2-dry-run");
    for (by, said) in [("2020-01-01T10:00", "too late"), ("2099-01-01T10:00", "It would be over in time")] {
        browser.open(&format!("{console}{path}/dry-run?finish_by={by}"));
        assert!(browser.text("main").contains(said), "{}", browser.text("main"));
    }

    // Two people edit it at once: the second is told, with what it is now.
    let (other, _) = second(&system);
    for editor in [&browser, &other] {
        editor.open(&format!("{console}{path}"));
        live(editor);
        editor.click("//a[contains(@href, '/edit')]");
        editor.eventually("the form", || (editor.value("!!document.querySelector('input#name')") == true).then_some(()));
    }
    browser.retype("//input[@name='name']", "Your quote");
    browser.click("//button[text()='Save']");
    browser.eventually("the new name", || browser.text("#campaign h1").contains("Your quote").then_some(()));
    other.retype("//input[@name='name']", "The quote");
    other.click("//button[text()='Save']");
    other.eventually("the conflict", || other.text("main").contains("changed by somebody else").then_some(()));
    assert!(other.text("main").contains("It is now: Your quote"), "{}", other.text("main"));
    fits(&other, "the edit");
    println!("{}", other.screenshot("campaign-edit").display());
    other.open(&format!("{console}{path}"));
    other.click("//form[contains(@action, '/approve')]//button");
    other.eventually("the approval", || other.text("#campaign dl").contains("by ben@acme.example").then_some(()));

    browser.open(&format!("{console}{path}"));
    live(&browser);
    browser.click("//form[contains(@action, '/start')]//button");
    browser.eventually("the end", || browser.text("#campaign h1").contains("Completed").then_some(()));
    browser.eventually("the failure", || browser.text("#campaign").contains("131026").then_some(()));
    for (form, width, dark) in [("light", 1280, false), ("dark", 1280, true), ("narrow", 375, false)] {
        browser.looks_like(width, 1200, dark);
        browser.open(&format!("{console}{path}"));
        live(&browser);
        fits(&browser, "the report");
        println!("{}", browser.screenshot(&format!("campaign-3-report-{form}")).display());
    }
    browser.looks_like(1280, 900, false);
    let href = browser.value("document.querySelector(\"a[href*='state=failed']\").getAttribute('href')");
    assert_eq!(href, format!("{path}/recipients.csv?state=failed"));
    let csv = eventually(&system, "the failure in the archive", || {
        // As the browser would fetch it: with its cookie, from the page.
        let text = browser.fetched(href.as_str()?);
        (text.lines().count() == 2).then_some(text)
    });
    assert!(csv.contains("15550320026,failed,") && csv.contains("undeliverable"), "{csv}");
    browser.fill("//select[@name='code']", "code 131026");
    browser.click("//form[contains(@action, '/retry')]//button");
    browser.eventually("the new draft", || browser.text("#campaign h1").contains("(again) Draft").then_some(()));
    assert!(browser.text("#campaign dl").contains("what failed in this campaign"), "{}", browser.text("#campaign dl"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
    drop(other);
    system.stop().expect("ends in its own way");
}
