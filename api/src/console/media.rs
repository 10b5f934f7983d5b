//! Files by their links. A link is its own authority: it was made for somebody who may see the file, and ends soon.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::page::Failed;
use crate::data::media::{self, Opened};
use crate::view::shown_in_place;

/// Whatever a file is, it runs nothing here.
const NOTHING_RUNS: &str = "default-src 'none'; sandbox";

pub(super) async fn serve(State(app): State<crate::State>, Path(link): Path<String>, asked: HeaderMap) -> Result<Response, Failed> {
    let range = asked.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Opened { link, size, part, stream } = media::open(&app, &link, range).await?;
    let place = shown_in_place(&link.mime);
    let mime = if place { link.mime.as_str() } else { "application/octet-stream" };
    let headers = [
        (header::CONTENT_TYPE, mime.to_owned()),
        (header::CONTENT_LENGTH, (part.end - part.start).to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_DISPOSITION, disposition(place, link.name.as_deref())),
        (header::CACHE_CONTROL, "private, max-age=600, immutable".to_owned()),
        (header::CONTENT_SECURITY_POLICY, NOTHING_RUNS.to_owned()),
        // As it is: pictures, films and archives do not get smaller.
        (header::CONTENT_ENCODING, "identity".to_owned()),
    ];
    let body = Body::from_stream(stream);
    if part == (0..size) {
        return Ok((headers, body).into_response());
    }
    let which = format!("bytes {}-{}/{size}", part.start, part.end - 1);
    Ok((StatusCode::PARTIAL_CONTENT, headers, [(header::CONTENT_RANGE, which)], body).into_response())
}

/// RFC 6266, with the name as RFC 8187 writes it: every byte that is no plain letter or digit is escaped.
fn disposition(in_place: bool, name: Option<&str>) -> String {
    use std::fmt::Write as _;
    let kind = if in_place { "inline" } else { "attachment" };
    let Some(name) = name else { return kind.to_owned() };
    let mut text = format!("{kind}; filename*=UTF-8''");
    for byte in name.bytes() {
        let _ = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => write!(text, "{}", char::from(byte)),
            other => write!(text, "%{other:02X}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        assert_eq!(
            disposition(false, Some("ação \"1\"\r\nX: y.pdf")),
            "attachment; filename*=UTF-8''a%C3%A7%C3%A3o%20%221%22%0D%0AX%3A%20y.pdf"
        );
        assert_eq!(disposition(true, None), "inline");
    }
}
