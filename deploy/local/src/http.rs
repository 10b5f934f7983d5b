//! Requests to the parts of the product on this machine, from code that may run inside or outside an async runtime.
//!
//! HTTP/1.0, so that every answer ends with its connection: none comes in chunks.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::Error;

const PATIENCE: Duration = Duration::from_secs(30);

/// A status and a body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Asks `http://host:port/path`; with a `body` it is a POST of JSON. `headers` are complete lines without their ends.
pub(crate) fn request(url: &str, headers: &[String], body: Option<&Value>) -> io::Result<Answer> {
    let text = body.map(Value::to_string).unwrap_or_default();
    let content = "Content-Type: application/json".to_owned();
    ask(url, if body.is_some() { "POST" } else { "GET" }, &[headers, &[content]].concat(), &text)
}

/// Posts plain text.
pub(crate) fn text(url: &str, text: &str) -> io::Result<Answer> {
    ask(url, "POST", &["Content-Type: text/plain".to_owned()], text)
}

/// Deletes.
pub(crate) fn delete(url: &str) -> io::Result<Answer> {
    ask(url, "DELETE", &[], "")
}

fn ask(url: &str, method: &str, headers: &[String], text: &str) -> io::Result<Answer> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{url}: {what}"));
    let rest = url.strip_prefix("http://").ok_or_else(|| invalid("not an http:// address"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} /{path} HTTP/1.0\r\nHost: {authority}\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    write!(stream, "{head}Content-Length: {}\r\n\r\n{text}", text.len())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{url}: no HTTP answer")))
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split_whitespace().nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

/// Asks and reads a JSON answer of success.
pub(crate) fn json(url: &str, headers: &[String], body: Option<&Value>) -> Result<Value, Error> {
    let failed = |detail: String| Error::Answer { what: url.to_owned(), detail };
    let answer = request(url, headers, body).map_err(|error| failed(error.to_string()))?;
    if !(200..300).contains(&answer.status) {
        return Err(failed(format!("{} {}", answer.status, answer.body)));
    }
    serde_json::from_str(&answer.body).map_err(|error| failed(format!("{error}: {}", answer.body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_body() {
        let answer = parse(b"HTTP/1.0 503 Service Unavailable\r\ncontent-type: text/plain\r\n\r\nnot yet\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "not yet\r\n\r\n"));
        assert!(parse(b"SSH-2.0-OpenSSH").is_none());
    }

    #[test]
    fn a_port_where_nobody_listens_is_an_error() {
        assert!(request("http://127.0.0.1:9/livez", &[], None).is_err());
        assert_eq!(request("ftp://127.0.0.1/", &[], None).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
