//! Command → request body, per channel (contract §6, §10).

use serde_json::{Map, Value, json};

/// A message to send, as its record carries it: `{"type":"text","text":{"body":…}}` and so on.
pub type Command = Map<String, Value>;

/// Why a command cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a JSON object.
    #[error("the command is not a JSON object: {0}")]
    Json(String),
    /// The channel cannot carry it.
    #[error("{channel} cannot carry a message of type `{kind}`")]
    Unsupported {
        /// Channel.
        channel: String,
        /// Message type.
        kind: String,
    },
}

/// The body of the request that sends `command` to `to`, with `callback` where the channel returns it.
pub fn render(channel: &str, to: &str, command: &str, callback: &str) -> Result<String, Error> {
    let command: Command = serde_json::from_str(command).map_err(|e| Error::Json(e.to_string()))?;
    let kind = command.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let body = match channel {
        "whatsapp" => whatsapp(to, command, callback),
        _ => page(channel, to, &command).ok_or(Error::Unsupported { channel: channel.into(), kind })?,
    };
    Ok(Value::Object(body).to_string())
}

fn whatsapp(to: &str, command: Command, callback: &str) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("messaging_product".into(), "whatsapp".into());
    body.insert("recipient_type".into(), "individual".into());
    if to.bytes().all(|b| b.is_ascii_digit()) {
        // Without the plus sign Meta may prepend the business's own country code.
        body.insert("to".into(), format!("+{to}").into());
    } else {
        body.insert("recipient".into(), to.into());
    }
    body.extend(command);
    body.insert("biz_opaque_callback_data".into(), callback.into());
    body
}

/// Instagram and Messenger: text and attachments by link; they return no callback data.
fn page(channel: &str, to: &str, command: &Command) -> Option<Map<String, Value>> {
    let kind = command.get("type")?.as_str()?;
    let message = match kind {
        "text" => json!({ "text": command.get("text")?.get("body")? }),
        "image" | "video" | "audio" => json!({ "attachment": { "type": kind, "payload": { "url": command.get(kind)?.get("link")? } } }),
        "document" => json!({ "attachment": { "type": "file", "payload": { "url": command.get(kind)?.get("link")? } } }),
        _ => return None,
    };
    let mut body = Map::new();
    body.insert("recipient".into(), json!({ "id": to }));
    if channel == "messenger" {
        body.insert("messaging_type".into(), "RESPONSE".into());
    }
    body.insert("message".into(), message);
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"type":"text","text":{"body":"Hello"}}"#;

    #[test]
    fn a_number_gets_its_plus_and_a_user_id_its_own_field() {
        let body: Value = serde_json::from_str(&render("whatsapp", "15550100002", TEXT, "v1.k").expect("renders")).expect("json");
        assert_eq!(body["to"], "+15550100002");
        assert_eq!(body["biz_opaque_callback_data"], "v1.k");
        let body: Value = serde_json::from_str(&render("whatsapp", "US.1a", TEXT, "v1.k").expect("renders")).expect("json");
        assert_eq!((body.get("to"), &body["recipient"]), (None, &Value::from("US.1a")));
    }

    #[test]
    fn a_page_message_carries_what_the_channel_knows() {
        let body: Value = serde_json::from_str(&render("instagram", "17", TEXT, "").expect("renders")).expect("json");
        assert_eq!(body, json!({ "recipient": { "id": "17" }, "message": { "text": "Hello" } }));
        assert!(render("instagram", "17", r#"{"type":"template"}"#, "").is_err());
        assert!(render("messenger", "17", "[]", "").is_err());
    }
}
