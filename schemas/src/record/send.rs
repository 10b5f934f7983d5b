use serde::{Deserialize, Serialize};

use crate::ids::{CampaignId, ConversationId, SendId, TenantId, TraceId, bin, bin_opt};

named! {
    /// Who goes first: replies before transactional messages before bulk.
    Lane {
        /// An answer to a person who waits.
        Reply = "reply",
        /// A message that an event asked for.
        Transactional = "transactional",
        /// A campaign's.
        Bulk = "bulk",
    }
}

named! {
    /// Where a send stands. The ledger owns it up to accepted, failed, cancelled or quarantined; reconcile owns the rest.
    SendState {
        /// Never to be sent: opted out, capped or invalid.
        Suppressed = "suppressed",
        /// Waits for its turn.
        Planned = "planned",
        /// Claimed; its bytes may be on their way.
        InFlight = "in_flight",
        /// Nobody knows whether Meta took it; never resent by itself.
        Unknown = "unknown",
        /// Unknown for longer than the deadline; waits for a person's recorded decision.
        Quarantined = "quarantined",
        /// Proven not to reach its recipient.
        Failed = "failed",
        /// Its campaign was cancelled before it left.
        Cancelled = "cancelled",
        /// Meta answered with a wamid.
        Accepted = "accepted",
        /// Left Meta.
        Sent = "sent",
        /// On the device.
        Delivered = "delivered",
        /// Read; implies delivered.
        Read = "read",
        /// A voice message that was played.
        Played = "played",
    }
}

/// A message that shall be sent: the command, before limits and rendering.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outbound {
    /// Owner of the number.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// Phone number id, Instagram account or page it leaves from.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// The send; a repeat of it is absorbed.
    #[serde(with = "bin")]
    pub send_id: SendId,
    /// Why it is sent: dedup key of an event, row of a campaign, key of a request.
    pub cause: String,
    /// Conversation it belongs to.
    #[serde(with = "bin_opt")]
    pub conversation: Option<ConversationId>,
    /// Recipient: phone digits, business-scoped user id, IGSID or PSID.
    pub to: String,
    /// Lane.
    pub lane: Lane,
    /// Campaign it belongs to.
    #[serde(with = "bin_opt")]
    pub campaign: Option<CampaignId>,
    /// Row of the audience snapshot on this home; -1 outside campaigns.
    pub seq: i64,
    /// Epoch of the campaign when it was expanded; 0 outside campaigns.
    pub epoch: i64,
    /// Why it will not be sent, decided at expansion.
    pub suppressed: Option<String>,
    /// Hours of the recipient's day in which it may leave, as in `09:00-20:00 mon,tue`: [`crate::window::Window`].
    pub window: Option<String>,
    /// The command as JSON: `{"type":"text","text":{"body":…}}` and so on (contract §6 without recipient and envelope).
    pub body: String,
    /// When it was planned.
    pub at_ms: i64,
    /// Follows it through the topics.
    #[serde(with = "bin")]
    pub trace: TraceId,
}

/// Leave to transmit one attempt of one send, once, between `slot_ms` and `not_after_ms`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Owner of the number.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// Number it leaves from.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// The send.
    #[serde(with = "bin")]
    pub send_id: SendId,
    /// 1 for the first.
    pub attempt: i32,
    /// Recipient.
    pub to: String,
    /// Lane; a sender keeps room for replies.
    #[serde(default = "reply")]
    pub lane: Lane,
    /// Not before.
    pub slot_ms: i64,
    /// End of the lease: after it nothing may be written.
    pub not_after_ms: i64,
    /// The command as JSON.
    pub body: String,
    /// Follows it through the topics.
    #[serde(with = "bin")]
    pub trace: TraceId,
}

/// The lane of claims from before they said it: whoever waits is not to wait longer.
const fn reply() -> Lane {
    Lane::Reply
}

named! {
    /// What became of an attempt, as far as the sender can tell.
    Outcome {
        /// Meta answered with a wamid.
        Accepted = "accepted",
        /// Meta answered with an error body: proven negative.
        Rejected = "rejected",
        /// Not one byte left: lease over, connect error, or no token. Proven negative.
        Unwritten = "unwritten",
        /// Bytes left and no usable answer came.
        Unknown = "unknown",
    }
}

/// The answer to a [`Claim`], brought home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendResult {
    /// Owner of the number.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// Number it left from.
    pub account: String,
    /// The send.
    #[serde(with = "bin")]
    pub send_id: SendId,
    /// The attempt that this answers.
    pub attempt: i32,
    /// What became of it.
    pub outcome: Outcome,
    /// Meta's message id, when accepted.
    pub wamid: Option<String>,
    /// Meta's error code, when rejected.
    pub code: Option<i32>,
    /// `retry`, `throttle`, `permanent`, `account`, `hold`, when rejected.
    pub class: Option<String>,
    /// Meta's title or ours, without message text.
    pub detail: Option<String>,
    /// HTTP status, 0 for none.
    pub http_status: i32,
    /// When the answer came.
    pub at_ms: i64,
}

/// One step of a send in the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Owner of the number.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// Number it leaves from.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// The send.
    #[serde(with = "bin")]
    pub send_id: SendId,
    /// Where it stands now.
    pub state: SendState,
    /// Attempts so far.
    pub attempt: i32,
    /// Meta's message id, once accepted.
    pub wamid: Option<String>,
    /// Error code, when failed or planned again.
    pub code: Option<i32>,
    /// Reason in words for suppressed, failed, quarantined, cancelled.
    pub detail: Option<String>,
    /// Conversation it belongs to.
    #[serde(with = "bin_opt")]
    pub conversation: Option<ConversationId>,
    /// Campaign it belongs to.
    #[serde(with = "bin_opt")]
    pub campaign: Option<CampaignId>,
    /// Row of the audience snapshot on this home; -1 outside campaigns.
    pub seq: i64,
    /// Recipient.
    pub to: String,
    /// The command as JSON; present on the first step only.
    pub body: Option<String>,
    /// When the step was taken.
    pub at_ms: i64,
    /// Follows it through the topics.
    #[serde(with = "bin")]
    pub trace: TraceId,
}

/// One step of an outbound message's whole life; each moves one unit `from` → `to`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Owner of the number.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// Number it left from.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// The send.
    #[serde(with = "bin")]
    pub send_id: SendId,
    /// Meta's message id, once known.
    pub wamid: Option<String>,
    /// Conversation it belongs to.
    #[serde(with = "bin_opt")]
    pub conversation: Option<ConversationId>,
    /// Campaign it belongs to.
    #[serde(with = "bin_opt")]
    pub campaign: Option<CampaignId>,
    /// Row of the audience snapshot on this home; -1 outside campaigns.
    pub seq: i64,
    /// Where it stood; absent at the first step.
    pub from: Option<SendState>,
    /// Where it stands.
    pub to: SendState,
    /// Error code, when failed.
    pub code: Option<i32>,
    /// Reason in words.
    pub detail: Option<String>,
    /// Recipient.
    pub recipient: String,
    /// The command as JSON; present on the first step only.
    pub body: Option<String>,
    /// What the recipient answered first: the button that was pressed, or nothing for words. Such a record moves nothing: `from` is `to`.
    pub answer: Option<String>,
    /// When the step was taken, by Meta's clock for statuses.
    pub at_ms: i64,
    /// Follows it through the topics.
    #[serde(with = "bin")]
    pub trace: TraceId,
}
