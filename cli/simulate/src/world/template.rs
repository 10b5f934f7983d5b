//! What a template asks of the message that uses it, worked out once when the template is loaded.

use serde_json::{Value, json};

use super::TemplateSeed;
use crate::error::Error;
use crate::random::Draw;

/// A template's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Header {
    /// None, or a text without variables.
    Fixed,
    /// Text with these variables.
    Text(Vec<String>),
    /// `image`, `video`, `document` or `location`.
    Media(&'static str),
}

/// What a button asks of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    /// Nothing may be given (phone number, fixed URL).
    Fixed,
    /// A `payload` may be given.
    QuickReply,
    /// One `text` must be given: the variable end of the URL, or a one-time code.
    Url,
    /// One `coupon_code` must be given.
    CopyCode,
    /// An `action` may be given (flow, catalog, products).
    Action,
}

impl Button {
    /// The `sub_type` that a message names it by.
    pub(crate) fn sub_type(self) -> &'static str {
        match self {
            Self::Fixed => "none",
            Self::QuickReply => "quick_reply",
            Self::Url => "url",
            Self::CopyCode => "copy_code",
            Self::Action => "flow, catalog or mpm",
        }
    }
}

/// A template and its demands.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) id: String,
    pub(crate) seed: TemplateSeed,
    pub(crate) header: Header,
    pub(crate) body: Vec<String>,
    /// The body's text, for the length check of the filled-in message.
    pub(crate) body_text: String,
    pub(crate) buttons: Vec<Button>,
    /// Whether variables have names instead of numbers.
    pub(crate) named: bool,
    /// Why it was rejected or paused.
    pub(crate) reason: Option<String>,
}

impl Template {
    /// Works out the demands.
    ///
    /// # Errors
    /// A component of unknown type or without what its type needs.
    pub(crate) fn new(seed: TemplateSeed) -> Result<Self, Error> {
        let key = format!("templates.{}", seed.name);
        let wrong = |problem: String| Error::configuration(key.clone(), problem);
        let mut header = Header::Fixed;
        let mut body = Vec::new();
        let mut body_text = String::new();
        let mut buttons = Vec::new();
        for component in &seed.components {
            let text = component["text"].as_str().unwrap_or_default();
            match component["type"].as_str().unwrap_or_default().to_ascii_uppercase().as_str() {
                "HEADER" => header = self::header(component, text).map_err(&wrong)?,
                "BODY" => {
                    body = variables(text);
                    text.clone_into(&mut body_text);
                }
                "FOOTER" => {}
                "BUTTONS" => {
                    let list = component["buttons"].as_array().ok_or_else(|| wrong("BUTTONS without `buttons`".into()))?;
                    buttons = list.iter().map(button).collect::<Result<_, _>>().map_err(&wrong)?;
                }
                other => return Err(wrong(format!("component type `{other}`: write HEADER, BODY, FOOTER or BUTTONS"))),
            }
        }
        if seed.category == "AUTHENTICATION" && body.is_empty() {
            // Meta writes the text of authentication templates itself; its one variable is the code.
            body = vec!["1".into()];
        }
        let named = body.iter().any(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
        let id = seed.id.clone().unwrap_or_else(|| {
            let draw = Draw::new(0, &format!("{}/{}", seed.name, seed.language), 0);
            format!("{}", 1_000_000_000_000_000 + draw.bits("template") % 9_000_000_000_000_000)
        });
        Ok(Self { id, seed, header, body, body_text, buttons, named, reason: None })
    }

    /// The object in which the Graph API lists it.
    pub(crate) fn listed(&self) -> Value {
        json!({
            "name": self.seed.name,
            "parameter_format": if self.named { "NAMED" } else { "POSITIONAL" },
            "components": self.seed.components,
            "language": self.seed.language,
            "status": self.seed.status,
            "category": self.seed.category,
            "quality_score": {"score": "UNKNOWN"},
            "rejected_reason": self.reason.as_deref().unwrap_or("NONE"),
            "id": self.id,
        })
    }
}

fn header(component: &Value, text: &str) -> Result<Header, String> {
    Ok(match component["format"].as_str().unwrap_or("TEXT") {
        "TEXT" => match variables(text) {
            names if names.is_empty() => Header::Fixed,
            names => Header::Text(names),
        },
        "IMAGE" => Header::Media("image"),
        "VIDEO" => Header::Media("video"),
        "DOCUMENT" => Header::Media("document"),
        "LOCATION" => Header::Media("location"),
        other => return Err(format!("header format `{other}`: write TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION")),
    })
}

fn button(button: &Value) -> Result<Button, String> {
    Ok(match button["type"].as_str().unwrap_or_default() {
        "QUICK_REPLY" => Button::QuickReply,
        "URL" if variables(button["url"].as_str().unwrap_or_default()).is_empty() => Button::Fixed,
        "URL" | "OTP" => Button::Url,
        "PHONE_NUMBER" | "VOICE_CALL" => Button::Fixed,
        "COPY_CODE" => Button::CopyCode,
        "FLOW" | "CATALOG" | "MPM" => Button::Action,
        other => return Err(format!("button type `{other}` is not known")),
    })
}

/// The distinct `{{…}}` variables of a text in the order in which they first stand there.
pub(crate) fn variables(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else { break };
        let name = name.trim().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
        rest = tail;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_once_each() {
        assert_eq!(variables("Hi {{1}}, {{ 2 }} and {{1}} {{"), ["1", "2"]);
        assert_eq!(variables("Hi {{first_name}}"), ["first_name"]);
    }

    #[test]
    fn demands_follow_from_the_components() {
        let template = Template::new(TemplateSeed {
            id: None,
            name: "offer".into(),
            language: "de".into(),
            category: "MARKETING".into(),
            status: "APPROVED".into(),
            components: vec![
                json!({"type": "HEADER", "format": "IMAGE"}),
                json!({"type": "BODY", "text": "{{first_name}}, {{amount}}"}),
                json!({"type": "BUTTONS", "buttons": [
                    {"type": "URL", "text": "Open", "url": "https://shop.example/{{1}}"},
                    {"type": "QUICK_REPLY", "text": "Stop"}]}),
            ],
        })
        .unwrap();
        assert_eq!(template.header, Header::Media("image"));
        assert_eq!(template.body, ["first_name", "amount"]);
        assert!(template.named);
        assert_eq!(template.buttons, [Button::Url, Button::QuickReply]);
    }
}
