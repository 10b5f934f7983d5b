//! WhatsApp's lists: messages, echoes, statuses, errors, preferences, user ids, calls (contract §2–§5).

use super::{content, errors, fault, keep, keep_object, own, require_sender, unknown};
use crate::meta::event::{Event, Forwarded, Kind, Pricing};
use crate::meta::scan::{Node, Object};
use crate::meta::split::Context;
use crate::meta::{dedup, identity, time};

/// `value.messages[]`
pub(super) fn message(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let members = Object::new(node);
    let name = common(&members, event);
    event.kind = match name.as_deref() {
        Some("reaction") => Kind::Reaction,
        Some("edit") => Kind::Edit,
        Some("revoke") => Kind::Revoke,
        Some("system") => Kind::System,
        Some(name) if content::is_known(name) => Kind::Inbound,
        _ => Kind::Unknown,
    };
    sender(&members, event);
    let raw = node.raw();
    event.dedup_key = match event.id.as_deref() {
        Some(id) => dedup::key("message", context, [id]),
        None => dedup::content("message", context, raw),
    };
    if event.kind == Kind::Unknown {
        unknown(context, raw, event);
    }
    require_sender(event);
}

/// `value.message_echoes[]`: what the business wrote in the phone app. Its type may be any, edit and revoke included.
pub(super) fn echo(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    event.kind = Kind::Echo;
    let members = Object::new(node);
    let name = common(&members, event);
    let [from, to, user_id, recipient] = members.fields(["from", "to", "to_user_id", "recipient_user_id"]);
    event.from = from.and_then(identity::read);
    event.to = identity::first([to, user_id, recipient]);
    event.user_id = own(user_id).or_else(|| own(recipient)).filter(|id| event.to.as_ref() != Some(id));
    event.dedup_key = match event.id.as_deref() {
        Some(id) => dedup::key("echo", context, [id]),
        None => dedup::content("echo", context, node.raw()),
    };
    if !name.as_deref().is_some_and(content::is_known) {
        event.raw = keep(Some(node));
    }
    event.reject = match event.to.as_deref() {
        Some(id) if identity::valid(id) => None,
        _ if event.group_id.is_some() => None,
        Some(id) => Some(format!("the recipient is neither digits nor a business-scoped id: {id:.64}")),
        None => Some("no recipient".to_owned()),
    };
}

/// What messages, echoes and edits share; the type is returned under its present name.
fn common(members: &Object<'_>, event: &mut Event) -> Option<String> {
    let [id, timestamp, group, reply, referral, list] = members.fields(["id", "timestamp", "group_id", "context", "referral", "errors"]);
    event.id = own(id);
    event.timestamp = timestamp.and_then(time::read);
    event.group_id = own(group);
    event.referral = keep_object(referral);
    event.errors = errors(list);
    let (name, object) = content::of(members);
    if let Some(name) = &name {
        content::read(name, object, event);
    }
    event.type_.clone_from(&name);
    if let Some(reply) = reply {
        let [id, forwarded, frequently, product] = reply.fields(["id", "forwarded", "frequently_forwarded", "referred_product"]);
        event.reply_to = own(id);
        event.referred_product = keep_object(product);
        event.forwarded = if frequently.is_some_and(Node::flag) {
            Some(Forwarded::Frequently)
        } else {
            forwarded.is_some_and(Node::flag).then_some(Forwarded::Once)
        };
    }
    name
}

/// `from` is the number where it is known, else the business-scoped id. A `system` message about a new id carries
/// neither, and names the person only in its own object.
fn sender(members: &Object<'_>, event: &mut Event) {
    let [from, user_id, system] = members.fields(["from", "from_user_id", "system"]);
    event.from = identity::first([from, user_id]);
    if event.from.is_none() && event.kind == Kind::System {
        let [user_id, wa_id] = system.map(|system| system.fields(["user_id", "wa_id"])).unwrap_or_default();
        event.from = identity::first([user_id, wa_id]);
    }
    event.user_id = own(user_id).filter(|id| event.from.as_ref() != Some(id));
}

/// `value.statuses[]`
pub(super) fn status(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let [id, status, kind, timestamp, callback, conversation, pricing, list] =
        node.fields(["id", "status", "type", "timestamp", "biz_opaque_callback_data", "conversation", "pricing", "errors"]);
    event.kind = Kind::Status;
    event.id = own(id);
    event.status = own(status);
    event.timestamp = timestamp.and_then(time::read);
    event.callback_data = own(callback);
    event.conversation = keep_object(conversation);
    event.pricing = pricing.filter(|pricing| pricing.is_object()).map(price);
    event.errors = errors(list);
    recipient(node, event);
    if kind.and_then(Node::text).as_deref() == Some("call") {
        event.kind = Kind::CallStatus;
    }
    status_key(context, node, event);
}

/// `value.statuses[]` of field `calls`
pub(super) fn call_status(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    status(context, node, event);
    if event.kind == Kind::Status {
        event.kind = Kind::CallStatus;
        status_key(context, node, event);
    }
}

fn status_key(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let what = if event.kind == Kind::CallStatus { "call_status" } else { "status" };
    let (Some(id), Some(status)) = (event.id.as_deref(), event.status.as_deref()) else {
        return unknown(context, node.raw(), event);
    };
    let participant = event.participant.as_deref().unwrap_or_default();
    event.dedup_key = dedup::key(what, context, [id, status, participant]);
}

fn recipient(node: Node<'_>, event: &mut Event) {
    let [recipient, user_id, kind, participant, participant_user_id] =
        node.fields(["recipient_id", "recipient_user_id", "recipient_type", "recipient_participant_id", "recipient_participant_user_id"]);
    event.recipient = identity::first([recipient]).or_else(|| own(user_id));
    event.user_id = own(user_id).or_else(|| own(participant_user_id));
    event.participant = identity::first([participant, participant_user_id]);
    if kind.and_then(Node::text).as_deref() == Some("group") {
        event.group_id = own(recipient);
    }
    let repeated = |id: &String| event.recipient.as_ref() == Some(id) || event.participant.as_ref() == Some(id);
    if event.user_id.as_ref().is_some_and(repeated) {
        event.user_id = None;
    }
}

fn price(node: Node<'_>) -> Pricing {
    let [model, kind, category, billable] = node.fields(["pricing_model", "type", "category", "billable"]);
    Pricing {
        model: own(model),
        type_: own(kind),
        category: own(category),
        billable: billable.filter(|flag| flag.flag() || matches!(flag.raw(), "false" | "\"false\"")).map(Node::flag),
    }
}

/// `value.errors[]`: a problem of the app or account, without a message
pub(super) fn error(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    event.kind = Kind::Error;
    event.errors = vec![fault(node)];
    event.timestamp = context.entry_time.and_then(time::of);
    event.dedup_key = dedup::content("error", context, node.raw());
}

/// `value.user_preferences[]`: `event` is `stop` or `resume`
pub(super) fn user_preference(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let [wa_id, user_id, category, value, timestamp] = node.fields(["wa_id", "user_id", "category", "value", "timestamp"]);
    event.kind = Kind::UserPreference;
    event.from = identity::first([wa_id, user_id]);
    event.user_id = own(user_id).filter(|id| event.from.as_ref() != Some(id));
    event.timestamp = timestamp.and_then(time::read);
    event.event = own(value);
    event.data = keep(Some(node));
    let when = own(timestamp).unwrap_or_default();
    let who = event.from.as_deref().unwrap_or_default();
    let (category, value) = (own(category).unwrap_or_default(), event.event.as_deref().unwrap_or_default());
    event.dedup_key = dedup::key("user_preference", context, [who, &category, value, &when]);
    require_sender(event);
}

/// `value.user_id_update[]`: `user_id` is the present id, the former one stands in `data`
pub(super) fn user_id_update(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let [wa_id, user_id, timestamp] = node.fields(["wa_id", "user_id", "timestamp"]);
    let [previous, current] = user_id.map(|ids| ids.fields(["previous", "current"])).unwrap_or_default();
    event.kind = Kind::UserIdUpdate;
    event.from = identity::first([wa_id, previous, current]);
    event.user_id = own(current);
    event.timestamp = timestamp.and_then(time::read).or_else(|| context.entry_time.and_then(time::of));
    event.data = keep(Some(node));
    let (before, after) = (own(previous).unwrap_or_default(), own(current).unwrap_or_default());
    event.dedup_key = if before.is_empty() && after.is_empty() {
        dedup::content("user_id_update", context, node.raw())
    } else {
        dedup::key("user_id_update", context, [&before, &after])
    };
    require_sender(event);
}

/// `value.calls[]`: `event` is `connect` or `terminate`
pub(super) fn call(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let [id, from, from_user, to, to_user, name, timestamp, status, callback, list, cta, deeplink] = node.fields([
        "id",
        "from",
        "from_user_id",
        "to",
        "to_user_id",
        "event",
        "timestamp",
        "status",
        "biz_opaque_callback_data",
        "errors",
        "cta_payload",
        "deeplink_payload",
    ]);
    event.kind = Kind::Call;
    event.id = own(id);
    event.from = identity::first([from, from_user]);
    event.to = identity::first([to, to_user]);
    event.user_id = own(from_user).filter(|id| event.from.as_ref() != Some(id));
    event.event = own(name);
    event.timestamp = timestamp.and_then(time::read);
    event.status = own(status).or_else(|| own(status.and_then(|list| list.items().next())));
    event.callback_data = own(callback);
    event.payload = own(cta).or_else(|| own(deeplink));
    event.errors = errors(list);
    event.data = keep(Some(node));
    event.dedup_key = match event.id.as_deref() {
        Some(id) => dedup::key("call", context, [id, event.event.as_deref().unwrap_or_default()]),
        None => dedup::content("call", context, node.raw()),
    };
    require_sender(event);
}
