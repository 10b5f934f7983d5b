//! WhatsApp (contract §6).

mod check;
mod contacts;
mod interactive;
mod template;

use serde_json::{Map, Value, json};
use sluice_schemas::command::{Command, Content, Fault};
use sluice_schemas::meta::is_user_id;

use super::super::Options;
use super::Channel;

/// WhatsApp.
pub const WHATSAPP: Whatsapp = Whatsapp;

/// WhatsApp.
#[derive(Debug, Clone, Copy)]
pub struct Whatsapp;

impl Channel for Whatsapp {
    fn name(&self) -> &'static str {
        "whatsapp"
    }

    fn base<'a>(&self, options: &'a Options) -> &'a str {
        &options.graph_url
    }

    fn outside_window(&self, command: &Command) -> bool {
        matches!(command.content, Content::Template(_) | Content::Read(_))
    }

    fn check(&self, to: &str, command: &Command) -> Vec<Fault> {
        let mut check = super::check::Check::default();
        check.that(is_phone(to) || is_user_id(to), "to", "is neither a phone number with its country code nor a business-scoped user id");
        check::command(&mut check, command);
        check.0
    }

    fn render(&self, to: &str, command: &Command, callback: &str) -> Map<String, Value> {
        if let Content::Read(mark) = &command.content {
            let mut body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": mark.message_id});
            if mark.typing {
                body["typing_indicator"] = json!({"type": "text"});
            }
            return object(body);
        }
        let mut body = object(json!({"messaging_product": "whatsapp", "recipient_type": "individual"}));
        if is_user_id(to) {
            body.insert("recipient".into(), to.into());
        } else {
            // Without the plus sign Meta may prepend the business's own country code.
            body.insert("to".into(), format!("+{to}").into());
        }
        body.extend(object(serde_json::to_value(command).unwrap_or_default()));
        body.insert("biz_opaque_callback_data".into(), callback.into());
        body
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// Digits with a country code, E.164.
fn is_phone(to: &str) -> bool {
    (7..=15).contains(&to.len()) && to.bytes().all(|b| b.is_ascii_digit())
}
