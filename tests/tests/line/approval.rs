//! Quotes that wait for a person.

use serde_json::{Value, json};
use sluice_local::System;

use super::harness::{calm, eventually, texts, write};
use super::http::{self, Answer};

/// A customer asks for so much that a person must decide; gives the quote.
pub fn waiting(system: &System, from: &str, request: &str) -> Value {
    write(system, from, request);
    eventually(system, &format!("a quote for {from} that waits"), || {
        let quotes = system.api_get("/api/v1/quotes?status=awaiting_approval&limit=200").ok()?;
        quotes["data"].as_array()?.iter().find(|quote| quote["request"] == request).cloned()
    })
}

fn decide(system: &System, quote: &Value, action: &str, key: &str, body: &Value) -> Answer {
    let token = system.env().into_iter().find(|(name, _)| *name == "SLUICE_API_TOKEN").expect("a token").1;
    let id = quote["id"].as_str().expect("an id");
    let url = format!("{}/api/v1/quotes/{id}/{action}", system.api_url());
    http::post(&url, &[("authorization", &format!("Bearer {token}")), ("idempotency-key", key)], body)
}

fn status(system: &System, quote: &Value, wanted: &str) {
    let path = format!("/api/v1/quotes/{}", quote["id"].as_str().expect("an id"));
    eventually(system, &format!("a quote that is {wanted}"), || (system.api_get(&path).ok()?["status"] == wanted).then_some(()));
}

/// The total as a customer reads it: grouped by the language's own sign.
fn names(text: &str, total: &str) -> bool {
    let digits = |text: &str| text.chars().filter(|c| c.is_ascii_digit() || c.is_whitespace()).collect::<String>();
    digits(text).contains(&digits(total))
}

#[test]
fn an_approved_quote_is_sent_exactly_once_however_often_it_is_approved() {
    let (system, from) = (calm(), "15550122001");
    let quote = waiting(system, from, "210 bags of cement and 12 m³ of sand to 13010-111, please");
    let total = quote["total"]["amount"].as_str().expect("a total").to_owned();
    assert!(!texts(system, from).iter().any(|text| names(text, &total)), "the price left before anybody approved it");
    let first = decide(system, &quote, "approve", "approval-1", &json!({}));
    let second = decide(system, &quote, "approve", "approval-1", &json!({}));
    assert_eq!((first.status, second.status), (202, 202), "{first:?} {second:?}");
    assert_eq!(first.json(), second.json());
    status(system, &quote, "approved");
    // A second decision of another person, under another key, changes nothing either.
    let late = decide(system, &quote, "reject", "approval-2", &json!({"reason": "too late"}));
    assert!([202, 409].contains(&late.status), "{late:?}");
    eventually(system, "the approved price", || texts(system, from).iter().any(|text| names(text, &total)).then_some(()));
    // A conversation keeps its order: once this is answered, all of the above is done.
    let before = texts(system, from).len();
    write(system, from, "3 bags of cement to 01310-100?");
    eventually(system, "the next answer", || (texts(system, from).len() > before).then_some(()));
    let told = texts(system, from).iter().filter(|text| names(text, &total)).count();
    assert_eq!(told, 1, "{:#?}", texts(system, from));
    status(system, &quote, "approved");
}

#[test]
fn a_rejected_quote_never_shows_its_price_and_keeps_the_reason_inside() {
    let (system, from) = (calm(), "15550122002");
    let quote = waiting(system, from, "220 bags of cement and 12 m³ of sand to 13010-111, please");
    let total = quote["total"]["amount"].as_str().expect("a total").to_owned();
    let before = texts(system, from).len();
    let answer = decide(system, &quote, "reject", "rejection-1", &json!({"reason": "margin of Olivia"}));
    assert_eq!(answer.status, 202, "{answer:?}");
    status(system, &quote, "rejected");
    eventually(system, "word of the rejection", || (texts(system, from).len() > before).then_some(()));
    let texts = texts(system, from);
    assert!(!texts.iter().any(|text| names(text, &total) || text.contains("Olivia")), "{texts:#?}");
}

#[test]
fn a_decision_that_cannot_be_is_refused_by_name() {
    let (system, from) = (calm(), "15550122003");
    let quote = waiting(system, from, "230 bags of cement and 12 m³ of sand to 13010-111, please");
    let odd = decide(system, &quote, "forget", "odd-1", &json!({}));
    assert!(odd.status == 422 && odd.body.contains("forget"), "{odd:?}");
    let wrong = decide(system, &quote, "change", "odd-2", &json!({"total": "-5"}));
    assert!((400..500).contains(&wrong.status), "{wrong:?}");
    let nobody = decide(system, &json!({"id": "0198c0de-0000-7000-8000-00000000dead"}), "approve", "odd-3", &json!({}));
    assert_eq!(nobody.status, 404, "{nobody:?}");
    status(system, &quote, "awaiting_approval");
}
