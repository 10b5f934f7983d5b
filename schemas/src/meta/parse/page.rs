//! Items of `messaging[]` and `standby[]`: Instagram and Messenger (contract §10).

use super::{keep_object, own, require_sender, unknown, words};
use crate::meta::event::{Attachment, Event, Kind};
use crate::meta::scan::Node;
use crate::meta::split::Context;
use crate::meta::{Json, dedup, identity, time};

/// One item of `messaging[]`
pub(super) fn item(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let [sender, recipient, timestamp] = node.fields(["sender", "recipient", "timestamp"]);
    event.from = person(sender);
    event.to = person(recipient);
    event.timestamp = timestamp.and_then(time::read);
    let [message, postback, reaction, edit, read, delivery, optin, referral] = node
        .fields(["message", "postback", "reaction", "message_edit", "read", "delivery", "optin", "referral"])
        .map(|part| part.filter(|part| part.is_object()));
    let key = Key { context, node, when: own(timestamp).unwrap_or_default() };
    if let Some(part) = message {
        event.referral = keep_object(referral);
        self::message(&key, part, event);
    } else if let Some(part) = postback {
        self::postback(&key, part, event);
    } else if let Some(part) = reaction {
        self::reaction(&key, part, event);
    } else if let Some(part) = edit {
        self::edit(&key, part, event);
    } else if let Some(part) = read {
        self::read(&key, part, event);
    } else if let Some(part) = delivery {
        self::delivery(&key, part, event);
    } else if let Some(part) = optin {
        let [kind, payload] = part.fields(["type", "payload"]);
        event.kind = Kind::Optin;
        event.type_ = own(kind);
        event.payload = words(payload);
        event.data = keep_object(Some(part));
        event.dedup_key = key.content("optin", event);
    } else if let Some(part) = referral {
        event.kind = Kind::Referral;
        event.referral = keep_object(Some(part));
        event.dedup_key = key.content("referral", event);
    } else {
        unknown(context, node.raw(), event);
    }
    attribute(context, event);
}

fn person(node: Option<Node<'_>>) -> Option<String> {
    node.and_then(|person| person.get("id")).and_then(identity::read)
}

/// What every key of an item is made of.
struct Key<'k, 'a> {
    context: &'k Context<'k>,
    node: Node<'a>,
    when: String,
}

impl Key<'_, '_> {
    /// For a fact with an id of its own.
    fn id(&self, what: &str, event: &Event) -> String {
        match event.id.as_deref() {
            Some(id) => dedup::key(what, self.context, [id]),
            None => self.content(what, event),
        }
    }

    /// For a fact without: who, when, and what exactly.
    fn content(&self, what: &str, event: &Event) -> String {
        let from = event.from.as_deref().unwrap_or_default();
        let text = Json::keep(self.node.raw());
        dedup::key(what, self.context, [from, &self.when, &dedup::hash(&[text.as_str()])])
    }
}

fn message(key: &Key<'_, '_>, part: Node<'_>, event: &mut Event) {
    let [mid, text, list, quick_reply, reply_to, referral, metadata, app_id] =
        part.fields(["mid", "text", "attachments", "quick_reply", "reply_to", "referral", "metadata", "app_id"]);
    let [echo, own_account, deleted, unsupported] =
        part.fields(["is_echo", "is_self", "is_deleted", "is_unsupported"]).map(|flag| flag.is_some_and(Node::flag));
    event.id = own(mid);
    if deleted {
        // The id is that of the message taken back, not one of its own.
        event.kind = Kind::Revoke;
        event.target.clone_from(&event.id);
        event.removed = true;
        event.dedup_key = key.id("revoke", event);
        return;
    }
    event.kind = if echo || own_account { Kind::Echo } else { Kind::Inbound };
    event.text = words(text);
    event.attachments = list.into_iter().flat_map(Node::items).filter(|item| item.is_object()).map(attachment).collect();
    event.quick_reply = own(quick_reply.and_then(|reply| reply.get("payload")));
    event.unsupported = unsupported;
    event.type_ = type_of(event);
    if let Some(referral) = referral {
        event.referral = keep_object(Some(referral));
        event.referred_product = keep_object(referral.get("product"));
    }
    if let Some(reply_to) = reply_to {
        let [mid, story] = reply_to.fields(["mid", "story"]);
        event.reply_to = own(mid).or_else(|| own(story.and_then(|story| story.get("id"))));
        if story.is_some() {
            event.data = keep_object(Some(reply_to));
        }
    }
    if event.kind == Kind::Echo {
        event.callback_data = own(metadata);
        if let Some(app_id) = app_id {
            event.data = Some(Json::keep(&format!("{{\"app_id\":{}}}", app_id.raw())));
        }
    }
    let what = if event.kind == Kind::Echo { "echo" } else { "message" };
    event.dedup_key = key.id(what, event);
}

/// Meta names no type here: that of the first attachment, else text. A link preview (`fallback`) is part of a text.
fn type_of(event: &Event) -> Option<String> {
    if event.unsupported {
        return Some("unsupported".to_owned());
    }
    let attached = event.attachments.first().and_then(|first| first.type_.as_deref());
    match attached {
        Some("fallback") | None if event.text.is_some() => Some("text".to_owned()),
        attached => attached.map(str::to_owned),
    }
}

fn attachment(node: Node<'_>) -> Attachment {
    let [kind, payload, url] = node.fields(["type", "payload", "url"]);
    let [address, id, media, story, post, reel] = payload
        .map(|payload| payload.fields(["url", "attachment_id", "id", "story_media_id", "ig_post_media_id", "reel_video_id"]))
        .unwrap_or_default();
    Attachment {
        type_: own(kind),
        id: [id, media, story, post, reel].into_iter().find_map(own),
        url: own(address).or_else(|| own(url)),
        ..Attachment::default()
    }
}

fn postback(key: &Key<'_, '_>, part: Node<'_>, event: &mut Event) {
    let [mid, title, payload, referral] = part.fields(["mid", "title", "payload", "referral"]);
    event.kind = Kind::Postback;
    event.id = own(mid);
    event.text = words(title);
    event.payload = words(payload);
    event.referral = keep_object(referral);
    event.dedup_key = key.id("postback", event);
}

/// The id is that of the message reacted to, so the key needs who, what and when.
fn reaction(key: &Key<'_, '_>, part: Node<'_>, event: &mut Event) {
    let [mid, action, name, emoji] = part.fields(["mid", "action", "reaction", "emoji"]);
    let action = own(action);
    event.kind = Kind::Reaction;
    event.type_ = Some("reaction".to_owned());
    event.subtype = own(name);
    event.target = own(mid);
    event.text = own(emoji);
    event.removed = match action.as_deref() {
        Some(action) => action == "unreact",
        None => event.text.is_none() && event.subtype.is_none(),
    };
    let who = event.from.as_deref().unwrap_or_default();
    let target = event.target.as_deref().unwrap_or_default();
    let action = action.as_deref().unwrap_or_default();
    let what = event.text.as_deref().or(event.subtype.as_deref()).unwrap_or_default();
    event.dedup_key = dedup::key("reaction", key.context, [target, who, action, what, &key.when]);
}

/// The id stays that of the message, each edit counts up.
fn edit(key: &Key<'_, '_>, part: Node<'_>, event: &mut Event) {
    let [mid, text, count] = part.fields(["mid", "text", "num_edit"]);
    event.kind = Kind::Edit;
    event.id = own(mid);
    event.target.clone_from(&event.id);
    event.text = words(text);
    event.dedup_key = match (event.id.as_deref(), own(count)) {
        (Some(id), Some(count)) => dedup::key("edit", key.context, [id, &count]),
        (Some(id), None) => dedup::key("edit", key.context, [id, "at", &key.when]),
        (None, _) => key.content("edit", event),
    };
}

fn read(key: &Key<'_, '_>, part: Node<'_>, event: &mut Event) {
    let [mid, watermark] = part.fields(["mid", "watermark"]);
    event.kind = Kind::Read;
    event.id = own(mid);
    event.timestamp = event.timestamp.or_else(|| watermark.and_then(time::read));
    event.data = keep_object(Some(part));
    let who = event.from.as_deref().unwrap_or_default();
    let mark = event.id.clone().or_else(|| own(watermark));
    event.dedup_key = match mark {
        Some(mark) => dedup::key("read", key.context, [who, &mark]),
        None => key.content("read", event),
    };
}

/// Everything up to the watermark has arrived; `mids` may name some of it.
fn delivery(key: &Key<'_, '_>, part: Node<'_>, event: &mut Event) {
    let [mids, watermark] = part.fields(["mids", "watermark"]);
    let mids: Vec<String> = mids.into_iter().flat_map(Node::items).filter_map(|mid| own(Some(mid))).collect();
    event.kind = Kind::Delivery;
    event.timestamp = event.timestamp.or_else(|| watermark.and_then(time::read));
    event.data = keep_object(Some(part));
    let who = event.from.as_deref().unwrap_or_default();
    let mark = own(watermark);
    event.dedup_key = match (mark, mids.is_empty()) {
        (None, true) => key.content("delivery", event),
        (mark, _) => {
            let listed: Vec<&str> = mids.iter().map(String::as_str).collect();
            let mark = mark.unwrap_or_default();
            dedup::key("delivery", key.context, [who, &mark, &dedup::hash(&listed)])
        }
    };
    if let [only] = mids.as_slice() {
        event.id = Some(only.clone());
    }
}

/// The business is the recipient of what customers do, and the sender of an echo. Entry id "0" (the dashboard's test
/// button) names no account, so its samples are rejected like any other item for somebody else.
fn attribute(context: &Context<'_>, event: &mut Event) {
    require_sender(event);
    if event.reject.is_some() {
        return;
    }
    let entry = context.entry_id.as_deref();
    let business = if event.kind == Kind::Echo { event.from.as_deref() } else { event.to.as_deref() };
    let outgoing = event.kind == Kind::Revoke && event.from.as_deref() == entry;
    event.reject = match (entry, business) {
        (None, _) => Some("the entry has no id".to_owned()),
        (Some("0"), _) => Some("a test of the app dashboard: entry id 0 is no account".to_owned()),
        (Some(_), None) => None,
        (Some(entry), Some(business)) if entry == business || outgoing => None,
        (Some(_), Some(business)) if event.kind == Kind::Echo => Some(format!("the sender of an echo is not the entry: {business:.64}")),
        (Some(_), Some(business)) => Some(format!("the recipient is not the entry: {business:.64}")),
    };
}
