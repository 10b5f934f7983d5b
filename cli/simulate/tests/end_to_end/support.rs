//! The stage on which the tests play.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use sluice_simulate::{Behaviour, Config, Delivery, Server, Span, World};
use tokio::sync::{Notify, oneshot};

/// The demonstration world's first number.
pub const NUMBER: &str = "15550100001";
/// A customer.
pub const CUSTOMER: &str = "15550142000";

/// One POST that the receiver got.
#[derive(Debug, Clone)]
pub struct Post {
    pub raw: Bytes,
    pub signature: String,
    pub path: String,
    pub status: StatusCode,
}

impl Post {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.raw).unwrap()
    }

    pub fn signed_by(&self, secret: &str) -> bool {
        let tag = hex::decode(self.signature.strip_prefix("sha256=").unwrap()).unwrap();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), &self.raw, &tag).is_ok()
    }
}

/// Keeps every POST; refuses the first `refuse` of them.
#[derive(Default)]
pub struct Receiver {
    posts: Mutex<Vec<Post>>,
    refuse: AtomicUsize,
    arrived: Notify,
}

impl Receiver {
    /// Answers 500 to the next `count` POSTs.
    pub fn refuse(&self, count: usize) {
        self.refuse.store(count, Ordering::SeqCst);
    }

    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// Waits until what arrived satisfies `enough`.
    pub async fn until(&self, enough: impl Fn(&[Post]) -> bool) -> Vec<Post> {
        let waiting = async {
            loop {
                let arrived = self.arrived.notified();
                let posts = self.posts();
                if enough(&posts) {
                    return posts;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("never arrived; got {:?}", self.posts()))
    }

    /// All statuses `(wamid, status)` of answered POSTs so far.
    pub fn statuses(posts: &[Post]) -> Vec<(String, String)> {
        let of = |object: &Value| (text(&object["id"]), text(&object["status"]));
        changes(posts).iter().flat_map(|value| value["statuses"].as_array().cloned().unwrap_or_default()).map(|s| of(&s)).collect()
    }
}

/// The `value` of every change in POSTs answered 200.
pub fn changes(posts: &[Post]) -> Vec<Value> {
    let answered = posts.iter().filter(|post| post.status == StatusCode::OK);
    answered
        .flat_map(|post| post.json()["entry"].as_array().cloned().unwrap_or_default())
        .flat_map(|entry| entry["changes"].as_array().cloned().unwrap_or_default())
        .map(|change| change["value"].clone())
        .collect()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn receive(State(receiver): State<Arc<Receiver>>, uri: axum::http::Uri, headers: HeaderMap, raw: Bytes) -> StatusCode {
    let refused = receiver.refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    let status = if refused { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
    let signature = headers.get("x-hub-signature-256").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    receiver.posts.lock().unwrap().push(Post { raw, signature, path: uri.path().to_owned(), status });
    receiver.arrived.notify_waiters();
    status
}

async fn challenge(RawQuery(query): RawQuery) -> String {
    let query = query.unwrap_or_default();
    query.split('&').find_map(|pair| pair.strip_prefix("hub.challenge=")).unwrap_or_default().to_owned()
}

/// A running simulator with its receiver.
pub struct Stage {
    pub url: String,
    pub client: reqwest::Client,
    pub receiver: Arc<Receiver>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
}

/// Statuses come at once and every message is read.
pub fn quick() -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        behaviour: Behaviour {
            sent_after: Span::new(0, 0),
            delivered_after: Span::new(1, 1),
            read_after: Span::new(1, 1),
            reply_after: Span::new(1, 1),
            read_rate: 1.0,
            ..Behaviour::default()
        },
        delivery: Delivery { linger_ms: 0, retry_first_ms: 5, ..Delivery::default() },
        ..Config::default()
    }
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(quick()).await
    }

    pub async fn with(mut config: Config) -> Self {
        let receiver = Arc::new(Receiver::default());
        let routes = Router::new().route("/webhooks/{network}", post(receive).get(challenge)).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let callback = format!("http://{}/webhooks/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        config.delivery.whatsapp = vec![format!("{callback}whatsapp")];
        config.delivery.instagram = Some(format!("{callback}instagram"));
        config.delivery.messenger = Some(format!("{callback}messenger"));
        let server = Server::bind(config).await.unwrap();
        let url = server.url();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            server.serve(async { drop(stopped.await) }).await.unwrap();
        });
        Self { url, client: reqwest::Client::new(), receiver, stop: Some(stop), served }
    }

    pub async fn stop(mut self) {
        self.stop.take();
        // Idle connections of the client would keep the server waiting.
        drop(std::mem::take(&mut self.client));
        self.served.await.unwrap();
    }

    pub fn secret() -> String {
        World::demo().app_secret
    }

    pub async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&World::demo().tokens[0].token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, None).await.1
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(reqwest::Method::POST, path, Some(body)).await
    }

    /// Sends from the first number.
    pub async fn send(&self, body: Value) -> (u16, Value) {
        self.post(&format!("/v24.0/{NUMBER}/messages"), body).await
    }

    /// The code of a refused send; 0 if it was accepted.
    pub async fn code(&self, body: Value) -> u64 {
        self.send(body).await.1["error"]["code"].as_u64().unwrap_or_default()
    }

    /// A customer writes to the first number.
    pub async fn inbound(&self, from: &str) -> String {
        let (status, answer) = self.post("/_sim/inbound", json!({"phone_number_id": NUMBER, "from": from, "text": "Grüße"})).await;
        assert_eq!(status, 200, "{answer}");
        text(&answer["id"])
    }

    pub async fn ledger(&self) -> Vec<Value> {
        self.get("/_sim/ledger").await["data"].as_array().unwrap().clone()
    }
}

pub fn hello(to: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Hello"},
        "biz_opaque_callback_data": "v1.key.send.1"})
}

pub fn template(to: &str, name: &str, language: &str, texts: &[&str]) -> Value {
    let parameters: Vec<_> = texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
    let components = if texts.is_empty() { json!([]) } else { json!([{"type": "body", "parameters": parameters}]) };
    json!({"messaging_product": "whatsapp", "to": to, "type": "template",
        "template": {"name": name, "language": {"code": language}, "components": components}})
}
