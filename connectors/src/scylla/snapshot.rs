use serde::{Deserialize, Serialize};
use sluice_schemas::ids::{ConversationId, QuoteId};
use sluice_schemas::record::Conversation;

/// A conversation as the inbox shows it. The record's own form writes identifiers as bytes, which JSON has none of.
///
/// Stored as JSON and read by later builds: fields are added with a default, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the record `Conversation` describes every field")]
pub struct Snapshot {
    pub conversation: ConversationId,
    pub account: String,
    pub channel: String,
    pub phone: Option<String>,
    pub user_id: Option<String>,
    pub name: Option<String>,
    pub status: String,
    pub stage: String,
    pub window_until_ms: i64,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub last_in_ms: i64,
    pub preview: String,
    pub unread: i32,
    pub assignee: Option<String>,
    pub quote: Option<QuoteId>,
    pub version: i64,
}

impl From<&Conversation> for Snapshot {
    fn from(c: &Conversation) -> Self {
        Self {
            conversation: c.conversation,
            account: c.account.clone(),
            channel: c.channel.clone(),
            phone: c.phone.clone(),
            user_id: c.user_id.clone(),
            name: c.name.clone(),
            status: c.status.clone(),
            stage: c.stage.clone(),
            window_until_ms: c.window_until_ms,
            created_ms: c.created_ms,
            updated_ms: c.updated_ms,
            last_in_ms: c.last_in_ms,
            preview: c.preview.clone(),
            unread: c.unread,
            assignee: c.assignee.clone(),
            quote: c.quote,
            version: c.version,
        }
    }
}
