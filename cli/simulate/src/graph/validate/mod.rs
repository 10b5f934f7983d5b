//! Validation of messages as strict as Meta's (contract §6). It reads the parsed body and copies nothing.
//!
//! Codes: a wrong kind, key or type, and an over-long text, is 100; a missing parameter 131008; a value outside its
//! limits 131009; template parameters 132000, 132005, 132012, 132018.

mod contacts;
mod fields;
mod interactive;
mod media;
mod template;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::error::Refusal;
use fields::{Fields, fields};

pub(crate) use media::Asset;
pub(crate) use template::check as template_parameters;

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipient<'a> {
    /// `to`, as it was written.
    Number(&'a str),
    /// `recipient`: a business-scoped user id.
    User(&'a str),
    /// `to` of `recipient_type: "group"`.
    Group(&'a str),
}

/// A message whose shape is valid; whether it may go now is for the limits and the templates to say.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) recipient: Recipient<'a>,
    pub(crate) kind: &'static str,
    pub(crate) callback_data: Option<&'a str>,
    /// Of a template message.
    pub(crate) template: Option<TemplateUse<'a>>,
    /// Uploaded media it names, to be looked up: kind and id.
    pub(crate) assets: Vec<Asset<'a>>,
}

/// The template a message uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TemplateUse<'a> {
    pub(crate) name: &'a str,
    pub(crate) language: &'a str,
    pub(crate) components: &'a [Value],
}

const KINDS: [&str; 11] =
    ["text", "template", "interactive", "image", "video", "audio", "document", "sticker", "location", "contacts", "reaction"];

/// Checks the body of `POST /{phone_number_id}/messages`.
pub(crate) fn message(body: &Map<String, Value>) -> Result<Message<'_>, Refusal> {
    product(body)?;
    let recipient = recipient(body)?;
    let kind = match body.get("type") {
        None => "text",
        Some(value) => {
            let named = value.as_str().ok_or_else(|| Refusal::bad("Param type must be a string"))?;
            KINDS.into_iter().find(|kind| *kind == named).ok_or_else(|| {
                Refusal::bad(format!("Param type must be one of {{{}}} - got \"{named}\"", KINDS.join(", ").to_uppercase()))
            })?
        }
    };
    let callback_data = fields(body, "").text("biz_opaque_callback_data", 512)?;
    if let Some(context) = body.get("context") {
        let context = fields::object(context, "context")?;
        wamid(context.required_text("message_id", usize::MAX)?, "context['message_id']")?;
    }
    let content = body.get(kind).ok_or_else(|| Refusal::bad(format!("The parameter {kind} is required.")))?;
    let mut message = Message { recipient, kind, callback_data, template: None, assets: Vec::new() };
    content_of(&mut message, content)?;
    Ok(message)
}

fn content_of<'a>(message: &mut Message<'a>, content: &'a Value) -> Result<(), Refusal> {
    let kind = message.kind;
    if kind == "contacts" {
        return contacts::check(content);
    }
    let fields = fields::object(content, kind)?;
    match kind {
        "text" => text(fields),
        "template" => {
            message.template = Some(template::used(fields, &mut message.assets)?);
            Ok(())
        }
        "interactive" => interactive::check(fields, &mut message.assets),
        "location" => location(fields),
        "reaction" => reaction(fields),
        _ => media::check(kind, fields, &mut message.assets),
    }
}

/// Whether the body is a read mark or a typing indicator.
pub(crate) fn is_mark(body: &Map<String, Value>) -> bool {
    body.contains_key("status")
}

/// Checks a read mark (contract §6).
pub(crate) fn mark(body: &Map<String, Value>) -> Result<(), Refusal> {
    product(body)?;
    if body["status"] != "read" {
        return Err(Refusal::bad("Param status must be one of {READ}"));
    }
    let body = fields(body, "");
    wamid(body.required_text("message_id", usize::MAX)?, "message_id")?;
    if let Some(indicator) = body.get("typing_indicator") {
        let kind = fields::object(indicator, "typing_indicator")?.required_text("type", 20)?;
        if kind != "text" {
            return Err(Refusal::bad("Param typing_indicator['type'] must be one of {TEXT}"));
        }
    }
    Ok(())
}

pub(super) fn product(body: &Map<String, Value>) -> Result<(), Refusal> {
    match body.get("messaging_product").map(Value::as_str) {
        Some(Some("whatsapp")) => Ok(()),
        Some(_) => Err(Refusal::bad("Param messaging_product must be one of {WHATSAPP}")),
        None => Err(Refusal::bad("The parameter messaging_product is required.")),
    }
}

fn recipient(body: &Map<String, Value>) -> Result<Recipient<'_>, Refusal> {
    let group = match body.get("recipient_type").map(Value::as_str) {
        None | Some(Some("individual")) => false,
        Some(Some("group")) => true,
        Some(_) => return Err(Refusal::bad("Param recipient_type must be one of {INDIVIDUAL, GROUP}")),
    };
    let body = fields(body, "");
    // If both are given, `to` wins (contract §2).
    if let Some(to) = body.text("to", 200)? {
        if group {
            return if to.is_empty() { Err(Refusal::bad("The parameter to is required.")) } else { Ok(Recipient::Group(to)) };
        }
        let count = to.bytes().filter(u8::is_ascii_digit).count();
        let others = to.bytes().filter(|byte| !byte.is_ascii_digit());
        if (7..=15).contains(&count) && others.into_iter().all(|byte| b"+ -().".contains(&byte)) {
            return Ok(Recipient::Number(to));
        }
        return Err(Refusal::bad("Param to must be a phone number with country code"));
    }
    match body.text("recipient", 150)? {
        Some(user) if crate::customers::identity::is_user_id(user) => Ok(Recipient::User(user)),
        Some(_) => Err(Refusal::bad("Param recipient must be a business-scoped user id")),
        None => Err(Refusal::bad("The parameter to is required.")),
    }
}

pub(super) fn wamid(id: &str, path: &str) -> Result<(), Refusal> {
    if id.len() > 10 && id.starts_with("wamid.") && !id.contains(char::is_whitespace) {
        Ok(())
    } else {
        Err(Refusal::invalid(format!("{path}: '{id}' is no message id")))
    }
}

fn text(text: Fields<'_>) -> Result<(), Refusal> {
    text.only(&["body", "preview_url"])?;
    let body = text.text("body", usize::MAX)?.ok_or_else(|| Refusal::bad("The parameter text['body'] is required."))?;
    if body.is_empty() {
        return Err(Refusal::bad("Param text['body'] must be a non-empty string."));
    }
    if fields::longer(body, 4_096) {
        return Err(Refusal::bad("Param text['body'] must be at most 4096 characters long."));
    }
    text.flag("preview_url")
}

fn location(location: Fields<'_>) -> Result<(), Refusal> {
    location.only(&["latitude", "longitude", "name", "address", "url"])?;
    for (key, most) in [("latitude", 90.0), ("longitude", 180.0)] {
        let value = location.get(key).ok_or_else(|| Refusal::missing(location.path(key)))?;
        // Meta takes numbers and numbers in strings.
        let value = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        if value.is_none_or(|value: f64| !(-most..=most).contains(&value)) {
            return Err(Refusal::invalid(format!("{} must lie between -{most} and {most}", location.path(key))));
        }
    }
    location.text("name", 1_000)?;
    location.text("address", 1_000)?;
    Ok(())
}

fn reaction(reaction: Fields<'_>) -> Result<(), Refusal> {
    reaction.only(&["message_id", "emoji"])?;
    wamid(reaction.required_text("message_id", usize::MAX)?, "reaction['message_id']")?;
    let emoji = reaction.text("emoji", 32)?.ok_or_else(|| Refusal::missing(reaction.path("emoji")))?;
    if emoji.chars().any(|letter| letter.is_ascii_alphabetic() || letter.is_whitespace()) {
        return Err(Refusal::invalid("reaction['emoji'] must be one emoji, or empty to remove the reaction"));
    }
    Ok(())
}
