//! What shall be said, before it is rendered for a channel: one typed command for every message of contract §6 and §10.
//!
//! A command is written as Meta writes a message, without recipient and envelope: `{"type":"text","text":{"body":"Hello"}}`.
//! That JSON is the `body` of `Outbound` and `Claim`. The shape is judged here, with every fault named by its field; the limits are
//! each channel's own and judged by its renderer.

mod contacts;
mod fault;
mod interactive;
mod simple;
mod template;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use contacts::{Address, Contact, Email, Name, Organisation, Phone, Site};
pub use fault::Fault;
pub use interactive::{
    AddressRequest, Button, Buttons, Caption, Catalog, Empty, Flow, Frame, Header, Interactive, Link, LinkButton, List, LocationRequest,
    Product, ProductItem, ProductSection, Products, Reply, Row, Section,
};
pub use simple::{Context, Location, Mark, Media, Reaction, Tag, Text};
pub use template::{Component, ComponentType, Currency, DateTime, Language, Parameter, SubType, Template};

/// A message to send, or a mark to set.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// What is said.
    pub content: Content,
    /// The message it answers.
    pub context: Option<Context>,
    /// Why it may be sent outside the window of an Instagram account or a page.
    pub tag: Option<Tag>,
}

/// What is said, by Meta's name of its type.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Text.
    Text(Text),
    /// An approved template, filled.
    Template(Template),
    /// Buttons, lists, links, flows, products and requests.
    Interactive(Interactive),
    /// A picture.
    Image(Media),
    /// A video.
    Video(Media),
    /// A sound or a voice note.
    Audio(Media),
    /// A file.
    Document(Media),
    /// A sticker.
    Sticker(Media),
    /// A place.
    Location(Location),
    /// Address-book cards.
    Contacts(Vec<Contact>),
    /// An emoji on a message, or its removal.
    Reaction(Reaction),
    /// A received message is marked as read, perhaps with "typing…".
    Read(Mark),
}

/// Names of the types, as commands carry them.
pub const TYPES: [&str; 12] =
    ["text", "template", "interactive", "image", "video", "audio", "document", "sticker", "location", "contacts", "reaction", "read"];

/// The type of a message, for descriptions of the API.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum Type {
    /// `text`
    Text,
    /// `template`
    Template,
    /// `interactive`
    Interactive,
    /// `image`
    Image,
    /// `video`
    Video,
    /// `audio`
    Audio,
    /// `document`
    Document,
    /// `sticker`
    Sticker,
    /// `location`
    Location,
    /// `contacts`
    Contacts,
    /// `reaction`
    Reaction,
    /// `read`
    Read,
}

impl Content {
    /// The type's name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Template(_) => "template",
            Self::Interactive(_) => "interactive",
            Self::Image(_) => "image",
            Self::Video(_) => "video",
            Self::Audio(_) => "audio",
            Self::Document(_) => "document",
            Self::Sticker(_) => "sticker",
            Self::Location(_) => "location",
            Self::Contacts(_) => "contacts",
            Self::Reaction(_) => "reaction",
            Self::Read(_) => "read",
        }
    }

    /// The media of a media message.
    pub const fn media(&self) -> Option<&Media> {
        match self {
            Self::Image(media) | Self::Video(media) | Self::Audio(media) | Self::Document(media) | Self::Sticker(media) => Some(media),
            _ => None,
        }
    }

    /// Whether the customer gets a message of its own: marks and reactions are none.
    pub const fn is_message(&self) -> bool {
        !matches!(self, Self::Read(_) | Self::Reaction(_))
    }

    /// A line for lists: the words, or what it is.
    pub fn summary(&self) -> String {
        let words = match self {
            Self::Text(text) => Some(text.body.clone()),
            Self::Template(template) => Some(template.summary()),
            Self::Interactive(interactive) => interactive.words().map(str::to_owned),
            Self::Reaction(reaction) => Some(reaction.emoji.clone()),
            Self::Location(location) => location.name.clone(),
            other => other.media().and_then(|media| media.caption.clone()),
        };
        words.filter(|words| !words.is_empty()).unwrap_or_else(|| format!("[{}]", self.kind()))
    }

    fn read(kind: &str, value: Value) -> Result<Self, Vec<Fault>> {
        let one = |fault: Fault| vec![fault];
        Ok(match kind {
            "text" => Self::Text(fault::read(value, kind).map_err(one)?),
            "template" => Self::Template(fault::read(value, kind).map_err(one)?),
            "interactive" => Self::Interactive(Interactive::read(value).map_err(one)?),
            "image" => Self::Image(fault::read(value, kind).map_err(one)?),
            "video" => Self::Video(fault::read(value, kind).map_err(one)?),
            "audio" => Self::Audio(fault::read(value, kind).map_err(one)?),
            "document" => Self::Document(fault::read(value, kind).map_err(one)?),
            "sticker" => Self::Sticker(fault::read(value, kind).map_err(one)?),
            "location" => Self::Location(fault::read(value, kind).map_err(one)?),
            "contacts" => Self::Contacts(fault::read(value, kind).map_err(one)?),
            "reaction" => Self::Reaction(fault::read(value, kind).map_err(one)?),
            "read" => Self::Read(fault::read(value, kind).map_err(one)?),
            other => return Err(one(Fault::new("type", format!("`{other}` is not a type; use one of {}", TYPES.join(", "))))),
        })
    }
}

impl From<Content> for Command {
    fn from(content: Content) -> Self {
        Self { content, context: None, tag: None }
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    content: &'a Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: &'a Option<Context>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: &'a Option<Tag>,
}

impl Serialize for Command {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { content, context, tag } = self;
        Wire { r#type: content.kind(), content, context, tag }.serialize(serializer)
    }
}

impl Command {
    /// A text.
    pub fn text(body: impl Into<String>) -> Self {
        Content::Text(Text { body: body.into(), preview_url: false }).into()
    }

    /// The JSON that records carry.
    pub fn to_json(&self) -> String {
        // Every type here has text keys, so that writing it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Command::to_json`] wrote.
    ///
    /// # Errors
    /// Each fault with its field.
    pub fn from_json(json: &str) -> Result<Self, Vec<Fault>> {
        let value: Value = serde_json::from_str(json).map_err(|e| vec![Fault::new("body", format!("is not JSON: {e}"))])?;
        match value {
            Value::Object(map) => Self::read(map),
            _ => Err(vec![Fault::new("body", "is not a JSON object")]),
        }
    }

    /// Reads a message; keys beyond it are faults.
    ///
    /// # Errors
    /// Each fault with its field.
    pub fn read(mut map: Map<String, Value>) -> Result<Self, Vec<Fault>> {
        let kind = match map.remove("type") {
            Some(Value::String(kind)) => kind,
            Some(_) => return Err(vec![Fault::new("type", "must be a text")]),
            None => return Err(vec![Fault::new("type", format!("is missing; use one of {}", TYPES.join(", ")))]),
        };
        if !TYPES.contains(&kind.as_str()) {
            return Content::read(&kind, Value::Null).map(Self::from);
        }
        let Some(content) = map.remove(&kind) else {
            return Err(vec![Fault::new(&kind, format!("is missing: a message of type {kind} says it there"))]);
        };
        let optional = |value: Option<Value>| value.filter(|value| !value.is_null());
        let context = optional(map.remove("context")).map(|value| fault::read(value, "context")).transpose();
        let tag = optional(map.remove("tag")).map(|value| fault::read(value, "tag")).transpose();
        let mut faults: Vec<Fault> = Vec::new();
        let context = context.unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        let tag = tag.unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        faults.extend(map.keys().map(|key| Fault::new(key, format!("has no place in a message of type {kind}"))));
        match Content::read(&kind, content) {
            Ok(content) if faults.is_empty() => Ok(Self { content, context, tag }),
            Ok(_) => Err(faults),
            Err(more) => Err(more.into_iter().chain(faults).collect()),
        }
    }
}

#[cfg(test)]
mod tests;
