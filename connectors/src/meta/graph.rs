//! Management calls of the Graph API: what Meta says of templates and numbers (contract §9).

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sluice_schemas::meta::{Response, response};

use super::Client;

/// Most bytes of one answer: a page of templates is far below.
const LARGEST: usize = 16 << 20;
/// Rows of a page.
const ROWS: &str = "200";
/// Most pages of one list: 6,000 templates are 30 of them.
const PAGES: usize = 200;

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Meta refused.
    #[error("Meta refused: {message} ({code})")]
    Refused {
        /// Meta's error code.
        code: i64,
        /// `retry`, `throttle`, `permanent`, `account`, `hold`.
        class: &'static str,
        /// Meta's words.
        message: String,
    },
    /// There is no line to Meta.
    #[error("no connection to Meta: {0}")]
    NoConnection(String),
    /// No answer came, or one without an error object: worth another try.
    #[error("Meta did not answer: {0}")]
    Unreachable(String),
    /// An answer of another shape than documented.
    #[error("Meta's answer is not as documented: {0}")]
    Unexpected(String),
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::NoConnection(_) | Self::Unreachable(_) => "unreachable",
            Self::Unexpected(_) => "unexpected",
        }
    }
}

impl Client {
    /// The object or list at `path`, such as `102290129340398/phone_numbers`.
    pub async fn get(&self, path: &str, query: &[(&str, &str)], token: &SecretString) -> Result<Value, Error> {
        let url = format!("{}/{}/{path}", self.options.graph_url, self.options.version);
        let url = reqwest::Url::parse_with_params(&url, query).map_err(|e| Error::Unexpected(e.to_string()))?;
        answer(self.http.get(url).bearer_auth(token.expose_secret())).await
    }

    /// Changes what is at `path`: `method` is POST or DELETE.
    pub async fn change(
        &self,
        method: reqwest::Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        token: &SecretString,
    ) -> Result<Value, Error> {
        let url = format!("{}/{}/{path}", self.options.graph_url, self.options.version);
        let url = reqwest::Url::parse_with_params(&url, query).map_err(|e| Error::Unexpected(e.to_string()))?;
        let request = self.http.request(method, url).bearer_auth(token.expose_secret());
        answer(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// Every row of the list at `path`, page after page. A page may be short or empty and still have a next one.
    pub async fn list(&self, path: &str, fields: &str, token: &SecretString) -> Result<Vec<Value>, Error> {
        let (mut rows, mut after) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let mut query = vec![("fields", fields), ("limit", ROWS)];
            if !after.is_empty() {
                query.push(("after", &after));
            }
            let mut page = self.get(path, &query, token).await?;
            match page["data"].take() {
                Value::Array(data) => rows.extend(data),
                other => return Err(Error::Unexpected(format!("`data` is {other} and no list"))),
            }
            match next(&page, &after) {
                Some(cursor) => after = cursor,
                None => return Ok(rows),
            }
        }
        Err(Error::Unexpected(format!("the list does not end after {PAGES} pages")))
    }
}

/// The JSON that answers a request.
pub(super) async fn answer(request: reqwest::RequestBuilder) -> Result<Value, Error> {
    let unreachable = |e: reqwest::Error| {
        let broken = if e.is_connect() { Error::NoConnection } else { Error::Unreachable };
        broken(e.without_url().to_string())
    };
    let mut answer = request.send().await.map_err(unreachable)?;
    let (status, mut body) = (answer.status().as_u16(), Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Error::Unexpected(format!("it is larger than {LARGEST} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    read(status, &body)
}

fn read(status: u16, body: &[u8]) -> Result<Value, Error> {
    match response(Some(status), body) {
        Response::ApiError { code: Some(code), class, message, details, .. } => {
            let message = details.or(message).unwrap_or_else(|| "without a word".into());
            Err(Error::Refused { code, class: class.as_str(), message })
        }
        _ if status >= 400 => Err(Error::Unreachable(format!("HTTP status {status} without an error object"))),
        _ => serde_json::from_slice(body).map_err(|e| Error::Unexpected(e.to_string())),
    }
}

/// The cursor of the next page. Only `next` says that there is one: the last page has an `after` too. One that stays where it is ends the
/// list.
fn next(page: &Value, after: &str) -> Option<String> {
    page["paging"]["next"].as_str()?;
    let cursor = page["paging"]["cursors"]["after"].as_str()?;
    (cursor != after).then(|| cursor.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_next_says_that_a_list_goes_on() {
        let page = |next: Option<&str>| json!({"data": [], "paging": {"cursors": {"before": "a", "after": "b"}, "next": next}});
        assert_eq!(next(&page(Some("https://graph.example/x")), ""), Some("b".into()));
        assert_eq!(next(&page(None), ""), None);
        assert_eq!(next(&page(Some("https://graph.example/x")), "b"), None, "a cursor that stays where it is");
        assert_eq!(next(&json!({"data": []}), ""), None);
    }

    #[test]
    fn a_refusal_says_code_class_and_words() {
        let refused = read(401, br#"{"error":{"message":"Access token has expired","code":190}}"#).expect_err("refused");
        assert!(matches!(&refused, Error::Refused { code: 190, class: "account", .. }), "{refused:?}");
        assert!(matches!(read(502, b"<html>"), Err(Error::Unreachable(_))));
        assert!(matches!(read(200, b"<html>"), Err(Error::Unreachable(_) | Error::Unexpected(_))));
        assert_eq!(read(200, br#"{"id":"1"}"#).expect("an object"), json!({"id": "1"}));
    }
}
