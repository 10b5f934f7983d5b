//! The one door by which people and programs send: read, checked whole, then written where the ledger takes it up.
//!
//! Guarantee: all in-sync replicas have the record before the answer, and the send's id follows from the request's key, so that a repeat
//! is the same send, which the ledger takes once.

mod check;
mod place;

use serde_json::{Map, Value};
use sluice_connectors::kafka::producer::Out;
use sluice_connectors::meta::template::Preview;
use sluice_schemas::command;
use sluice_schemas::ids::{SendId, TraceId};
use sluice_schemas::record::{Command, Lane, Outbound};
use sluice_schemas::time::Millis;
use sluice_schemas::topics;
use uuid::Uuid;

use crate::auth::Actor;
use crate::error::Field;
use crate::view::Sent;
use crate::{Error, State};

use place::Place;
pub(super) use place::bare;

impl From<command::Fault> for Field {
    fn from(fault: command::Fault) -> Self {
        Self { detail: fault.to_string(), field: fault.field }
    }
}

/// What is asked for: the message, and whom it is for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// Conversation it belongs to; names account and recipient.
    pub conversation: Option<Uuid>,
    /// Phone number id, Instagram account or page; may be left out where there is only one.
    pub account: Option<String>,
    /// `whatsapp` when left out.
    pub channel: Option<String>,
    /// Phone number, business-scoped user id, or scoped id.
    pub to: Option<String>,
}

/// Reads a request's JSON: the message as Meta writes it, with account, channel and recipient or conversation beside it.
pub fn read(value: Value) -> Result<(Request, command::Command), Error> {
    let Value::Object(mut map) = value else { return Err(Error::field("body", "send a JSON object")) };
    let mut faults = Vec::new();
    let request = Request {
        conversation: text(&mut map, "conversation", &mut faults).and_then(|id| {
            let id = id.parse().ok();
            if id.is_none() {
                faults.push(command::Fault::new("conversation", "is not the id of a conversation"));
            }
            id
        }),
        account: text(&mut map, "account", &mut faults),
        channel: text(&mut map, "channel", &mut faults),
        to: text(&mut map, "to", &mut faults),
    };
    if request.to.is_none() == request.conversation.is_none() && faults.is_empty() {
        faults.push(command::Fault::new("to", "or `conversation`: give exactly one of the two"));
    }
    match command::Command::read(map) {
        Ok(command) if faults.is_empty() => Ok((request, command)),
        Ok(_) => Err(invalid(faults)),
        Err(more) => Err(invalid(faults.into_iter().chain(more).collect())),
    }
}

fn text(map: &mut Map<String, Value>, key: &str, faults: &mut Vec<command::Fault>) -> Option<String> {
    match map.remove(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(_) => {
            faults.push(command::Fault::new(key, "must be a text"));
            None
        }
    }
}

fn invalid(faults: Vec<command::Fault>) -> Error {
    Error::Invalid(faults.into_iter().map(Field::from).collect())
}

/// Checks and writes a message under the request's `key`.
pub async fn send(app: &State, actor: &Actor, request: &Request, command: &command::Command, key: &str) -> Result<Sent, Error> {
    let place = place::find(app, actor, request).await?;
    check::all(app, actor, &place, command).await?;
    let id = format!("message:{key}");
    let sent = Sent {
        id: SendId::of(actor.tenant, &Command::cause(&id), 0).0,
        account: place.number.account.clone(),
        channel: place.channel.name().to_owned(),
        to: place.to.clone(),
        conversation: place.conversation.as_ref().map(|(id, _)| id.0),
        status: "recorded".to_owned(),
    };
    let record = record(app, actor, &place, command, id)?;
    app.producer.send_all(vec![record]).await.map_err(|e| Error::Unavailable { service: "kafka", cause: e.to_string() })?;
    Ok(sent)
}

/// What the customer would see of a template; nothing is sent.
pub async fn preview(app: &State, actor: &Actor, request: &Request, command: &command::Command) -> Result<Preview, Error> {
    let command::Content::Template(template) = &command.content else {
        return Err(Error::field("type", "`type`: only templates have a preview; other messages look as they are written"));
    };
    let place = place::find(app, actor, request).await?;
    let faults = place.channel.check(&place.to, command);
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    let stored = check::template(app, actor, &place, template).await?;
    Ok(sluice_connectors::meta::template::preview(&stored.components, template))
}

/// In a conversation a message goes through it, so that the inbox shows it as answered; all others go to the ledger as they are.
fn record(app: &State, actor: &Actor, place: &Place, command: &command::Command, id: String) -> Result<Out, Error> {
    let trace = TraceId(Uuid::now_v7());
    let fault = |e: sluice_schemas::codec::Error| Error::Internal(e.to_string());
    let through = place.conversation.as_ref().filter(|_| !matches!(command.content, command::Content::Read(_)));
    let (topic, key, payload) = if let Some((conversation, _)) = through {
        let decision = Command {
            tenant: actor.tenant,
            conversation: *conversation,
            account: place.number.account.clone(),
            id,
            action: "send".into(),
            quote: None,
            argument: Some(command.to_json()),
            actor: actor.name.clone(),
            at_ms: Millis::now().0,
            trace,
        };
        let payload = app.codecs.of::<Command>().encode(&decision).map_err(fault)?;
        (topics::CONVERSATION_COMMANDS, topics::key(actor.tenant, conversation), payload)
    } else {
        let cause = Command::cause(&id);
        let send_id = SendId::of(actor.tenant, &cause, 0);
        let outbound = Outbound {
            tenant: actor.tenant,
            account: place.number.account.clone(),
            channel: place.channel.name().into(),
            send_id,
            cause,
            conversation: None,
            to: place.to.clone(),
            lane: Lane::Transactional,
            campaign: None,
            seq: -1,
            epoch: 0,
            suppressed: None,
            window: None,
            body: command.to_json(),
            at_ms: Millis::now().0,
            trace,
        };
        let payload = app.codecs.of::<Outbound>().encode(&outbound).map_err(fault)?;
        (topics::OUTBOUND_TRANSACTIONAL, topics::key(actor.tenant, &send_id), payload)
    };
    Ok(Out { topic, partition: place.number.home, key: key.into_bytes(), payload: Some(payload), headers: Vec::new() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Vec<String> {
        match read(value) {
            Err(Error::Invalid(fields)) => fields.into_iter().map(|field| field.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_a_message_with_its_recipient() {
        let (request, command) = read(json!({"to": "+1 555 0102", "type": "text", "text": {"body": "Hi"}})).expect("reads");
        assert_eq!(request, Request { to: Some("+1 555 0102".into()), ..Request::default() });
        assert_eq!(command, command::Command::text("Hi"));
    }

    #[test]
    fn every_fault_is_told_with_its_field() {
        assert_eq!(fields(json!({"type": "text", "text": {"body": "Hi"}})), ["to"]);
        let both = json!({"to": "1", "conversation": Uuid::nil(), "type": "text", "text": {"body": "Hi"}});
        assert_eq!(fields(both), ["to"]);
        let many = fields(json!({"to": 5, "conversation": "x", "account": [], "type": "text"}));
        assert_eq!(many, ["conversation", "account", "to", "text"]);
        assert_eq!(fields(json!([])), ["body"]);
    }
}
