//! What our renderers write, the simulated Meta takes; what our checks refuse, it refuses too. It shares no code with them.

use serde_json::{Value, json};
use sluice_connectors::meta::{Client, Options, Rendered, channel, render};
use sluice_schemas::command::Command;
use sluice_schemas::record::Outcome;
use sluice_simulate::{Config, Server, World};

struct Meta {
    url: String,
    http: reqwest::Client,
    client: Client,
    media: String,
}

impl Meta {
    async fn start() -> Self {
        let server = Server::bind(Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() }).await.expect("binds");
        let url = server.url();
        tokio::spawn(server.serve(std::future::pending()));
        let options = Options { graph_url: url.clone(), instagram_url: url.clone(), ..Options::default() };
        let client = Client::new(&options).expect("client");
        let mut meta = Self { url, http: reqwest::Client::new(), client, media: String::new() };
        meta.media = meta.upload().await;
        meta
    }

    async fn upload(&self) -> String {
        let part = |name: &str, more: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
        };
        let file = part("file", "; filename=\"a.png\"\r\nContent-Type: image/png", "picture");
        let body = format!("{}{}{file}--b--\r\n", part("messaging_product", "", "whatsapp"), part("type", "", "image/png"));
        let request = self.http.post(format!("{}/v26.0/15550100001/media", self.url)).bearer_auth(token());
        let answer = request.header("content-type", "multipart/form-data; boundary=b").body(body).send().await.expect("answers");
        let answer: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
        answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The person writes first, so that the window is open.
    async fn open(&self, account: &str, from: &str) {
        let body = json!({"phone_number_id": account, "from": from, "text": "Hello"}).to_string();
        let answer = self.http.post(format!("{}/_sim/inbound", self.url)).body(body).send().await.expect("answers");
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
    }

    /// The channel's account, a person of their own, and the message with an uploaded file where it names one.
    async fn case(&self, row: &Value, n: usize) -> (&'static str, String, String) {
        let (account, to) = match row["channel"].as_str() {
            Some("whatsapp") => ("15550100001", format!("155501{n:05}")),
            Some("instagram") => ("17841400000001", format!("17{n:05}")),
            _ => ("15550400001", format!("18{n:05}")),
        };
        self.open(account, &to).await;
        (account, to, row["command"].to_string().replace("MEDIA", &self.media))
    }

    async fn send(&self, row: &Value, account: &str, request: Rendered) -> (Outcome, String) {
        let exchange = self.client.send(row["channel"].as_str().expect("channel"), account, &token().into(), request).await;
        (exchange.outcome, format!("{exchange:?}"))
    }
}

fn token() -> String {
    World::demo().tokens[0].token.clone()
}

fn rows(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("rows")
}

#[tokio::test]
async fn the_simulated_meta_takes_every_message_of_the_contract() {
    let meta = Meta::start().await;
    for (n, row) in rows(include_str!("../fixtures/messages.json")).iter().enumerate() {
        let (account, to, command) = meta.case(row, n).await;
        let request = render(row["channel"].as_str().expect("channel"), &to, &command, "v1.k.send.1.mac").expect("renders");
        let (outcome, answer) = meta.send(row, account, request).await;
        assert_eq!(outcome, Outcome::Accepted, "{row}: {answer}");
    }
}

#[tokio::test]
async fn the_simulated_meta_refuses_what_our_checks_refuse() {
    let meta = Meta::start().await;
    for (n, row) in rows(include_str!("../fixtures/refused.json")).iter().enumerate() {
        let (account, to, command) = meta.case(row, n).await;
        let command = Command::from_json(&command).expect("well formed");
        let body = channel(row["channel"].as_str().expect("channel")).expect("a channel").render(&to, &command, "v1.k.send.1.mac");
        let (outcome, answer) = meta.send(row, account, Rendered { body: Value::Object(body).to_string(), mark: false }).await;
        assert_eq!(outcome, Outcome::Rejected, "{row}: {answer}");
    }
}
