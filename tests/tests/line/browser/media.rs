//! Files in the inbox: a customer's picture is seen, and one is sent with the reply.

use base64::Engine as _;
use serde_json::json;
use sluice_local::system::seed::PHONE_NUMBER_ID;

use super::super::harness::{accepted, calm, eventually};
use super::super::http;
use super::{fits, live, signed_in};

/// A picture of 96 × 64 points.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAGAAAABACAIAAABqVuVZAAAAvElEQVR42u3QIRHFMBAFwMr5SqokIg4XFwdHxOHi4ij6Gh7t7Mwq2ONXb+SsjoxakavuyKqKPDUihyBBggQJEiRIkCBBggQJEiRI0NeC5hs5Z0fGXJFr3pE1K/LMEREkSJAgQYIECRIkSJAgQYIECfpcUL+RszsyekWuviOrK/L0iAgSJEiQIEGCBAkSJEiQIEGCBH0uaL+Rc3dk7BW59h1ZuyLPHhFBggQJEiRIkCBBggQJEiRIkKCPBf0BGPtSWcHtaS4AAAAASUVORK5CYII=";

#[test]
fn a_customers_picture_is_seen_in_the_inbox_and_one_is_sent_back_with_words_under_it() {
    let (system, from) = (calm(), "15550351020");
    let picture = base64::engine::general_purpose::STANDARD.decode(PICTURE).expect("base64");
    let kept = http::put(&format!("{}/_sim/media?mime_type=image/png", system.meta_url()), picture.clone()).json();
    let image = json!({"id": kept["id"], "mime_type": "image/png", "sha256": kept["sha256"], "caption": "do you have this one?"});
    let message = json!({"phone_number_id": PHONE_NUMBER_ID, "from": from, "name": "Pia", "message": {"type": "image", "image": image}});
    system.meta_post("/_sim/inbound", &message).expect("the simulated Meta takes it");
    let conversation = eventually(system, "the conversation", || {
        let found = system.api_get(&format!("/api/v1/conversations?q={from}")).ok()?;
        found["data"][0]["id"].as_str().map(str::to_owned)
    });
    let (browser, console) = signed_in(system);
    browser.open(&format!("{console}/conversations/{conversation}"));
    live(&browser);
    // It comes by itself, some seconds after its message, and is a picture and no broken sign.
    browser.eventually("the picture", || (browser.value("document.querySelector('img.file')?.naturalWidth") == 96).then_some(()));
    assert!(browser.text("main").contains("do you have this one?"));

    let file = system.dir().join("files");
    std::fs::create_dir_all(&file).expect("a folder");
    std::fs::write(file.join("offer.png"), &picture).expect("a file");
    browser.fill("//input[@name='file']", &file.join("offer.png").display().to_string());
    browser.fill("//textarea[@name='argument']", "We do, in blue.");
    browser.click("//form[contains(@action, '/reply')]//button");
    let sent = eventually(system, "the picture at Meta", || {
        accepted(system).into_iter().find(|entry| entry["to"] == from && entry["body"]["type"] == "image")
    });
    assert_eq!(sent["body"]["image"]["caption"], "We do, in blue.", "{sent}");
    for (form, width, dark) in [("light", 1280, false), ("dark", 1280, true), ("narrow", 375, false)] {
        browser.looks_like(width, 900, dark);
        browser.open(&format!("{console}/conversations/{conversation}"));
        live(&browser);
        fits(&browser, "conversation with pictures");
        browser.eventually("both pictures", || (browser.value("document.querySelectorAll('img.file').length") == 2).then_some(()));
        println!("{}", browser.screenshot(&format!("media-{form}")).display());
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
