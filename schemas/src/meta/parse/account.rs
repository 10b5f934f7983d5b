//! Changes that hold one fact, groups, and the coexistence import (contract §5).

use super::{errors, fields, own, unknown, whatsapp};
use crate::meta::event::{Channel, Event, Kind};
use crate::meta::scan::Node;
use crate::meta::split::Context;
use crate::meta::{Json, dedup, identity, time};

/// A whole element of `changes[]`
pub(super) fn change(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let Some(value) = node.get("value").filter(|value| value.is_object()) else {
        return unknown(context, node.raw(), event);
    };
    let field = context.field.as_deref().unwrap_or_default();
    let whatsapp = context.channel == Some(Channel::Whatsapp);
    match field {
        "user_id_update" if whatsapp => whatsapp::user_id_update(context, value, event),
        "user_preferences" if whatsapp && value.get("category").is_some() => {
            whatsapp::user_preference(context, value, event);
        }
        "history" if whatsapp => history(context, value, event),
        "smb_app_state_sync" if whatsapp => contact_sync(context, value, event),
        _ if whatsapp && fields::is_group(field) => group(context, value, event),
        _ if whatsapp && fields::is_account(field) => account(context, value, event),
        _ if !whatsapp && fields::is_page(field) => account(context, value, event),
        _ => {
            event.timestamp = context.entry_time.and_then(time::of);
            unknown(context, node.raw(), event);
        }
    }
}

fn account(context: &Context<'_>, value: Node<'_>, event: &mut Event) {
    let [name, timestamp, list] = value.fields(["event", "timestamp", "errors"]);
    event.kind = Kind::AccountEvent;
    event.event = own(name);
    event.errors = errors(list);
    event.timestamp = timestamp.and_then(time::read).or_else(|| context.entry_time.and_then(time::of));
    settle(context, "account_event", value, event);
}

/// Carries the value as data; for a fact without an id, its content is the key.
fn settle(context: &Context<'_>, what: &str, value: Node<'_>, event: &mut Event) {
    let data = Json::keep(value.raw());
    event.dedup_key = dedup::content(what, context, data.as_str());
    event.data = Some(data);
}

/// `value.groups[]`
pub(super) fn group(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let [kind, id, timestamp, wa_id, list] = node.fields(["type", "group_id", "timestamp", "wa_id", "errors"]);
    event.kind = Kind::GroupEvent;
    event.type_ = own(kind);
    event.group_id = own(id);
    event.timestamp = timestamp.and_then(time::read).or_else(|| context.entry_time.and_then(time::of));
    event.participant = wa_id.and_then(identity::read);
    event.errors = errors(list);
    settle(context, "group_event", node, event);
}

/// `value.history[]` (a chunk of threads), or one message of field `history`
pub(super) fn history(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let [id, from, to, kind, timestamp, list] = node.fields(["id", "from", "to", "type", "timestamp", "errors"]);
    event.kind = Kind::History;
    event.id = own(id);
    event.from = from.and_then(identity::read);
    event.to = to.and_then(identity::read);
    event.type_ = own(kind);
    event.timestamp = timestamp.and_then(time::read).or_else(|| context.entry_time.and_then(time::of));
    event.errors = errors(list);
    settle(context, "history", node, event);
}

/// `value.state_sync[]`: `event` is `add` or `remove`
pub(super) fn contact_sync(context: &Context<'_>, node: Node<'_>, event: &mut Event) {
    let [kind, action, metadata] = node.fields(["type", "action", "metadata"]);
    let timestamp = metadata.and_then(|metadata| metadata.get("timestamp"));
    event.kind = Kind::ContactSync;
    event.type_ = own(kind);
    event.event = own(action);
    event.timestamp = timestamp.and_then(time::read).or_else(|| context.entry_time.and_then(time::of));
    settle(context, "contact_sync", node, event);
}
