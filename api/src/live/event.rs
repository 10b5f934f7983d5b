//! One change of a record in the event stream.

use serde_json::{Value, json};
use sluice_schemas::codec::{self, Codecs};
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{Conversation, Message, Quote};
use sluice_schemas::time::Millis;

use super::Position;

/// The topics of the event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// `conversations`
    Conversations,
    /// `messages`
    Messages,
    /// `quotes`
    Quotes,
}

impl Feed {
    /// Every topic of the stream.
    pub const ALL: [Self; 3] = [Self::Conversations, Self::Messages, Self::Quotes];

    /// The kind of its events: `conversation`, `message`, `quote`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Conversations => "conversation",
            Self::Messages => "message",
            Self::Quotes => "quote",
        }
    }
}

/// One change, as the event stream gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveEvent {
    /// Where its record stands: makes the stream's `id`.
    pub id: Position,
    /// `conversation`, `message`, `quote`.
    pub kind: &'static str,
    /// The record as the API shows it.
    pub data: Value,
}

impl LiveEvent {
    /// The event of one record and its tenant. `payload` is framed Avro (`schemas::codec`).
    pub fn decode(codecs: &Codecs, id: Position, payload: &[u8]) -> Result<(TenantId, Self), codec::Error> {
        let (tenant, data) = match id.feed {
            Feed::Conversations => {
                let record = codecs.of::<Conversation>().decode(payload)?;
                (record.tenant, conversation(&record))
            }
            Feed::Messages => {
                let record = codecs.of::<Message>().decode(payload)?;
                (record.tenant, message(&record))
            }
            Feed::Quotes => {
                let record = codecs.of::<Quote>().decode(payload)?;
                (record.tenant, quote(&record))
            }
        };
        Ok((tenant, Self { id, kind: id.feed.kind(), data }))
    }
}

fn time(ms: i64) -> Option<String> {
    (ms > 0).then(|| Millis(ms).to_string())
}

fn conversation(c: &Conversation) -> Value {
    json!({
        "id": c.conversation, "account": c.account, "channel": c.channel, "name": c.name, "phone": c.phone, "user_id": c.user_id,
        "status": c.status, "stage": c.stage, "assignee": c.assignee, "unread": c.unread, "preview": c.preview, "quote": c.quote,
        "window_until": time(c.window_until_ms), "created_at": time(c.created_ms), "updated_at": time(c.updated_ms), "version": c.version,
    })
}

fn message(m: &Message) -> Value {
    json!({
        "send_id": m.send_id, "wamid": m.wamid, "conversation": m.conversation, "campaign": m.campaign, "account": m.account,
        "from": m.from, "to": m.to, "code": m.code, "detail": m.detail, "answer": m.answer, "at": time(m.at_ms),
    })
}

fn quote(q: &Quote) -> Value {
    json!({
        "id": q.quote, "conversation": q.conversation, "status": q.status, "total": q.total, "currency": q.currency,
        "reasons": q.reasons, "decided_by": q.decided_by, "created_at": time(q.created_ms), "updated_at": time(q.updated_ms),
        "deadline": time(q.deadline_ms),
    })
}
