//! Meta's Graph API: one attempt, one exchange, and an honest word about what is known afterwards.

pub mod channel;
pub mod graph;
mod media;
pub mod template;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sluice_schemas::meta::{Response, response};
use sluice_schemas::record::Outcome;

pub use channel::{Rendered, channel, render};
pub use media::{Download, Place, Uploading};

/// Where the Graph API is.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Base address for WhatsApp and Messenger.
    pub graph_url: String,
    /// Base address for Instagram.
    pub instagram_url: String,
    /// API version.
    pub version: String,
    /// An exchange is given up after this many seconds; what became of it is unknown then.
    pub timeout_seconds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            graph_url: "https://graph.facebook.com".into(),
            instagram_url: "https://graph.instagram.com".into(),
            version: "v26.0".into(),
            timeout_seconds: 30,
        }
    }
}

/// A client that neither retries nor follows redirects: a second transmission is the ledger's decision alone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    options: Options,
}

/// What an exchange showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What is proven.
    pub outcome: Outcome,
    /// Meta's message id.
    pub wamid: Option<String>,
    /// Meta's error code.
    pub code: Option<i32>,
    /// Class of the error code.
    pub class: Option<&'static str>,
    /// In words, without message text.
    pub detail: Option<String>,
    /// 0 when no answer came.
    pub http_status: u16,
}

/// Error codes that say nothing about whether the message was taken (contract §7): with a 5xx they prove nothing.
const VAGUE: [i64; 3] = [1, 2, 131_000];

/// Subcode of 1 with which Instagram reports a failure though the message was sent (contract §10).
const SENT_ANYWAY: i64 = 1_357_046;

impl Client {
    /// A client that gives up an exchange after [`Options::timeout_seconds`].
    pub fn new(options: &Options) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(options.timeout_seconds.into()))
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(1024)
            .tcp_nodelay(true)
            .build()?;
        Ok(Self { http, options: options.clone() })
    }

    /// Transmits a request from `account` once.
    pub async fn send(&self, channel: &str, account: &str, token: &SecretString, request: Rendered) -> Exchange {
        let Rendered { body, mark } = request;
        let base = self::channel(channel).map_or(self.options.graph_url.as_str(), |channel| channel.base(&self.options));
        let url = format!("{base}/{}/{account}/messages", self.options.version);
        let request = self.http.post(url).bearer_auth(token.expose_secret()).header("content-type", "application/json").body(body);
        match request.send().await {
            // No connection, no byte.
            Err(e) if e.is_connect() => Exchange::nothing(Outcome::Unwritten, "no connection to Meta"),
            Err(e) => Exchange::nothing(Outcome::Unknown, if e.is_timeout() { "no answer in time" } else { "the connection broke" }),
            Ok(answer) => {
                let status = answer.status().as_u16();
                match answer.bytes().await {
                    Ok(bytes) => Exchange::read(status, &bytes, mark),
                    Err(_) => Exchange { http_status: status, ..Exchange::nothing(Outcome::Unknown, "the answer was cut") },
                }
            }
        }
    }
}

impl Exchange {
    fn nothing(outcome: Outcome, detail: &str) -> Self {
        Self { outcome, wamid: None, code: None, class: None, detail: Some(detail.into()), http_status: 0 }
    }

    /// Reads an answer; that to a mark brings no message id. Only an error object of the Graph API proves that the message was not
    /// taken, and not even that one does where Meta reports a failure though it sent (contract §10).
    pub fn read(status: u16, body: &[u8], mark: bool) -> Self {
        let unknown = |detail: &str| Self { http_status: status, ..Self::nothing(Outcome::Unknown, detail) };
        match response(Some(status), body) {
            Response::Accepted { id: Some(id), .. } => {
                Self { outcome: Outcome::Accepted, wamid: Some(id), code: None, class: None, detail: None, http_status: status }
            }
            Response::Success { success: true } | Response::Object { .. } if mark && status < 300 => {
                Self { outcome: Outcome::Accepted, wamid: None, code: None, class: None, detail: None, http_status: status }
            }
            Response::ApiError { subcode: Some(SENT_ANYWAY), .. } => unknown("reported as failed, though it may have been sent"),
            Response::ApiError { code: Some(code), .. } if status >= 500 && VAGUE.contains(&code) => {
                unknown("a server error that proves nothing")
            }
            Response::ApiError { code: Some(code), class, message, details, .. } => Self {
                outcome: Outcome::Rejected,
                wamid: None,
                code: i32::try_from(code).ok(),
                class: Some(class.as_str()),
                detail: details.or(message),
                http_status: status,
            },
            _ => unknown("the answer is not one of the Graph API"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_object_proves_a_refusal() {
        let throttled = br#"{"error":{"message":"(#131056) Pair rate","code":131056}}"#;
        let outcome = |status, body: &[u8]| Exchange::read(status, body, false).outcome;
        assert_eq!(outcome(400, throttled), Outcome::Rejected);
        assert_eq!(Exchange::read(400, throttled, false).class, Some("throttle"));
        assert_eq!(outcome(503, br#"{"error":{"message":"down","code":2}}"#), Outcome::Unknown);
        assert_eq!(outcome(503, br#"{"error":{"message":"overloaded","code":131016}}"#), Outcome::Rejected);
        assert_eq!(outcome(502, b"<html>bad gateway</html>"), Outcome::Unknown);
        assert_eq!(outcome(200, br#"{"messaging_product":"whatsapp","mess"#), Outcome::Unknown);
        assert_eq!(outcome(200, br#"{"messages":[]}"#), Outcome::Unknown);
        let sent_anyway = br#"{"error":{"message":"An unknown error","code":1,"error_subcode":1357046}}"#;
        assert_eq!(outcome(400, sent_anyway), Outcome::Unknown);
        assert_eq!(outcome(200, br#"{"success":true}"#), Outcome::Unknown);
        assert_eq!(Exchange::read(200, br#"{"success":true}"#, true).outcome, Outcome::Accepted);
        assert_eq!(Exchange::read(200, br#"{"recipient_id":"17"}"#, true).outcome, Outcome::Accepted);
        let taken = br#"{"messaging_product":"whatsapp","contacts":[{"input":"+1","wa_id":"1"}],"messages":[{"id":"wamid.A"}]}"#;
        assert_eq!(Exchange::read(200, taken, false).wamid.as_deref(), Some("wamid.A"));
    }
}
