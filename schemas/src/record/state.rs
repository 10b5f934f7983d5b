use serde::{Deserialize, Serialize};

use super::{ControlState, SendState};
use crate::ids::{CampaignId, ConversationId, TenantId, TraceId, bin, bin_opt};

/// State of the ledger: one send. Its payload is dropped at the end, its id is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateSend {
    /// Where it stands.
    pub state: SendState,
    /// Attempts so far.
    pub attempt: i32,
    /// Attempts whose failure counts against the limit of attempts.
    pub failures: i32,
    /// Place in the order of arrival on this partition.
    pub order: i64,
    /// Not before this time (planned), or when the timer fires (in flight, unknown).
    pub due_ms: i64,
    /// Meta's message id, once known.
    pub wamid: Option<String>,
    /// The framed `Outbound`, until the send has ended.
    #[serde(with = "serde_bytes")]
    pub outbound: Option<Vec<u8>>,
}

/// State of the ledger: one campaign on this home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateCampaign {
    /// Owner.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// Number it sends from.
    pub account: String,
    /// Home partition of its rows.
    pub home: i32,
    /// Newest epoch seen.
    pub epoch: i64,
    /// What it shall do.
    pub state: ControlState,
    /// Rows on this home.
    pub audience: i64,
    /// Messages per second it may use; 0 for no limit of its own.
    pub throttle: i32,
    /// Next row to demand.
    pub cursor: i64,
    /// Rows below this have arrived.
    pub received: i64,
    /// When rows were last demanded or arrived.
    pub demanded_ms: i64,
}

/// State of reconcile: one outbound message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateMessage {
    /// Where it stands.
    pub state: SendState,
    /// Meta's message id, once known.
    pub wamid: Option<String>,
    /// Number it left from.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// Conversation it belongs to.
    #[serde(with = "bin_opt")]
    pub conversation: Option<ConversationId>,
    /// Campaign it belongs to.
    #[serde(with = "bin_opt")]
    pub campaign: Option<CampaignId>,
    /// Row of the audience snapshot on this home; -1 outside campaigns.
    pub seq: i64,
    /// Recipient.
    pub recipient: String,
    /// Follows it through the topics.
    #[serde(with = "bin")]
    pub trace: TraceId,
    /// When it last moved.
    pub at_ms: i64,
    /// Whether its recipient has answered.
    #[serde(default)]
    pub answered: bool,
}

/// State of reconcile: a status that came before its send was known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateEarly {
    /// Statuses in the order received.
    pub statuses: Vec<EarlyStatus>,
}

/// One early status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyStatus {
    /// Where it moves the message.
    pub state: SendState,
    /// Error code, when failed.
    pub code: Option<i32>,
    /// Reason in words.
    pub detail: Option<String>,
    /// Meta's time.
    pub at_ms: i64,
}
