use serde_json::json;
use sluice_simulate::{Config, Delivery};

use crate::support::{CUSTOMER, NUMBER, Receiver, Stage, changes, hello, quick, template, text};

fn full_course(wamid: &str) -> [(String, String); 3] {
    ["sent", "delivered", "read"].map(|status| (wamid.to_owned(), status.to_owned()))
}

#[tokio::test]
async fn an_accepted_message_gets_signed_statuses_that_carry_its_callback_data() {
    let stage = Stage::new().await;
    stage.inbound(CUSTOMER).await;
    let (status, answer) = stage.send(hello("+1 555-014-2000")).await;
    assert_eq!(status, 200);
    assert_eq!(answer["contacts"][0]["wa_id"], CUSTOMER);
    let wamid = text(&answer["messages"][0]["id"]);
    assert!(wamid.starts_with("wamid."));
    let expected = full_course(&wamid);
    let posts = stage.receiver.until(|posts| expected.iter().all(|status| Receiver::statuses(posts).contains(status))).await;
    assert!(posts.iter().all(|post| post.signed_by(&Stage::secret()) && !post.signed_by("other")));
    assert!(posts.iter().any(|post| std::str::from_utf8(&post.raw).unwrap().contains("Gr\\u00fc\\u00dfe")));
    let statuses: Vec<_> = changes(&posts).iter().flat_map(|value| value["statuses"].as_array().cloned().unwrap_or_default()).collect();
    for status in &statuses {
        assert_eq!(status["biz_opaque_callback_data"], "v1.key.send.1");
        assert_eq!(status["recipient_id"], CUSTOMER);
        assert_eq!(status.get("pricing").is_some(), status["status"] != "read");
    }
    assert_eq!(statuses[0]["pricing"]["category"], "service");
}

#[tokio::test]
async fn a_refused_webhook_is_resent_byte_by_byte() {
    let stage = Stage::new().await;
    stage.receiver.refuse(3);
    let id = stage.inbound(CUSTOMER).await;
    let arrived = |posts: &[crate::support::Post]| changes(posts).iter().any(|value| value["messages"][0]["id"] == id.as_str());
    let posts = stage.receiver.until(arrived).await;
    assert_eq!(posts.len(), 4);
    assert!(posts.iter().all(|post| post.raw == posts[0].raw && post.signature == posts[0].signature));
}

#[tokio::test]
async fn updates_share_posts_up_to_the_batch_size() {
    let config = Config { delivery: Delivery { linger_ms: 200, max_batch: 3, ..Delivery::default() }, ..quick() };
    let stage = Stage::with(config).await;
    let customers: Vec<_> = (0..7).map(|n| json!({"phone_number_id": NUMBER, "from": format!("1555014300{n}"), "text": "Hi"})).collect();
    stage.post("/_sim/inbound", customers.into()).await;
    let messages = |posts: &[crate::support::Post]| -> Vec<usize> {
        changes(posts).iter().map(|value| value["messages"].as_array().map_or(0, Vec::len)).collect()
    };
    let posts = stage.receiver.until(|posts| messages(posts).iter().sum::<usize>() == 7).await;
    let mut sizes = messages(&posts);
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 3, 3]);
}

#[tokio::test]
async fn an_undeliverable_number_fails_later_with_131026() {
    let stage = Stage::new().await;
    let (status, _) = stage.send(template("15550140026", "hello_world", "en_US", &[])).await;
    assert_eq!(status, 200);
    let posts = stage.receiver.until(|posts| !Receiver::statuses(posts).is_empty()).await;
    let status = &changes(&posts)[0]["statuses"][0];
    assert_eq!((text(&status["status"]).as_str(), status["errors"][0]["code"].as_u64()), ("failed", Some(131_026)));
}

#[tokio::test]
async fn recipients_of_a_campaign_reply_and_open_the_window() {
    let mut config = quick();
    config.behaviour.reply_rate = 1.0;
    config.behaviour.replies = vec!["STOP".into()];
    let stage = Stage::with(config).await;
    assert_eq!(stage.code(hello(CUSTOMER)).await, 131_047);
    stage.send(template(CUSTOMER, "hello_world", "en_US", &[])).await;
    stage.receiver.until(|posts| changes(posts).iter().any(|value| value["messages"][0]["text"]["body"] == "STOP")).await;
    assert_eq!(stage.code(hello(CUSTOMER)).await, 0);
}

#[tokio::test]
async fn social_customers_write_and_get_answers() {
    let stage = Stage::new().await;
    for (account, object) in [("17841400000001", "instagram"), ("15550400001", "page")] {
        let send = || stage.post("/v24.0/me/messages", json!({}));
        assert_eq!(send().await.1["error"]["code"], 100, "two accounts: `me` is ambiguous");
        let path = format!("/v24.0/{account}/messages");
        let answer = json!({"recipient": {"id": "9001"}, "message": {"text": "Hello"}});
        assert_eq!(stage.post(&path, answer.clone()).await.1["error"]["error_subcode"], 2_534_014);
        stage.post("/_sim/inbound", json!({"account": account, "from": "9001", "text": "Hi"})).await;
        let (status, sent) = stage.post(&path, answer).await;
        assert_eq!(status, 200, "{sent}");
        let long = json!({"recipient": {"id": "9001"}, "message": {"text": "ü".repeat(2_001)}});
        assert_eq!(stage.post(&path, long).await.1["error"]["code"], 100);
        let items = |posts: &[crate::support::Post]| {
            posts
                .iter()
                .map(crate::support::Post::json)
                .filter(|body| body["object"] == object)
                .flat_map(|body| body["entry"].as_array().unwrap().clone())
                .map(|entry| entry["messaging"][0].clone())
                .collect::<Vec<_>>()
        };
        let posts = stage.receiver.until(|posts| items(posts).iter().any(|item| item.get("read").is_some())).await;
        assert!(posts.iter().any(|post| post.path.ends_with(if object == "page" { "messenger" } else { object })));
        let items = items(&posts);
        assert!(items.iter().any(|item| item["message"]["text"] == "Hi" && item["sender"]["id"] == "9001"));
        assert!(items.iter().any(|item| item["message"]["is_echo"] == true && item["message"]["mid"] == sent["message_id"]));
    }
}

#[tokio::test]
async fn any_body_can_be_sent_with_a_right_or_a_wrong_signature() {
    let stage = Stage::new().await;
    let (_, answer) = stage.post("/_sim/webhook", json!({"object": "whatsapp_business_account", "entry": []})).await;
    assert_eq!(answer["status"], 200);
    stage.post("/_sim/webhook?signature=wrong", json!({"entry": []})).await;
    let posts = stage.receiver.posts();
    assert_eq!(posts.iter().map(|post| post.signed_by(&Stage::secret())).collect::<Vec<_>>(), [true, false]);
    assert_eq!(stage.post("/_sim/handshake", json!({})).await.1["verified"], true);
}

#[tokio::test]
async fn a_whole_course_can_be_out_of_order_and_doubled() {
    let mut config = quick();
    config.behaviour.out_of_order_rate = 1.0;
    config.behaviour.duplicate_rate = 1.0;
    config.delivery.concurrency = 1;
    config.behaviour.delivered_after = sluice_simulate::Span::new(40, 40);
    config.behaviour.read_after = sluice_simulate::Span::new(40, 40);
    let stage = Stage::with(config).await;
    stage.send(template(CUSTOMER, "hello_world", "en_US", &[])).await;
    let posts = stage.receiver.until(|posts| Receiver::statuses(posts).len() >= 6).await;
    let statuses: Vec<_> = Receiver::statuses(&posts).into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses[0], "read", "{statuses:?}");
    for status in ["sent", "delivered", "read"] {
        assert_eq!(statuses.iter().filter(|own| *own == status).count(), 2, "{statuses:?}");
    }
}

#[tokio::test]
async fn one_wrong_customer_does_not_silence_the_others() {
    let stage = Stage::new().await;
    let write = |from: &str| json!({"phone_number_id": NUMBER, "from": from, "text": "Hi"});
    let (status, answer) = stage.post("/_sim/inbound", json!([write("nobody"), write(CUSTOMER)])).await;
    assert_eq!(status, 200);
    assert!(text(&answer[0]["error"]).starts_with("from"), "{answer}");
    assert!(text(&answer[1]["id"]).starts_with("wamid."));
}
