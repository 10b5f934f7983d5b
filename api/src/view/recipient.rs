use serde::Serialize;
use utoipa::ToSchema;

/// What became of one recipient of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Recipient {
    /// Phone digits or business-scoped user id.
    pub recipient: String,
    /// `pending`, or a state of a message, as in the funnel.
    pub state: String,
    /// Since when, RFC 3339.
    pub since: Option<String>,
    /// Meta's error code.
    pub code: Option<i32>,
    /// Of a failed message: what it means and what helps.
    pub explanation: Option<String>,
    /// Reason in words.
    pub detail: Option<String>,
    /// Meta's id, once known.
    pub wamid: Option<String>,
    /// The message, under `/messages`.
    pub message: uuid::Uuid,
}
