//! Answers of the Graph API (contract §6, §7, §9, §10).

use serde::Serialize;

use super::Json;
use super::codes::{self, Class};
use super::scan::Node;

/// What an answer says. Serialised, `kind` names the variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Response {
    /// A message was taken over; its outcome comes by webhook.
    Accepted {
        /// wamid or mid
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// digits; may differ from what was asked for
        #[serde(skip_serializing_if = "Option::is_none")]
        wa_id: Option<String>,
        /// business-scoped user id
        #[serde(skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
        /// recipient as the request named it (`input`), or Instagram/Messenger scoped id
        #[serde(skip_serializing_if = "Option::is_none")]
        recipient: Option<String>,
        /// accepted, held_for_quality_assessment, paused
        #[serde(skip_serializing_if = "Option::is_none")]
        message_status: Option<String>,
    },
    /// An error object; or a failure whose body says nothing, then without `code`.
    ApiError {
        /// see [`codes`]
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<i64>,
        /// officially gone, but seen
        #[serde(skip_serializing_if = "Option::is_none")]
        subcode: Option<i64>,
        /// what to do
        class: Class,
        /// Meta's own `is_transient`; it does not decide the class
        #[serde(skip_serializing_if = "Option::is_none")]
        transient: Option<bool>,
        /// Meta's text, for people
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// `error_data.details`
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<String>,
        /// id for Meta's support
        #[serde(skip_serializing_if = "Option::is_none")]
        fbtrace_id: Option<String>,
    },
    /// A page of a list. Without `next` it is the last one, whatever `after` says; it may be short or empty.
    List {
        /// the items of the page
        items: Json,
        /// cursor; present on the last page as well
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<String>,
        /// address of the next page; may hold a token
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Where to download media, for five minutes.
    Media {
        /// media id
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// download address; needs the token
        url: String,
        /// as received
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<String>,
        /// as received
        #[serde(skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
        /// bytes
        #[serde(skip_serializing_if = "Option::is_none")]
        file_size: Option<i64>,
    },
    /// Any other object: an upload, a template, a number, an account.
    Object {
        /// its id
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// the object itself
        data: Json,
    },
    /// A command was carried out.
    Success {
        /// as received
        success: bool,
    },
}

/// Reads an answer. A body that is no JSON (a proxy's page, a cut connection), or JSON without an error object on a
/// failing HTTP status, is an `api_error` without code: 429 is a throttle, 5xx and unknown status may be retried,
/// anything else is permanent.
pub fn response(http_status: Option<u16>, body: &[u8]) -> Response {
    let node = std::str::from_utf8(body).ok().and_then(|text| Node::read(text).ok());
    let Some(node) = node else { return mute(http_status) };
    let [error, code, error_message] = node.fields(["error", "code", "error_message"]);
    if let Some(error) = error {
        return api_error(http_status, error);
    }
    if error_message.is_some() && code.is_some() {
        // The login endpoints of Instagram answer without the envelope.
        return api_error(http_status, node);
    }
    if http_status.is_some_and(|status| status >= 400) {
        return mute(http_status);
    }
    accepted(node).or_else(|| plain(node)).unwrap_or_else(|| mute(http_status))
}

fn mute(http_status: Option<u16>) -> Response {
    let verdict = codes::classify(None, None, None, http_status);
    Response::ApiError { code: None, subcode: None, class: verdict.class, transient: None, message: None, details: None, fbtrace_id: None }
}

fn own(node: Option<Node<'_>>) -> Option<String> {
    node.and_then(Node::id).map(std::borrow::Cow::into_owned)
}

fn api_error(http_status: Option<u16>, error: Node<'_>) -> Response {
    let [code, subcode, transient, message, older, data, fbtrace_id] =
        error.fields(["code", "error_subcode", "is_transient", "message", "error_message", "error_data", "fbtrace_id"]);
    let (code, subcode) = (code.and_then(Node::integer), subcode.and_then(Node::integer));
    let details = match data {
        // Some endpoints give the details as a text.
        Some(data) if !data.is_object() => own(Some(data)),
        data => own(data.and_then(|data| data.get("details"))),
    };
    Response::ApiError {
        code,
        subcode,
        class: codes::classify(None, code, subcode, http_status).class,
        transient: transient.map(Node::flag),
        message: own(message).or_else(|| own(older)).or_else(|| own(Some(error))),
        details,
        fbtrace_id: own(fbtrace_id),
    }
}

/// `{contacts[], messages[]}` of WhatsApp, `{recipient_id, message_id}` of Instagram and Messenger.
fn accepted(node: Node<'_>) -> Option<Response> {
    let [messages, contacts, message_id, recipient_id] = node.fields(["messages", "contacts", "message_id", "recipient_id"]);
    if let Some(id) = own(message_id) {
        return Some(Response::Accepted { id: Some(id), wa_id: None, user_id: None, recipient: own(recipient_id), message_status: None });
    }
    let message = messages?.items().next().filter(|message| message.is_object())?;
    let [id, message_status] = message.fields(["id", "message_status"]);
    let contact = contacts.and_then(|contacts| contacts.items().next());
    let [input, wa_id, user_id] = contact.map(|contact| contact.fields(["input", "wa_id", "user_id"])).unwrap_or_default();
    Some(Response::Accepted {
        id: own(id),
        wa_id: own(wa_id),
        user_id: own(user_id),
        recipient: own(input),
        message_status: own(message_status),
    })
}

fn plain(node: Node<'_>) -> Option<Response> {
    if node.is_array() {
        return Some(Response::List { items: Json::keep(node.raw()), after: None, next: None });
    }
    if matches!(node.raw(), "true" | "false") {
        return Some(Response::Success { success: node.flag() });
    }
    if !node.is_object() {
        return None;
    }
    let [data, paging, url, mime_type, sha256, file_size, success, id] =
        node.fields(["data", "paging", "url", "mime_type", "sha256", "file_size", "success", "id"]);
    if let Some(data) = data.filter(|data| data.is_array()) {
        let [cursors, next] = paging.map(|paging| paging.fields(["cursors", "next"])).unwrap_or_default();
        let after = own(cursors.and_then(|cursors| cursors.get("after")));
        return Some(Response::List { items: Json::keep(data.raw()), after, next: own(next) });
    }
    if let Some(url) = own(url)
        && (mime_type.is_some() || sha256.is_some() || file_size.is_some())
    {
        return Some(Response::Media {
            id: own(id),
            url,
            mime_type: own(mime_type),
            sha256: own(sha256),
            file_size: file_size.and_then(Node::integer),
        });
    }
    let [attachment_id, recipient_id] = node.fields(["attachment_id", "recipient_id"]);
    if let Some(success) = success
        && id.is_none()
    {
        return Some(Response::Success { success: success.flag() });
    }
    if recipient_id.is_some() && attachment_id.is_none() && node.members().count() == 1 {
        // A sender action (typing, mark as seen) answers with the recipient alone.
        return Some(Response::Success { success: true });
    }
    Some(Response::Object { id: own(id).or_else(|| own(attachment_id)), data: Json::keep(node.raw()) })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(status: Option<u16>, body: &str) -> String {
        serde_json::to_string(&response(status, body.as_bytes())).unwrap()
    }

    #[rstest]
    #[case::accepted(
        r#"{"messaging_product":"whatsapp","contacts":[{"input":"+15550100001","wa_id":"15550100001","user_id":"US.1"}],"messages":[{"id":"wamid.A","message_status":"held_for_quality_assessment"}]}"#,
        r#"{"kind":"accepted","id":"wamid.A","wa_id":"15550100001","user_id":"US.1","recipient":"+15550100001","message_status":"held_for_quality_assessment"}"#
    )]
    #[case::accepted_without_number(
        r#"{"messaging_product":"whatsapp","contacts":[{"input":"US.1","user_id":"US.1"}],"messages":[{"id":"wamid.A"}]}"#,
        r#"{"kind":"accepted","id":"wamid.A","user_id":"US.1","recipient":"US.1"}"#
    )]
    #[case::instagram(r#"{"recipient_id":"77","message_id":"m_A"}"#, r#"{"kind":"accepted","id":"m_A","recipient":"77"}"#)]
    #[case::sender_action(r#"{"recipient_id":"77"}"#, r#"{"kind":"success","success":true}"#)]
    #[case::success(r#"{"success":true}"#, r#"{"kind":"success","success":true}"#)]
    #[case::bare_true("true", r#"{"kind":"success","success":true}"#)]
    #[case::upload(r#"{"id":"900"}"#, r#"{"kind":"object","id":"900","data":{"id":"900"}}"#)]
    #[case::template(
        r#"{"id":"901","status":"PENDING","category":"MARKETING"}"#,
        r#"{"kind":"object","id":"901","data":{"id":"901","status":"PENDING","category":"MARKETING"}}"#
    )]
    #[case::media(
        r#"{"messaging_product":"whatsapp","url":"https://lookaside.example/1","mime_type":"image/jpeg","sha256":"ab","file_size":"1024","id":"902"}"#,
        r#"{"kind":"media","id":"902","url":"https://lookaside.example/1","mime_type":"image/jpeg","sha256":"ab","file_size":1024}"#
    )]
    #[case::page_with_next(
        r#"{"data":[{"id":"1"}],"paging":{"cursors":{"before":"b","after":"a"},"next":"https://graph.example/next"}}"#,
        r#"{"kind":"list","items":[{"id":"1"}],"after":"a","next":"https://graph.example/next"}"#
    )]
    #[case::last_page_keeps_its_cursor(r#"{"data":[],"paging":{"cursors":{"after":"a"}}}"#, r#"{"kind":"list","items":[],"after":"a"}"#)]
    fn an_answer_is_recognised_by_its_shape(#[case] body: &str, #[case] expected: &str) {
        assert_eq!(read(Some(200), body), expected);
        assert_eq!(read(None, body), expected);
    }

    #[rstest]
    #[case::throttle_as_400(
        Some(400),
        r#"{"error":{"message":"(#130429) Rate limit hit","type":"OAuthException","code":130429,"error_data":{"messaging_product":"whatsapp","details":"Cloud API message throughput has been reached."},"fbtrace_id":"T"}}"#,
        r#"{"kind":"api_error","code":130429,"class":"throttle","message":"(#130429) Rate limit hit","details":"Cloud API message throughput has been reached.","fbtrace_id":"T"}"#
    )]
    #[case::subcode_and_transient(
        Some(503),
        r#"{"error":{"code":2,"error_subcode":1,"is_transient":true}}"#,
        r#"{"kind":"api_error","code":2,"subcode":1,"class":"retry","transient":true}"#
    )]
    #[case::error_in_a_200(Some(200), r#"{"error":{"code":100}}"#, r#"{"kind":"api_error","code":100,"class":"permanent"}"#)]
    #[case::error_as_text(
        Some(400),
        r#"{"error":"invalid_request"}"#,
        r#"{"kind":"api_error","class":"permanent","message":"invalid_request"}"#
    )]
    #[case::proxy_page(Some(502), "<html>Bad gateway</html>", r#"{"kind":"api_error","class":"retry"}"#)]
    #[case::no_status(None, "", r#"{"kind":"api_error","class":"retry"}"#)]
    #[case::page_on_404(Some(404), "<html>", r#"{"kind":"api_error","class":"permanent"}"#)]
    #[case::limit_without_body(Some(429), "", r#"{"kind":"api_error","class":"throttle"}"#)]
    #[case::empty_object_on_500(Some(500), "{}", r#"{"kind":"api_error","class":"retry"}"#)]
    fn a_failure_has_a_class(#[case] status: Option<u16>, #[case] body: &str, #[case] expected: &str) {
        assert_eq!(read(status, body), expected);
    }
}
