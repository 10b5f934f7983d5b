use reqwest::Method;
use serde_json::{Value, json};
use sluice_simulate::{ClockKind, Config, World};

use crate::support::{CUSTOMER, NUMBER, Stage, hello, quick, template, text};

const WABA: &str = "15550200001";

/// A world whose clock stands still.
async fn still(change: impl FnOnce(&mut World)) -> Stage {
    let mut config = Config { clock: ClockKind::Virtual, ..quick() };
    change(&mut config.world);
    Stage::with(config).await
}

#[tokio::test]
async fn every_refusal_has_its_code() {
    let stage = still(|world| {
        let number = &mut world.portfolios[0].wabas[0].numbers[1];
        number.registered = false;
    })
    .await;
    let offer = |name: &str| template(CUSTOMER, name, "en_US", &["Ann"]);
    for (body, code) in [
        (hello(CUSTOMER), 131_047),
        (hello("15550109001"), 131_021),
        (template(CUSTOMER, "nothing", "en_US", &[]), 132_001),
        (template(CUSTOMER, "hello_world", "fr", &[]), 132_001),
        (template(CUSTOMER, "hello_world", "en_US", &["x"]), 132_000),
        (template(CUSTOMER, "spring_offer", "en_US", &["Ann", "10 %"]), 131_008),
        (offer("paused_offer"), 132_015),
        (offer("disabled_offer"), 132_016),
        (offer("pending_offer"), 132_001),
        (json!({"messaging_product": "whatsapp", "to": CUSTOMER, "type": "image", "image": {"id": "1"}}), 131_009),
        (json!([]), 100),
    ] {
        assert_eq!(stage.code(body.clone()).await, code, "{body}");
    }
    let unregistered = stage.post("/v24.0/15550100002/messages", template(CUSTOMER, "hello_world", "en_US", &[])).await;
    assert_eq!(unregistered.1["error"]["code"], 133_010);
    let (status, answer) = stage.post("/v24.0/1/messages", hello(CUSTOMER)).await;
    assert_eq!((status, &answer["error"]["code"], &answer["error"]["error_subcode"]), (400, &json!(100), &json!(33)));
    for token in [None, Some("nonsense"), Some("simulated-expired-token")] {
        let mut request = stage.client.post(format!("{}/v24.0/{NUMBER}/messages", stage.url)).json(&hello(CUSTOMER));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], 190);
    }
    assert_eq!(stage.get("/_sim/summary").await["accepted"], 0);
}

#[tokio::test]
async fn a_number_throttles_what_goes_in_and_out_together() {
    let stage = still(|world| world.portfolios[0].wabas[0].numbers[0].throughput = 10).await;
    for n in 0..4 {
        stage.inbound(&format!("1555014400{n}")).await;
    }
    for n in 0..6 {
        assert_eq!(stage.code(template(&format!("1555014500{n}"), "hello_world", "en_US", &[])).await, 0);
    }
    let (status, answer) = stage.send(template("15550145009", "hello_world", "en_US", &[])).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(130_429)));
    stage.post("/_sim/clock", json!({"advance_ms": 100})).await;
    assert_eq!(stage.code(template("15550145009", "hello_world", "en_US", &[])).await, 0);
}

#[tokio::test]
async fn a_pair_lends_45_messages_and_then_wants_them_back() {
    let stage = still(|_| {}).await;
    stage.inbound(CUSTOMER).await;
    for _ in 0..45 {
        assert_eq!(stage.code(hello(CUSTOMER)).await, 0);
    }
    assert_eq!(stage.code(hello(CUSTOMER)).await, 131_056);
    stage.post("/_sim/clock", json!({"advance_ms": 45 * 6_000 - 1})).await;
    assert_eq!(stage.code(hello(CUSTOMER)).await, 131_056);
    stage.post("/_sim/clock", json!({"advance_ms": 1})).await;
    assert_eq!(stage.code(hello(CUSTOMER)).await, 0);
}

#[tokio::test]
async fn a_portfolio_counts_only_people_outside_open_windows() {
    let stage = still(|world| world.portfolios[0].messaging_limit = Some(2)).await;
    let offer = |to: &str| template(to, "hello_world", "en_US", &[]);
    stage.inbound(CUSTOMER).await;
    for to in [CUSTOMER, "15550146001", "15550146002", "15550146001"] {
        assert_eq!(stage.code(offer(to)).await, 0, "{to}");
    }
    assert_eq!(stage.code(offer("15550146003")).await, 131_048);
    stage.post("/_sim/clock", json!({"advance_ms": 86_400_000})).await;
    assert_eq!(stage.code(offer("15550146003")).await, 0);
    assert_eq!(stage.code(hello(CUSTOMER)).await, 131_047, "the window has closed as well");
}

#[tokio::test]
async fn a_user_id_and_its_number_are_one_person() {
    let stage = Stage::new().await;
    stage.inbound(CUSTOMER).await;
    let (_, answer) = stage.send(hello(CUSTOMER)).await;
    let user = text(&answer["contacts"][0]["user_id"]);
    let mut body = hello(CUSTOMER);
    body.as_object_mut().unwrap().remove("to");
    body["recipient"] = user.as_str().into();
    let (status, answer) = stage.send(body).await;
    assert_eq!((status, text(&answer["contacts"][0]["user_id"])), (200, user));
    assert_eq!(stage.ledger().await[1]["to"], CUSTOMER);
}

#[tokio::test]
async fn who_stopped_marketing_gets_none() {
    let mut config = quick();
    config.behaviour.late_codes.clear();
    let stage = Stage::with(config).await;
    let stop = json!({"phone_number_id": NUMBER, "from": CUSTOMER, "value": "stop"});
    assert_eq!(stage.post("/_sim/preference", stop).await.0, 200);
    let mut offer = template(CUSTOMER, "spring_offer", "en_US", &["Ann", "10 %"]);
    let link = json!({"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "a"}]});
    offer["template"]["components"].as_array_mut().unwrap().push(link);
    assert_eq!(stage.code(offer.clone()).await, 131_050);
    offer["to"] = "15550147001".into();
    let (status, answer) = stage.post(&format!("/v24.0/{NUMBER}/marketing_messages"), offer).await;
    assert_eq!((status, &answer["messages"][0]["message_status"]), (200, &json!("accepted")));
    assert_eq!(stage.ledger().await[0]["category"], "marketing_lite");
}

#[tokio::test]
async fn read_marks_are_acknowledged_and_not_booked() {
    let stage = Stage::new().await;
    let id = stage.inbound(CUSTOMER).await;
    let mark = json!({"messaging_product": "whatsapp", "status": "read", "message_id": id});
    assert_eq!(stage.send(mark).await, (200, json!({"success": true})));
    assert!(stage.ledger().await.is_empty());
}

#[tokio::test]
async fn templates_are_listed_in_pages_until_there_is_no_next() {
    let stage = Stage::new().await;
    let mut names = Vec::new();
    let mut path = format!("/v24.0/{WABA}/message_templates?fields=name,status&limit=4");
    loop {
        let page = stage.get(&path).await;
        for template in page["data"].as_array().unwrap() {
            assert_eq!(template.as_object().unwrap().len(), 3, "id, name and status: {template}");
            names.push(text(&template["name"]));
        }
        let Some(next) = page["paging"]["next"].as_str() else { break };
        path = next.strip_prefix(&stage.url).unwrap().to_owned();
    }
    assert_eq!(names.len(), World::demo().portfolios[0].wabas[0].templates.len());
    assert!(names.is_sorted());
    let paused = json!({"waba_id": WABA, "name": "hello_world", "language": "en_US", "status": "PAUSED"});
    stage.post("/_sim/template", paused).await;
    assert_eq!(stage.code(template(CUSTOMER, "hello_world", "en_US", &[])).await, 132_015);
}

#[tokio::test]
async fn numbers_and_subscriptions_can_be_read_and_changed() {
    let stage = Stage::new().await;
    let numbers = stage.get(&format!("/v24.0/{WABA}/phone_numbers")).await;
    assert_eq!(numbers["data"][0]["id"], NUMBER);
    assert_eq!(stage.get(&format!("/v24.0/{NUMBER}")).await["status"], "CONNECTED");
    let apps = format!("/v24.0/{WABA}/subscribed_apps");
    assert_eq!(stage.call(Method::DELETE, &apps, None).await.0, 200);
    assert_eq!(stage.get(&apps).await["data"], json!([]));
    let own = json!({"override_callback_uri": "http://127.0.0.1:9/nowhere", "verify_token": "t"});
    assert_eq!(stage.post(&apps, own).await.1["error"]["error_subcode"], 2_200);
    assert_eq!(stage.call(Method::POST, &apps, None).await.0, 200);
    assert_eq!(stage.get(&apps).await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn media_live_behind_a_url_that_expires() {
    let stage = still(|_| {}).await;
    let boundary = "simulated-boundary";
    let part = |name: &str, more: &str, value: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    let form = part("messaging_product", "", "whatsapp")
        + &part("type", "", "image/png")
        + &part("file", "; filename=\"a.png\"\r\nContent-Type: image/png", "picture")
        + &format!("--{boundary}--\r\n");
    let token = &World::demo().tokens[0].token;
    let response = stage
        .client
        .post(format!("{}/v24.0/{NUMBER}/media", stage.url))
        .bearer_auth(token)
        .header("Content-Type", format!("multipart/form-data; boundary={boundary}"))
        .body(form)
        .send()
        .await
        .unwrap();
    let id = text(&response.json::<Value>().await.unwrap()["id"]);
    let image = |kind: &str| json!({"messaging_product": "whatsapp", "to": CUSTOMER, "type": kind, kind: {"id": id}});
    stage.inbound(CUSTOMER).await;
    assert_eq!(stage.code(image("image")).await, 0);
    assert_eq!(stage.code(image("video")).await, 131_053);
    let media = stage.get(&format!("/v24.0/{id}")).await;
    assert_eq!((&media["file_size"], &media["mime_type"]), (&json!(7), &json!("image/png")));
    let url = text(&media["url"]);
    let fetch = |token: &'static str| stage.client.get(&url).bearer_auth(token).send();
    assert_eq!(fetch("wrong").await.unwrap().status(), 401);
    assert_eq!(fetch("simulated-access-token").await.unwrap().text().await.unwrap(), "picture");
    stage.post("/_sim/clock", json!({"advance_ms": 301_000})).await;
    assert_eq!(fetch("simulated-access-token").await.unwrap().status(), 404);
}

#[tokio::test]
async fn unknown_paths_and_versions_are_refused_as_meta_does() {
    let stage = Stage::new().await;
    for path in ["/v24.0/1/nothing/here", "/latest/15550100001"] {
        assert_eq!(stage.get(path).await["error"]["code"], 2_500, "{path}");
    }
    assert_eq!(stage.client.get(format!("{}/healthz", stage.url)).send().await.unwrap().text().await.unwrap(), "ok");
}
