//! Instagram accounts and Messenger pages (contract §10). Neither returns callback data.

use serde_json::{Map, Value, json};
use sluice_schemas::command::{Command, Content, Fault, Media, Tag};

use super::super::Options;
use super::Channel;
use super::check::Check;

/// Instagram.
pub const INSTAGRAM: Page = Page { name: "instagram", most: 1_000, unit: Unit::Bytes };
/// Messenger.
pub const MESSENGER: Page = Page { name: "messenger", most: 2_000, unit: Unit::Characters };

/// The one reaction that can be set through the API.
const HEART: [&str; 2] = ["❤", "❤\u{fe0f}"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    Characters,
}

/// An Instagram account or a page.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    name: &'static str,
    most: usize,
    unit: Unit,
}

impl Channel for Page {
    fn name(&self) -> &'static str {
        self.name
    }

    fn base<'a>(&self, options: &'a Options) -> &'a str {
        if self.name == INSTAGRAM.name { &options.instagram_url } else { &options.graph_url }
    }

    fn outside_window(&self, command: &Command) -> bool {
        command.tag == Some(Tag::HumanAgent) || !command.content.is_message()
    }

    fn check(&self, to: &str, command: &Command) -> Vec<Fault> {
        let mut check = Check::default();
        check.that(!to.is_empty() && to.bytes().all(|b| b.is_ascii_digit()), "to", "is not a scoped id: it has digits only");
        check.that(command.context.is_none(), "context", "cannot be carried by this channel; leave it out");
        check.that(command.content.is_message() || command.tag.is_none(), "tag", "belongs to messages only; leave it out");
        match &command.content {
            Content::Text(text) => self.text(&mut check, &text.body),
            Content::Image(media) | Content::Video(media) | Content::Audio(media) | Content::Document(media) => {
                attachment(&mut check, command.content.kind(), media);
            }
            Content::Reaction(reaction) => {
                check.filled("reaction.message_id", &reaction.message_id, 512);
                let known = reaction.emoji.is_empty() || HEART.contains(&reaction.emoji.as_str());
                check.that(known, "reaction.emoji", "can only be ❤, or empty to take the reaction back");
            }
            Content::Read(_) => {}
            other => check.fault("type", format!("`{}` cannot be carried by {}", other.kind(), self.name)),
        }
        check.0
    }

    fn render(&self, to: &str, command: &Command, _callback: &str) -> Map<String, Value> {
        let mut body = Map::from_iter([("recipient".to_owned(), json!({ "id": to }))]);
        match &command.content {
            Content::Reaction(reaction) => {
                let set = !reaction.emoji.is_empty();
                body.insert("sender_action".into(), if set { "react" } else { "unreact" }.into());
                let mut payload = json!({ "message_id": reaction.message_id });
                if set {
                    payload["reaction"] = "love".into();
                }
                body.insert("payload".into(), payload);
                return body;
            }
            Content::Read(mark) => {
                body.insert("sender_action".into(), if mark.typing { "typing_on" } else { "mark_seen" }.into());
                return body;
            }
            _ => {}
        }
        if command.tag == Some(Tag::HumanAgent) {
            body.insert("messaging_type".into(), "MESSAGE_TAG".into());
            body.insert("tag".into(), "HUMAN_AGENT".into());
        } else if self.name == MESSENGER.name {
            body.insert("messaging_type".into(), "RESPONSE".into());
        }
        body.insert("message".into(), message(&command.content));
        body
    }
}

impl Page {
    fn text(&self, check: &mut Check, body: &str) {
        match self.unit {
            Unit::Characters => check.filled("text.body", body, self.most),
            Unit::Bytes if body.trim().is_empty() => check.filled("text.body", body, self.most),
            Unit::Bytes if body.len() > self.most => {
                check.fault("text.body", format!("has {} bytes in UTF-8; at most {} are allowed", body.len(), self.most));
            }
            Unit::Bytes => {}
        }
    }
}

fn attachment(check: &mut Check, kind: &str, media: &Media) {
    match &media.link {
        Some(link) => check.address(&format!("{kind}.link"), link),
        None => check.fault(&format!("{kind}.link"), "is missing: this channel takes media by link only"),
    }
    check.that(media.id.is_none(), &format!("{kind}.id"), "cannot be used on this channel; give a link");
    check.that(media.caption.is_none(), &format!("{kind}.caption"), "cannot be carried by this channel; send the words as a text");
}

fn message(content: &Content) -> Value {
    let kind = match content {
        Content::Text(text) => return json!({ "text": text.body }),
        Content::Document(_) => "file",
        other => other.kind(),
    };
    let link = content.media().and_then(|media| media.link.as_deref()).unwrap_or_default();
    json!({ "attachment": { "type": kind, "payload": { "url": link } } })
}
