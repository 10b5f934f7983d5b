//! Requests whose answers are looked at whole: refusals are answers too.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;
use tokio::runtime::Runtime;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The runtime of all clients; tests themselves block.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"))
}

/// A status and a body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }
}

/// Sends a request; a connection that fails is an error, any answer is an answer.
pub fn call(method: &str, url: &str, headers: &[(&str, &str)], body: Option<String>) -> Result<Answer, String> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let client = CLIENT.get_or_init(|| Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client"));
    let mut request = client.request(Method::from_bytes(method.as_bytes()).expect("a method"), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.body(body);
    }
    runtime().block_on(async {
        let response = request.send().await.map_err(|error| format!("{url}: {error:?}"))?;
        let status = response.status().as_u16();
        let body = response.text().await.map_err(|error| format!("{url}: {error:?}"))?;
        Ok(Answer { status, body })
    })
}

/// Posts bytes.
pub fn put(url: &str, bytes: Vec<u8>) -> Answer {
    runtime().block_on(async {
        let response = Client::builder().no_proxy().build().expect("a client").post(url).body(bytes).send().await.expect("an answer");
        let status = response.status().as_u16();
        Answer { status, body: response.text().await.expect("a body") }
    })
}

/// Posts JSON.
pub fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [headers, &[("content-type", "application/json")]].concat();
    call("POST", url, &headers, Some(body.to_string())).expect("an answer")
}
