//! Files of messages: fetched, checked, shown, served by links that end; and those of the business on their way out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::Setup;
use sluice_local::system::seed::PHONE_NUMBER_ID;

use super::harness::{accepted, calm, eventually, seeded, stack};
use super::http::{self, Answer};

/// A file at the simulated Meta: its id and digest in base64.
fn file(system: &System, mime: &str, content: &str) -> (String, String) {
    let url = format!("{}/_sim/media?mime_type={mime}", system.meta_url());
    let kept = http::call("POST", &url, &[], Some(content.into())).expect("an answer").json();
    let text = |name: &str| kept[name].as_str().unwrap_or_else(|| panic!("{kept}")).to_owned();
    (text("id"), text("sha256"))
}

fn send(system: &System, from: &str, kind: &str, content: Value) {
    let message = json!({"phone_number_id": PHONE_NUMBER_ID, "from": from, "message": {"type": kind, kind: content}});
    system.meta_post("/_sim/inbound", &message).expect("the simulated Meta takes it");
}

/// The messages of the conversation with `from`.
fn messages(system: &System, from: &str) -> Option<Vec<Value>> {
    let found = system.api_get(&format!("/api/v1/conversations?q={from}")).ok()?;
    let id = found["data"][0]["id"].as_str()?.to_owned();
    system.api_get(&format!("/api/v1/conversations/{id}/messages")).ok()?["data"].as_array().cloned()
}

/// The only file of the only message of `from`, once it can be read.
fn shown(system: &System, from: &str) -> Value {
    eventually(system, "the file", || {
        let attachment = messages(system, from)?.first()?["attachments"][0].clone();
        attachment["url"].is_string().then_some(attachment)
    })
}

fn get(system: &System, path: &str) -> (Answer, String) {
    part(system, path, "")
}

/// A part of what is under an address, where `range` names one, and the headers of the answer.
fn part(system: &System, path: &str, range: &str) -> (Answer, String) {
    let url = format!("{}{path}", system.api_url());
    http::runtime().block_on(async {
        let request = reqwest::Client::builder().no_proxy().build().expect("a client").get(url).header("range", range);
        let answer = request.send().await.expect("an answer");
        let headers = format!("{:?}", answer.headers());
        (Answer { status: answer.status().as_u16(), body: answer.text().await.expect("a body") }, headers)
    })
}

fn letters(system: &System, kind: &str) -> usize {
    system.api_get(&format!("/api/v1/dead-letters?stage=media&kind={kind}")).expect("a list")["data"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_customers_file_is_kept_and_served_by_a_link_that_nobody_can_change() {
    let (system, from) = (calm(), "15550351001");
    let (id, sha256) = file(system, "image/png", "not really a picture");
    // Its first address is gone: a fresh one is asked for.
    let gone = json!({"kind": "http", "status": 404, "path": format!("/_media/{id}"), "count": 1});
    system.meta_post("/_sim/faults", &gone).expect("a fault");
    send(system, from, "image", json!({"id": id, "mime_type": "image/png", "sha256": sha256, "caption": "this one"}));
    let shown = shown(system, from);
    assert_eq!((&shown["type"], &shown["mime_type"], &shown["bytes"]), (&json!("image"), &json!("image/png"), &json!(20)), "{shown}");
    let url = shown["url"].as_str().expect("a link");
    let (answer, headers) = get(system, url);
    assert_eq!((answer.status, answer.body.as_str()), (200, "not really a picture"));
    assert!(headers.contains("image/png") && headers.contains("inline") && headers.contains("sandbox"), "{headers}");
    // A player asks for parts.
    for (range, status, body) in [("bytes=4-9", 206, "really"), ("bytes=-7", 206, "picture"), ("bytes=90-", 200, "not really a picture")] {
        let (answer, headers) = part(system, url, range);
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{headers}");
        assert_eq!(headers.contains("content-range"), status == 206, "{headers}");
    }
    assert_eq!(get(system, &format!("{url}x")).0.status, 404);
    assert_eq!(get(system, "/media/e30.x").0.status, 404);

    // What could run something is saved and not shown.
    let (id, sha256) = file(system, "text/plain", "<script>alert(1)</script>");
    send(system, "15550351002", "document", json!({"id": id, "mime_type": "text/html", "sha256": sha256, "filename": "a \"b\".html"}));
    let shown = self::shown(system, "15550351002");
    let (answer, headers) = get(system, shown["url"].as_str().expect("a link"));
    assert_eq!(answer.status, 200);
    assert!(headers.contains("application/octet-stream") && headers.contains("attachment; filename*=UTF-8''a%20%22b%22.html"), "{headers}");
}

#[test]
fn a_file_that_can_never_come_is_a_dead_letter_and_the_message_is_shown_all_the_same() {
    let (system, from) = (calm(), "15550351003");
    let (id, _) = file(system, "application/pdf", "a paper");
    send(system, from, "image", json!({"id": id, "mime_type": "image/png", "caption": "a picture?"}));
    eventually(system, "the letter", || (letters(system, "type") == 1).then_some(()));
    send(system, "15550351004", "document", json!({"id": "404404", "mime_type": "application/pdf"}));
    eventually(system, "the letter", || (letters(system, "refused") == 1).then_some(()));
    let messages = eventually(system, "the message", || messages(system, from).filter(|messages| !messages.is_empty()));
    assert_eq!((&messages[0]["text"], &messages[0]["attachments"][0]["url"]), (&json!("a picture?"), &Value::Null));
}

#[test]
fn a_file_that_fails_by_itself_is_tried_again_after_a_minute_and_no_other_one_waits() {
    let system = calm();
    let (id, sha256) = file(system, "audio/ogg", "a song");
    let broken = json!({"kind": "http", "status": 500, "path": format!("/_media/{id}"), "count": 1});
    system.meta_post("/_sim/faults", &broken).expect("a fault");
    let begun = std::time::Instant::now();
    send(system, "15550351005", "audio", json!({"id": id, "mime_type": "audio/ogg; codecs=opus", "sha256": sha256}));
    // A digest that is not the file's: never kept, tried again all the same.
    let (wrong, _) = file(system, "audio/ogg", "another song");
    send(system, "15550351006", "audio", json!({"id": wrong, "mime_type": "audio/ogg", "sha256": BASE64.encode([7; 32])}));
    let (next, sha256) = file(system, "audio/ogg", "a third song");
    send(system, "15550351007", "audio", json!({"id": next, "mime_type": "audio/ogg", "sha256": sha256}));
    shown(system, "15550351007");
    assert!(messages(system, "15550351005").is_some_and(|messages| messages[0]["attachments"][0]["url"].is_null()));
    shown(system, "15550351005");
    assert!(begun.elapsed() >= std::time::Duration::from_mins(1), "{:?}", begun.elapsed());
    assert!(messages(system, "15550351006").is_some_and(|messages| messages[0]["attachments"][0]["url"].is_null()));
}

#[test]
fn while_the_store_is_away_files_wait_and_none_becomes_a_dead_letter() {
    let system = seeded(stack(), &Setup::test());
    let (folder, aside) = (system.dir().join("media"), system.dir().join("aside"));
    std::fs::rename(&folder, &aside).expect("moved");
    std::fs::write(&folder, "no folder").expect("written");
    let (id, sha256) = file(&system, "video/mp4", "a film");
    send(&system, "15550351008", "video", json!({"id": id, "mime_type": "video/mp4", "sha256": sha256}));
    eventually(&system, "the failure", || {
        let outage = |line: &str| line.starts_with("sluice_media_total{outcome=\"store\"}") && !line.ends_with(" 0");
        system.metrics().ok()?.lines().any(outage).then_some(())
    });
    std::fs::remove_file(&folder).expect("removed");
    std::fs::rename(&aside, &folder).expect("moved back");
    shown(&system, "15550351008");
    let letters = system.api_get("/api/v1/dead-letters?stage=media").expect("a list");
    assert_eq!(letters["data"].as_array().map(Vec::len), Some(0), "{letters}");
}

#[test]
fn a_file_of_the_business_is_given_to_meta_once_and_shown_where_it_was_sent() {
    let (system, to) = (calm(), "15550351009");
    let token = system.env().into_iter().find(|(name, _)| *name == "SLUICE_API_TOKEN").expect("a token").1;
    let post = |mime: &str, content: String| {
        let url = format!("{}/api/v1/media?account={PHONE_NUMBER_ID}&name=offer.png", system.api_url());
        http::call("POST", &url, &[("authorization", &format!("Bearer {token}")), ("content-type", mime)], Some(content))
            .expect("an answer")
    };
    let first = post("image/png", "a large offer".into());
    assert_eq!(first.status, 201, "{}", first.body);
    let (first, again) = (first.json(), post("image/png", "a large offer".into()).json());
    assert_eq!((&first["reused"], &again["reused"], &again["id"]), (&json!(false), &json!(true), &first["id"]));
    let file = system.keep("offer.png", "a large offer").expect("a file");
    let uploaded = system.sluice_json(&["media", "upload", "--tenant", "acme", "--account", PHONE_NUMBER_ID, &file]).expect("a row");
    assert_eq!((&uploaded[0]["id"], &uploaded[0]["reused"]), (&first["id"], &json!(true)));

    for (mime, content, said) in [
        ("image/gif", "x".to_owned(), "none that WhatsApp takes"),
        ("image/png", "x".repeat((5 << 20) + 1), "larger than 5242880 bytes"),
        ("image/png", String::new(), "is empty"),
    ] {
        let refused = post(mime, content);
        assert!(refused.status == 422 && refused.body.contains(said), "{mime}: {} {}", refused.status, refused.body);
    }

    super::harness::write(system, to, "hello");
    let conversation = eventually(system, "the conversation", || {
        let found = system.api_get(&format!("/api/v1/conversations?q={to}")).ok()?;
        found["data"][0]["id"].as_str().map(str::to_owned)
    });
    let picture = json!({"conversation": conversation, "type": "image", "image": {"id": first["id"], "caption": "ours"}});
    system.api_post("/api/v1/messages", "media-1", &picture).expect("taken");
    eventually(system, "the picture", || {
        accepted(system).iter().any(|entry| entry["to"] == to && entry["body"]["image"]["id"] == first["id"]).then_some(())
    });
    let sent = eventually(system, "the picture in the conversation", || {
        let messages = messages(system, to)?;
        messages.into_iter().find(|message| message["direction"] == "out" && message["type"] == "image")
    });
    let (answer, _) = get(system, sent["attachments"][0]["url"].as_str().unwrap_or_else(|| panic!("{sent}")));
    assert_eq!((answer.status, answer.body.as_str()), (200, "a large offer"));
}
