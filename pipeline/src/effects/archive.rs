//! Archive: what was said, and what became of it, as rows of the history.
//!
//! Guarantee: at least once onto immutable rows. A row is keyed by ids and stamped with event time, so a repeat after a crash, or
//! another order, changes nothing. The functions here only say which rows; `scylla::Session::write` writes them, and the caller
//! commits its offsets afterwards.

use serde::Deserialize;
use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::scylla::{Direction, MessageRow, Snapshot, Step, StepRow, Write};
use sluice_schemas::record::{Conversation, Event, Message};

/// Events that a conversation shows. Statuses reach it as steps of their messages.
const SHOWN: [&str; 6] = ["inbound", "echo", "postback", "reaction", "edit", "revoke"];

/// The parts of an event's or command's JSON that become columns.
#[derive(Default, Deserialize)]
struct Head {
    #[serde(rename = "type")]
    type_: Option<String>,
    id: Option<String>,
}

impl Head {
    /// JSON that does not parse is archived all the same, under no type.
    fn of(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }
}

/// Rows of a batch of `events`.
pub fn events(batch: &[Delivered<Event>]) -> Vec<Write> {
    batch.iter().filter_map(|delivered| event(&delivered.record)).collect()
}

fn event(event: &Event) -> Option<Write> {
    let conversation = event.conversation?;
    if !SHOWN.contains(&event.kind.as_str()) {
        return None;
    }
    let head = Head::of(&event.event);
    let row = MessageRow {
        at_ms: event.at_ms,
        message_id: head.id.unwrap_or_else(|| event.dedup_key.clone()),
        direction: if event.kind == "echo" { Direction::Echo } else { Direction::In },
        kind: event.kind.clone(),
        type_: head.type_.unwrap_or_default(),
        body: event.event.clone(),
        account: event.account.clone(),
        channel: event.channel.clone(),
        trace: event.trace,
    };
    Some(Write::Message { tenant: event.tenant, conversation, row })
}

/// Rows of a batch of `messages`: a step each, and at the first step the message itself.
pub fn messages(batch: &[Delivered<Message>]) -> Vec<Write> {
    batch.iter().flat_map(|delivered| [Some(step(&delivered.record)), message(&delivered.record)]).flatten().collect()
}

fn message(message: &Message) -> Option<Write> {
    // Only the first step brings the command; before a person answers, a campaign's message belongs to no conversation.
    let (conversation, body) = (message.conversation?, message.body.as_ref()?);
    let row = MessageRow {
        at_ms: message.at_ms,
        message_id: message.send_id.to_string(),
        direction: Direction::Out,
        kind: "send".into(),
        type_: Head::of(body).type_.unwrap_or_default(),
        body: body.clone(),
        account: message.account.clone(),
        channel: message.channel.clone(),
        trace: message.trace,
    };
    Some(Write::Message { tenant: message.tenant, conversation, row })
}

fn step(message: &Message) -> Write {
    let step =
        Step { state: message.to, at_ms: message.at_ms, code: message.code, detail: message.detail.clone(), wamid: message.wamid.clone() };
    let row = StepRow {
        step,
        account: message.account.clone(),
        recipient: message.recipient.clone(),
        campaign: message.campaign,
        body: message.body.clone(),
    };
    Write::Step { tenant: message.tenant, message_id: message.send_id.to_string(), row }
}

/// Rows of a batch of `conversations`: of each only its last change in the batch, since only the newest is ever shown.
pub fn conversations(batch: &[Delivered<Conversation>]) -> Vec<Write> {
    let mut newest = std::collections::HashMap::new();
    for conversation in batch.iter().map(|delivered| &delivered.record) {
        newest
            .entry((conversation.tenant, conversation.conversation))
            .and_modify(|kept: &mut &Conversation| {
                if kept.version < conversation.version {
                    *kept = conversation;
                }
            })
            .or_insert(conversation);
    }
    newest.into_values().map(|c| Write::Snapshot { tenant: c.tenant, snapshot: Snapshot::from(c) }).collect()
}

#[cfg(test)]
mod tests {
    use sluice_schemas::ids::{ConversationId, SendId, TenantId, TraceId};
    use sluice_schemas::record::SendState;

    use super::*;

    fn received(kind: &str, json: &str) -> Delivered<Event> {
        let record = Event {
            tenant: TenantId::from_bytes([1; 16]),
            account: "15550100001".into(),
            channel: "whatsapp".into(),
            conversation: Some(ConversationId::from_bytes([2; 16])),
            kind: kind.into(),
            dedup_key: "key".into(),
            at_ms: 5,
            received_ms: 6,
            trace: TraceId::default(),
            event: json.into(),
        };
        Delivered { topic: "events", partition: 0, offset: 0, timestamp_ms: 0, key: Vec::new(), headers: Vec::new(), record }
    }

    fn outbound(from: Option<SendState>, to: SendState, body: Option<&str>) -> Delivered<Message> {
        let record = Message {
            tenant: TenantId::from_bytes([1; 16]),
            account: "15550100001".into(),
            channel: "whatsapp".into(),
            send_id: SendId::from_bytes([3; 16]),
            wamid: None,
            conversation: Some(ConversationId::from_bytes([2; 16])),
            campaign: None,
            seq: -1,
            from,
            to,
            code: None,
            detail: None,
            recipient: "15550100002".into(),
            body: body.map(str::to_owned),
            answer: None,
            at_ms: 7,
            trace: TraceId::default(),
        };
        Delivered { topic: "messages", partition: 0, offset: 0, timestamp_ms: 0, key: Vec::new(), headers: Vec::new(), record }
    }

    #[test]
    fn what_a_person_said_is_kept_by_its_id() {
        let rows = events(&[received("inbound", r#"{"kind":"inbound","type":"text","id":"wamid.A"}"#), received("status", "{}")]);
        let [Write::Message { row, .. }] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.message_id.as_str(), row.type_.as_str(), row.direction), ("wamid.A", "text", Direction::In));
    }

    #[test]
    fn an_event_that_does_not_parse_is_kept_by_its_dedup_key() {
        let rows = events(&[received("echo", "not json")]);
        let [Write::Message { row, .. }] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.message_id.as_str(), row.direction), ("key", Direction::Echo));
    }

    #[test]
    fn the_message_is_written_with_its_first_step_alone() {
        let first = outbound(None, SendState::Planned, Some(r#"{"type":"template"}"#));
        let rows = messages(&[first, outbound(Some(SendState::Planned), SendState::InFlight, None)]);
        let kinds: Vec<_> = rows.iter().map(|row| matches!(row, Write::Message { .. })).collect();
        assert_eq!(kinds, [false, true, false]);
    }
}
