//! One update and its context, read into an [`Event`].

mod account;
mod content;
mod page;
mod whatsapp;

use std::borrow::Cow;

use super::event::{Channel, Contact, Event, Fault, Kind};
use super::scan::Node;
use super::split::{Context, Shape};
use super::{Json, dedup, fields, identity};

/// Reads one update. Never fails: what cannot be read is of kind `unknown` and carries its bytes under `raw`.
pub fn parse(context: &Context<'_>, slice: &[u8]) -> Event {
    let mut event = Event {
        channel: context.channel,
        account: context.account.as_deref().map(str::to_owned),
        position: context.position,
        field: context.field.as_deref().map(str::to_owned),
        ..Event::default()
    };
    if context.channel == Some(Channel::Whatsapp) {
        event.waba = context.entry_id.as_deref().map(str::to_owned);
    }
    event.contact = context.contact.as_deref().and_then(|text| Node::read(text).ok()).map(contact);
    let text = String::from_utf8_lossy(slice);
    let Ok(node) = Node::read(&text) else {
        unknown(context, &text, &mut event);
        return event;
    };
    match context.shape {
        Shape::Message => whatsapp::message(context, node, &mut event),
        Shape::Echo => whatsapp::echo(context, node, &mut event),
        Shape::Status => whatsapp::status(context, node, &mut event),
        Shape::Error => whatsapp::error(context, node, &mut event),
        Shape::UserPreference => whatsapp::user_preference(context, node, &mut event),
        Shape::UserIdUpdate => whatsapp::user_id_update(context, node, &mut event),
        Shape::Call => whatsapp::call(context, node, &mut event),
        Shape::CallStatus => whatsapp::call_status(context, node, &mut event),
        Shape::Group => account::group(context, node, &mut event),
        Shape::History => account::history(context, node, &mut event),
        Shape::ContactSync => account::contact_sync(context, node, &mut event),
        Shape::Messaging => page::item(context, node, &mut event),
        Shape::Standby => {
            event.standby = true;
            page::item(context, node, &mut event);
        }
        Shape::Change => account::change(context, node, &mut event),
        Shape::Unknown => unknown(context, node.raw(), &mut event),
    }
    event
}

/// Gives up on a shape, but keeps everything.
fn unknown(context: &Context<'_>, text: &str, event: &mut Event) {
    let raw = Json::keep(text);
    event.kind = Kind::Unknown;
    if event.dedup_key.is_empty() {
        event.dedup_key = dedup::content("unknown", context, raw.as_str());
    }
    event.raw = Some(raw);
}

fn own(node: Option<Node<'_>>) -> Option<String> {
    node.and_then(Node::id).map(Cow::into_owned)
}

/// A text, which may be empty; anything but a string is absent.
fn words(node: Option<Node<'_>>) -> Option<String> {
    node.and_then(Node::text).map(Cow::into_owned)
}

fn keep(node: Option<Node<'_>>) -> Option<Json> {
    node.map(|node| Json::keep(node.raw()))
}

fn keep_object(node: Option<Node<'_>>) -> Option<Json> {
    keep(node.filter(|node| node.is_object()))
}

fn errors(list: Option<Node<'_>>) -> Vec<Fault> {
    list.into_iter().flat_map(Node::items).filter(|item| item.is_object()).map(fault).collect()
}

/// Details are under `error_data`; older traffic has them beside the code.
fn fault(node: Node<'_>) -> Fault {
    let [code, title, message, data, details] = node.fields(["code", "title", "message", "error_data", "details"]);
    Fault {
        code: code.and_then(Node::integer),
        title: own(title).or_else(|| own(message)),
        details: own(data.and_then(|data| data.get("details"))).or_else(|| own(details)),
    }
}

fn contact(node: Node<'_>) -> Contact {
    let [profile, wa_id, user_id, parent_user_id, identity_key_hash] =
        node.fields(["profile", "wa_id", "user_id", "parent_user_id", "identity_key_hash"]);
    let [name, username] = profile.map(|profile| profile.fields(["name", "username"])).unwrap_or_default();
    Contact {
        name: own(name),
        username: own(username),
        wa_id: wa_id.and_then(identity::read),
        user_id: own(user_id),
        parent_user_id: own(parent_user_id),
        identity_key_hash: own(identity_key_hash),
    }
}

/// Rejects an event whose sender cannot be told.
fn require_sender(event: &mut Event) {
    event.reject = match event.from.as_deref() {
        None => Some("no sender".to_owned()),
        Some(id) if identity::valid(id) => None,
        Some(id) => Some(format!("the sender is neither digits nor a business-scoped id: {id:.64}")),
    };
}
