use reqwest::StatusCode;
use serde_json::json;
use sluice_simulate::{Config, World};

use crate::support::{CUSTOMER, NUMBER, Receiver, Stage, hello, quick, template, text};

async fn attempt(stage: &Stage) -> Result<reqwest::Response, reqwest::Error> {
    stage
        .client
        .post(format!("{}/v24.0/{NUMBER}/messages", stage.url))
        .bearer_auth(&World::demo().tokens[0].token)
        .json(&hello(CUSTOMER))
        .send()
        .await
}

async fn fault(stage: &Stage, spec: serde_json::Value) {
    let (status, answer) = stage.post("/_sim/faults", spec).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn a_reset_before_acceptance_leaves_no_trace_in_the_book() {
    let stage = Stage::new().await;
    stage.inbound(CUSTOMER).await;
    fault(&stage, json!({"kind": "reset", "when": "before", "count": 1})).await;
    let error = attempt(&stage).await.unwrap_err();
    assert!(!error.is_connect(), "the call was on its way: {error:?}");
    assert!(stage.ledger().await.is_empty());
    assert_eq!(attempt(&stage).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_reset_after_acceptance_stands_in_the_book_and_gets_its_statuses() {
    let stage = Stage::new().await;
    stage.inbound(CUSTOMER).await;
    fault(&stage, json!({"kind": "reset", "when": "after", "count": 1, "to": CUSTOMER})).await;
    assert!(attempt(&stage).await.is_err());
    let ledger = stage.ledger().await;
    assert_eq!(ledger.len(), 1);
    assert_eq!(ledger[0]["callback_data"], "v1.key.send.1");
    assert_eq!(ledger[0]["body"], hello(CUSTOMER));
    let wamid = text(&ledger[0]["wamid"]);
    stage.receiver.until(|posts| Receiver::statuses(posts).iter().any(|(id, _)| *id == wamid)).await;
}

#[tokio::test]
async fn answers_can_be_broken_in_every_way() {
    let stage = Stage::new().await;
    stage.inbound(CUSTOMER).await;
    fault(&stage, json!({"kind": "http", "when": "before", "count": 1})).await;
    assert_eq!(attempt(&stage).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stage.ledger().await.len(), 0);
    fault(&stage, json!({"kind": "http", "when": "after", "status": 502, "count": 1})).await;
    assert_eq!(attempt(&stage).await.unwrap().status(), StatusCode::BAD_GATEWAY);
    assert_eq!(stage.ledger().await.len(), 1);
    fault(&stage, json!({"kind": "garbage", "when": "after", "count": 1})).await;
    assert!(attempt(&stage).await.unwrap().json::<serde_json::Value>().await.is_err());
    fault(&stage, json!({"kind": "cut", "count": 1})).await;
    let cut = attempt(&stage).await.unwrap();
    assert_eq!(cut.status(), StatusCode::OK);
    assert!(cut.bytes().await.is_err(), "the body ends early");
    assert_eq!(stage.ledger().await.len(), 3);
    fault(&stage, json!({"kind": "code", "code": 131_048, "phone_number_id": NUMBER, "count": 1})).await;
    assert_eq!(stage.code(hello(CUSTOMER)).await, 131_048);
    fault(&stage, json!({"kind": "fail", "code": 131_049, "count": 1})).await;
    assert_eq!(stage.code(hello(CUSTOMER)).await, 0);
    assert_eq!(stage.ledger().await[3]["late_code"], 131_049);
    let summary = stage.get("/_sim/summary").await;
    assert_eq!((&summary["accepted"], &summary["refused_by_code"]), (&json!(4), &json!({"131048": 1})));
}

#[tokio::test]
async fn a_dead_hour_refuses_everything_until_it_is_over() {
    let config = Config { clock: sluice_simulate::ClockKind::Virtual, ..quick() };
    let stage = Stage::with(config).await;
    fault(&stage, json!({"kind": "dead_hour"})).await;
    let send = || stage.send(template(CUSTOMER, "hello_world", "en_US", &[]));
    assert_eq!(send().await.0, 503);
    stage.post("/_sim/clock", json!({"advance_ms": 3_600_000})).await;
    assert_eq!(send().await.0, 200);
}

#[tokio::test]
async fn a_webhook_can_be_doubled() {
    let stage = Stage::new().await;
    fault(&stage, json!({"kind": "webhook_duplicate", "count": 1})).await;
    stage.inbound(CUSTOMER).await;
    let posts = stage.receiver.until(|posts| posts.len() == 2).await;
    assert_eq!(posts[0].raw, posts[1].raw);
}

#[tokio::test]
async fn a_restart_continues_the_book_and_its_windows() {
    let folder = tempfile::tempdir().unwrap();
    let config = || Config { book: Some(folder.path().join("book.jsonl")), ..quick() };
    let stage = Stage::with(config()).await;
    stage.inbound(CUSTOMER).await;
    stage.send(hello(CUSTOMER)).await;
    let before = stage.ledger().await;
    stage.stop().await;
    let stage = Stage::with(config()).await;
    assert_eq!(stage.ledger().await, before);
    let wamid = text(&before[0]["wamid"]);
    stage.receiver.until(|posts| Receiver::statuses(posts).iter().any(|(id, _)| *id == wamid)).await;
    assert_eq!(stage.code(hello(CUSTOMER)).await, 0, "the window is still open");
    assert_eq!(stage.ledger().await[1]["seq"], 2);
}
