//! Conversations and their messages, from the archive.

use jiff::Timestamp;
use serde_json::Value;
use sluice_connectors::scylla::{self, Session, Snapshot};
use sluice_schemas::ids::{ConversationId, TenantId};
use sluice_schemas::time::Millis;
use uuid::Uuid;

use super::media;
use super::paging::{self, Paging};
use crate::view::{Attachment, Conversation, Course, Direction, Message, Page, Step};
use crate::{Error, State};

/// Conversations that a search looks through.
const SEARCHED: usize = 1_000;

impl From<scylla::Error> for Error {
    fn from(error: scylla::Error) -> Self {
        Self::Unavailable { service: "history", cause: error.to_string() }
    }
}

pub(super) fn archive(app: &State) -> Result<&Session, Error> {
    app.history.as_ref().ok_or_else(|| Error::Unavailable { service: "history", cause: "this process has no archive".into() })
}

/// Conversations, most recent first; with `q` those of the last [`SEARCHED`] that have it in their name or number.
pub async fn recent(app: &State, tenant: TenantId, paging: &Paging, q: &str) -> Result<Page<Conversation>, Error> {
    let limit = usize::try_from(paging.limit()?).unwrap_or(1);
    let q = q.trim().to_lowercase();
    let before = match paging.parts()? {
        Some((ms, _)) => Millis(ms),
        None => Millis::now().plus(Millis::DAY),
    };
    let wanted = if q.is_empty() { limit } else { SEARCHED };
    let rows = archive(app)?.recent_conversations(tenant, before, wanted).await?;
    let full = rows.len() == wanted;
    let mut data = Vec::new();
    let mut last = None;
    for snapshot in rows {
        last = Some(snapshot.updated_ms);
        if fits(&snapshot, &q) {
            data.push(shown(snapshot));
        }
        if data.len() == limit {
            break;
        }
    }
    let next_cursor = last.filter(|_| full).map(|ms| paging::encode(ms, ""));
    Ok(Page { data, next_cursor })
}

/// One conversation, and the end of its window in milliseconds.
pub async fn conversation(app: &State, tenant: TenantId, id: Uuid) -> Result<(Conversation, i64), Error> {
    let snapshot = snapshot(app, tenant, id).await?;
    let until = snapshot.window_until_ms;
    Ok((shown(snapshot), until))
}

/// One conversation as the archive has it.
pub async fn snapshot(app: &State, tenant: TenantId, id: Uuid) -> Result<Snapshot, Error> {
    let snapshot = archive(app)?.conversation(tenant, ConversationId(id)).await?;
    snapshot.ok_or_else(|| Error::NotFound("conversation".into()))
}

/// The conversation that began with `contact` at `account`, with the end of its window; `None` before that person has written.
pub async fn known(app: &State, tenant: TenantId, account: &str, contact: &str) -> Result<Option<(ConversationId, i64)>, Error> {
    let id = ConversationId::mint(tenant, account, contact);
    Ok(archive(app)?.conversation(tenant, id).await?.map(|snapshot| (id, snapshot.window_until_ms)))
}

/// What became of a send so far.
pub async fn course(app: &State, tenant: TenantId, id: Uuid) -> Result<Course, Error> {
    let mut rows = archive(app)?.steps(tenant, &id.to_string()).await?;
    rows.sort_by_key(|row| row.step.place());
    let status =
        rows.last().ok_or_else(|| Error::NotFound("message; one that was just taken over shows after a moment".into()))?.step.state.name();
    let step = |row: scylla::StepRow| Step {
        status: row.step.state.name().to_owned(),
        at: Millis(row.step.at_ms).to_string(),
        code: row.step.code,
        detail: row.step.detail,
        message_id: row.step.wamid,
    };
    Ok(Course { id, status: status.to_owned(), steps: rows.into_iter().map(step).collect() })
}

/// Messages of a conversation: the newest page before the cursor, oldest first.
pub async fn messages(app: &State, tenant: TenantId, id: Uuid, paging: &Paging) -> Result<Page<Message>, Error> {
    let limit = usize::try_from(paging.limit()?).unwrap_or(1);
    let archive = archive(app)?;
    let snapshot = snapshot(app, tenant, id).await?;
    let since = Some(Millis(snapshot.created_ms)).filter(|since| since.0 > 0);
    let mut rows = archive.messages(tenant, ConversationId(id), paging.parts()?, since, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let oldest = rows.last().filter(|_| more);
    let next_cursor = oldest.map(|row| paging::encode(row.message.at_ms, &row.message.message_id));
    let files = media::of(app, tenant, &rows.iter().map(|row| &row.message).collect::<Vec<_>>()).await?;
    let mut data: Vec<Message> = rows.into_iter().zip(files).map(|(view, files)| message(view, files)).collect();
    data.reverse();
    Ok(Page { data, next_cursor })
}

fn fits(snapshot: &Snapshot, q: &str) -> bool {
    let digits: String = q.chars().filter(char::is_ascii_digit).collect();
    let named = |text: &Option<String>| text.as_ref().is_some_and(|text| text.to_lowercase().contains(q));
    let numbered = digits.len() >= 3 && snapshot.phone.as_ref().is_some_and(|phone| phone.contains(&digits));
    q.is_empty() || named(&snapshot.name) || named(&snapshot.user_id) || numbered
}

/// A conversation as it is shown.
pub fn shown(snapshot: Snapshot) -> Conversation {
    Conversation {
        id: snapshot.conversation.0,
        account: snapshot.account,
        channel: snapshot.channel,
        name: snapshot.name,
        phone: snapshot.phone,
        user_id: snapshot.user_id,
        status: snapshot.status,
        stage: snapshot.stage,
        assignee: snapshot.assignee,
        unread: snapshot.unread,
        preview: snapshot.preview,
        quote: snapshot.quote.map(|quote| quote.0),
        window_until: (snapshot.window_until_ms > 0).then(|| Millis(snapshot.window_until_ms).to_string()),
        updated_at: Millis(snapshot.updated_ms).to_string(),
    }
}

fn message(view: scylla::View, attachments: Vec<Attachment>) -> Message {
    let row = view.message;
    let out = row.direction != scylla::Direction::In;
    let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
    Message {
        direction: if out { Direction::Out } else { Direction::In },
        text: text(&row.kind, &row.type_, &body),
        r#type: row.type_,
        attachments,
        status: view.latest.as_ref().map(|step| step.state.name().to_owned()),
        code: view.latest.as_ref().and_then(|step| step.code),
        at: Timestamp::from_millisecond(row.at_ms).map(|at| at.to_string()).unwrap_or_default(),
        id: row.message_id,
    }
}

/// What a message says: its text or caption, else what it is.
fn text(kind: &str, r#type: &str, body: &Value) -> String {
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let said = match kind {
        "reaction" => return at("/text").map_or_else(|| "took a reaction back".to_owned(), |emoji| format!("reacted {emoji}")),
        "revoke" => return "deleted a message".to_owned(),
        // Commands hold their text by type, events at the top.
        _ => ["/text", "/text/body", "/interactive/body/text", "/attachments/0/caption", "/quick_reply"].into_iter().find_map(at),
    };
    let said = said.or_else(|| at(&format!("/{type}/caption")));
    let what = if r#type.is_empty() { kind } else { r#type };
    match (said, at("/template/name")) {
        (Some(said), _) => said.to_owned(),
        (None, Some(template)) => template_text(template, body),
        _ => format!("[{}]", what.replace('_', " ")),
    }
}

/// A template by its name and what fills it; the words around are Meta's.
fn template_text(name: &str, body: &Value) -> String {
    let components = body.pointer("/template/components").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let parameters = components.iter().filter_map(|component| component["parameters"].as_array()).flatten();
    let filled: Vec<&str> = parameters.filter_map(|parameter| parameter["text"].as_str()).collect();
    if filled.is_empty() { format!("Template {name}") } else { format!("Template {name}: {}", filled.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_shows_its_words_or_what_it_is() {
        let cases = [
            ("inbound", "text", json!({"text": "20 bags"}), "20 bags"),
            ("send", "text", json!({"type": "text", "text": {"body": "R$ 600"}}), "R$ 600"),
            ("send", "interactive", json!({"interactive": {"body": {"text": "Choose"}}}), "Choose"),
            ("inbound", "image", json!({"attachments": [{"type": "image", "caption": "this one"}]}), "this one"),
            ("inbound", "sticker", json!({}), "[sticker]"),
            ("reaction", "", json!({"text": "👍"}), "reacted 👍"),
            ("send", "document", json!({"document": {"caption": "offer"}}), "offer"),
            (
                "send",
                "template",
                json!({"template": {"name": "hello", "components": [{"parameters": [{"type": "text", "text": "Ana"}]}]}}),
                "Template hello: Ana",
            ),
        ];
        for (kind, r#type, body, said) in cases {
            assert_eq!(text(kind, r#type, &body), said);
        }
    }

    #[test]
    fn a_search_looks_at_names_and_digits() {
        let snapshot: Snapshot = serde_json::from_value(json!({
            "conversation": uuid::Uuid::nil(), "account": "1", "channel": "whatsapp", "phone": "15550100002", "name": "Ana Silva",
            "status": "OPEN", "stage": "idle", "window_until_ms": 0, "created_ms": 1, "updated_ms": 5, "last_in_ms": 0,
            "preview": "", "unread": 0, "version": 1,
        }))
        .expect("a snapshot");
        for (q, found) in [("", true), ("silva", true), ("+1 555 01", true), ("bea", false), ("99", false)] {
            assert_eq!(fits(&snapshot, q), found, "{q}");
        }
    }
}
