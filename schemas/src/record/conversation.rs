use serde::{Deserialize, Serialize};

use crate::ids::{ConversationId, QuoteId, TenantId, TraceId, bin, bin_opt};

/// The state of a conversation after a change: what the inbox shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Owner of the number.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// The conversation.
    #[serde(with = "bin")]
    pub conversation: ConversationId,
    /// Number, Instagram account or page it is held with.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// Phone digits, when known.
    pub phone: Option<String>,
    /// Business-scoped user id, IGSID or PSID, when known.
    pub user_id: Option<String>,
    /// Profile name as last received.
    pub name: Option<String>,
    /// `OPEN` or `RESOLVED`.
    pub status: String,
    /// `idle`, `quoted`, `awaiting_approval`, `asked`, `handed_over`.
    pub stage: String,
    /// End of the 24 h window; 0 before the first inbound message.
    pub window_until_ms: i64,
    /// First sight.
    pub created_ms: i64,
    /// Last change of any kind.
    pub updated_ms: i64,
    /// Last inbound message; 0 for none.
    pub last_in_ms: i64,
    /// Last message either way, shortened for lists.
    pub preview: String,
    /// Inbound messages since the last answer of a person or the pipeline.
    pub unread: i32,
    /// Agent it is assigned to.
    pub assignee: Option<String>,
    /// Quote that is open in it.
    #[serde(with = "bin_opt")]
    pub quote: Option<QuoteId>,
    /// Raised by one with every change.
    pub version: i64,
}

/// A quote after a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// Owner.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// The quote.
    #[serde(with = "bin")]
    pub quote: QuoteId,
    /// Conversation it answers.
    #[serde(with = "bin")]
    pub conversation: ConversationId,
    /// Number it is sent from.
    pub account: String,
    /// `answered`, `awaiting_approval`, `approved`, `changed`, `rejected`, `expired`.
    pub status: String,
    /// Sum to pay, as decimal text.
    pub total: String,
    /// ISO 4217.
    pub currency: String,
    /// Why a person must decide, one sentence each.
    pub reasons: Vec<String>,
    /// The customer's text.
    pub request: String,
    /// Lines, freight and discounts as JSON (`domain::quote::Quote`).
    pub detail: String,
    /// When it was made.
    pub created_ms: i64,
    /// Last change.
    pub updated_ms: i64,
    /// Until when a person may decide, or the customer may accept.
    pub deadline_ms: i64,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Follows the update through the topics.
    #[serde(with = "bin")]
    pub trace: TraceId,
}

/// A person's decision about a conversation, written by the API before anything acts on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Owner.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// The conversation.
    #[serde(with = "bin")]
    pub conversation: ConversationId,
    /// Number the conversation is held with.
    pub account: String,
    /// Unique per decision (`Idempotency-Key`): a repeat changes nothing.
    pub id: String,
    /// `approve`, `change`, `reject`, `reply`, `send`, `resolve`, `reopen`, `assign`.
    pub action: String,
    /// Quote decided on.
    #[serde(with = "bin_opt")]
    pub quote: Option<QuoteId>,
    /// Reply text, reason, new total or agent, by action.
    pub argument: Option<String>,
    /// User who decided.
    pub actor: String,
    /// When.
    pub at_ms: i64,
    /// Follows the decision through the topics.
    #[serde(with = "bin")]
    pub trace: TraceId,
}

impl Command {
    /// Why the command with this id sends: the send's id follows from it before the pipeline has acted.
    pub fn cause(id: &str) -> String {
        format!("command:{id}")
    }
}
