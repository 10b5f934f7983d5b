//! What a WhatsApp message holds, by its type (contract §3).

use super::{keep, keep_object, own, words};
use crate::meta::Json;
use crate::meta::event::{Attachment, Event};
use crate::meta::scan::{Node, Object};

/// Every message type of the contract. A message without `type` takes the first one whose key it has.
const TYPES: [&str; 18] = [
    "text",
    "image",
    "video",
    "audio",
    "voice",
    "document",
    "sticker",
    "location",
    "contacts",
    "interactive",
    "button",
    "reaction",
    "order",
    "system",
    "edit",
    "revoke",
    "unsupported",
    "unknown",
];

/// The type under the name that events use, and the object that belongs to it.
pub(super) fn of<'a>(message: &Object<'a>) -> (Option<String>, Option<Node<'a>>) {
    if let Some(name) = own(message.get("type")) {
        let object = if is_known(&name) { message.get(&name) } else { None };
        return (Some(rename(&name).to_owned()), object);
    }
    match TYPES.iter().find_map(|name| Some((*name, message.get(name)?))) {
        Some((name, object)) => (Some(rename(name).to_owned()), Some(object)),
        None => (message.get("errors").map(|_| "unsupported".to_owned()), None),
    }
}

/// Older names of two types.
fn rename(name: &str) -> &str {
    match name {
        "voice" => "audio",
        "unknown" => "unsupported",
        other => other,
    }
}

/// Whether the contract names this type.
pub(super) fn is_known(name: &str) -> bool {
    TYPES.contains(&name)
}

/// Reads the object of a type into the event.
pub(super) fn read(name: &str, object: Option<Node<'_>>, event: &mut Event) {
    if name == "unsupported" {
        event.unsupported = true;
    }
    let Some(object) = object else { return };
    match name {
        "text" => event.text = words(object.get("body")),
        "image" | "video" | "audio" | "document" | "sticker" => event.attachments.push(media(name, object)),
        "location" | "contacts" => event.data = keep(Some(object)),
        "interactive" => interactive(object, event),
        "button" => {
            let [text, payload] = object.fields(["text", "payload"]);
            event.text = words(text);
            event.payload = words(payload);
        }
        "reaction" => {
            let [target, emoji] = object.fields(["message_id", "emoji"]);
            event.target = own(target);
            event.text = own(emoji);
            event.removed = event.text.is_none();
        }
        "order" => {
            event.text = words(object.get("text"));
            event.data = keep_object(Some(object));
        }
        "system" => {
            let [body, kind] = object.fields(["body", "type"]);
            event.text = words(body);
            event.subtype = own(kind);
            event.data = keep_object(Some(object));
        }
        "edit" => {
            let [target, message] = object.fields(["original_message_id", "message"]);
            event.target = own(target);
            if let Some(message) = message {
                edited(message, event);
            }
        }
        "revoke" => {
            event.target = own(object.get("original_message_id"));
            event.removed = true;
        }
        "unsupported" => event.subtype = own(object.get("type")),
        _ => {}
    }
}

/// The new version of a message: its text (the caption, if it is a media message) and media.
fn edited(message: Node<'_>, event: &mut Event) {
    let (name, object) = of(&Object::new(message));
    let Some(name) = name else { return };
    let mut inner = Event::default();
    // An edit within an edit does not exist; reading it would let the sender choose the depth.
    if name != "edit" {
        read(&name, object, &mut inner);
    }
    event.text = inner.text.or_else(|| inner.attachments.first().and_then(|media| media.caption.clone()));
    event.attachments = inner.attachments;
    event.subtype = Some(name);
}

fn media(name: &str, object: Node<'_>) -> Attachment {
    let [id, url, link, mime_type, sha256, caption, filename] =
        object.fields(["id", "url", "link", "mime_type", "sha256", "caption", "filename"]);
    Attachment {
        type_: Some(name.to_owned()),
        id: own(id),
        url: own(url).or_else(|| own(link)),
        mime_type: own(mime_type),
        sha256: own(sha256),
        caption: own(caption),
        filename: own(filename),
    }
}

fn interactive(object: Node<'_>, event: &mut Event) {
    let replies = ["button_reply", "list_reply", "nfm_reply", "call_permission_reply"];
    let found = object.fields(replies);
    let named = own(object.get("type"));
    let inferred = || replies.iter().zip(found).find_map(|(name, reply)| reply.map(|_| (*name).to_owned()));
    let Some(subtype) = named.or_else(inferred) else {
        event.data = keep_object(Some(object));
        return;
    };
    let reply = object.get(&subtype).unwrap_or(Node::scanned("{}"));
    match subtype.as_str() {
        "button_reply" | "list_reply" => {
            let [id, title] = reply.fields(["id", "title"]);
            event.text = words(title);
            event.payload = own(id);
        }
        "nfm_reply" => {
            let [name, body, response] = reply.fields(["name", "body", "response_json"]);
            event.text = words(body);
            // A string holding JSON by contract, passed on as received: it may be invalid.
            event.payload = response.map(|response| words(Some(response)).unwrap_or_else(|| response.raw().to_owned()));
            event.data = name.map(|name| Json::keep(&format!("{{\"name\":{}}}", name.raw())));
        }
        "call_permission_reply" => {
            event.payload = own(reply.get("response"));
            event.data = keep_object(Some(reply));
        }
        _ => event.data = keep_object(Some(object)),
    }
    event.subtype = Some(subtype);
}
