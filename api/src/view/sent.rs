use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message that is on its way; how it goes on is told by `GET /messages/{id}` and the live events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// The send's id: the same for a repeat of the request.
    pub id: uuid::Uuid,
    /// Phone number id, Instagram account or page it leaves from.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// Recipient.
    pub to: String,
    /// Conversation it belongs to, where the person has written before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<uuid::Uuid>,
    /// `recorded`
    pub status: String,
}

/// What became of a send so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Course {
    /// The send's id.
    pub id: uuid::Uuid,
    /// Where it stands: `planned`, `in_flight`, `accepted`, `sent`, `delivered`, `read`, `played`, `failed`, `unknown`, `quarantined`,
    /// `suppressed`, `cancelled`.
    pub status: String,
    /// Its steps, the first one first.
    pub steps: Vec<Step>,
}

/// One step of a send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Step {
    /// Where it moved.
    pub status: String,
    /// RFC 3339.
    pub at: String,
    /// Error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Meta's message id, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}
