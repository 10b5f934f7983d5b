//! Updates as Meta's JSON (contract §2, §4, §10).

use serde_json::{Map, Value, json};

use super::{Status, Update};
use crate::customers::identity;
use crate::graph::error::Refusal;
use crate::state::{Account, Number, Waba};

/// The bodies that carry these updates: one per `object`, in one `entry` per account and one `change` per number or field.
pub(super) fn bodies(updates: &[Update]) -> Vec<String> {
    let mut whatsapp: Vec<(String, Vec<Value>)> = Vec::new();
    let mut fields: Vec<Value> = Vec::new();
    let mut instagram: Vec<Value> = Vec::new();
    let mut page: Vec<Value> = Vec::new();
    let mut open: Option<(&Number, Changes)> = None;
    for update in updates {
        if let (Some((number, changes)), Some(own)) = (&mut open, number(update))
            && number.id == own.id
        {
            changes.push(update);
            continue;
        }
        if let Some((number, changes)) = open.take() {
            change(&mut whatsapp, &number.waba, "messages", changes.value(number));
        }
        match update {
            Update::Status(number, _) | Update::Message { number, .. } => {
                let mut changes = Changes::default();
                changes.push(update);
                open = Some((number, changes));
            }
            Update::Field { waba, time, field, value } => {
                fields.push(json!({"id": waba.id, "time": time / 1_000, "changes": [{"value": value, "field": field}]}));
            }
            Update::Social { account, time, item } => {
                let entries = if account.object() == "instagram" { &mut instagram } else { &mut page };
                entries.push(social(account, *time, item));
            }
        }
    }
    if let Some((number, changes)) = open {
        change(&mut whatsapp, &number.waba, "messages", changes.value(number));
    }
    let whatsapp = whatsapp.into_iter().map(|(id, changes)| json!({"id": id, "changes": changes})).chain(fields).collect();
    let bodies: [(&str, Vec<Value>); 3] = [("whatsapp_business_account", whatsapp), ("instagram", instagram), ("page", page)];
    bodies
        .into_iter()
        .filter(|(_, entries)| !entries.is_empty())
        .map(|(object, entries)| escape(&json!({"object": object, "entry": entries}).to_string()))
        .collect()
}

fn number(update: &Update) -> Option<&Number> {
    match update {
        Update::Status(number, _) | Update::Message { number, .. } => Some(number),
        Update::Field { .. } | Update::Social { .. } => None,
    }
}

fn change(entries: &mut Vec<(String, Vec<Value>)>, waba: &Waba, field: &str, value: Value) {
    let change = json!({"value": value, "field": field});
    match entries.last_mut() {
        Some((id, changes)) if *id == waba.id => changes.push(change),
        _ => entries.push((waba.id.clone(), vec![change])),
    }
}

fn social(account: &Account, time: i64, item: &Value) -> Value {
    json!({"time": time, "id": account.seed.id, "messaging": [item]})
}

/// The arrays of one `value`.
#[derive(Default)]
struct Changes {
    contacts: Vec<Value>,
    messages: Vec<Value>,
    statuses: Vec<Value>,
}

impl Changes {
    fn push(&mut self, update: &Update) {
        match update {
            Update::Status(number, status) => self.statuses.push(self::status(number, status)),
            Update::Message { contact, message, .. } => {
                self.contacts.extend(contact.iter().filter(|contact| !self.contacts.contains(contact)).cloned().collect::<Vec<_>>());
                self.messages.push(message.clone());
            }
            Update::Field { .. } | Update::Social { .. } => {}
        }
    }

    fn value(self, number: &Number) -> Value {
        let mut value = json!({"messaging_product": "whatsapp", "metadata": metadata(number)});
        for (key, list) in [("contacts", self.contacts), ("messages", self.messages), ("statuses", self.statuses)] {
            if !list.is_empty() {
                value[key] = list.into();
            }
        }
        value
    }
}

/// `metadata` of a number's webhooks.
pub(crate) fn metadata(number: &Number) -> Value {
    json!({"display_phone_number": number.digits, "phone_number_id": number.id})
}

fn status(number: &Number, status: &Status) -> Value {
    let mut object = Map::new();
    object.insert("id".into(), (&*status.wamid).into());
    object.insert("status".into(), status.step.into());
    object.insert("timestamp".into(), (status.at / 1_000).to_string().into());
    let portfolio = &number.waba.portfolio.seed.id;
    if identity::is_user_id(&status.recipient) {
        object.insert("recipient_user_id".into(), (&*status.recipient).into());
    } else {
        object.insert("recipient_id".into(), (&*status.recipient).into());
        object.insert("recipient_user_id".into(), identity::user_id(portfolio, &status.recipient).into());
    }
    if let Some(data) = &status.callback_data {
        object.insert("biz_opaque_callback_data".into(), (&**data).into());
    }
    if let Some(pricing) = &status.pricing {
        object.insert(
            "pricing".into(),
            json!({
                "billable": pricing.billable,
                "pricing_model": "PMP",
                "category": pricing.category,
                "type": if pricing.billable { "regular" } else { "free_customer_service" },
            }),
        );
    }
    if let Some(code) = status.error {
        object.insert("errors".into(), json!([Refusal::status_error(code, "")]));
    }
    object.into()
}

/// Meta's own serialisation: `/` as `\/`, everything outside ASCII as `\u` with lowercase hex. The signature covers
/// these bytes, so that a receiver which parses and writes anew before it verifies is found out.
pub(crate) fn escape(json: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::with_capacity(json.len() + json.len() / 16);
    for letter in json.chars() {
        match letter {
            '/' => escaped.push_str("\\/"),
            ascii if ascii.is_ascii() => escaped.push(ascii),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_escaped_as_meta_does() {
        let json = json!({"text": "Tür/😀\n"}).to_string();
        let escaped = escape(&json);
        assert_eq!(escaped, r#"{"text":"T\u00fcr\/\ud83d\ude00\n"}"#);
        assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), serde_json::from_str::<Value>(&json).unwrap());
    }
}
