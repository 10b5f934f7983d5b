use sluice_schemas::ids::{CampaignId, ConversationId, TenantId, TraceId};
use sluice_schemas::record::SendState;
use sluice_schemas::time::Millis;

/// Days in one partition of a conversation's messages.
const BUCKET_DAYS: i64 = 10;

/// Partition of a conversation that holds its messages of this moment.
pub fn bucket(at_ms: i64) -> i32 {
    Millis(at_ms).day().div_euclid(BUCKET_DAYS) as i32
}

/// Days since the epoch, UTC.
pub fn day(at_ms: i64) -> i32 {
    Millis(at_ms).day() as i32
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The customer.
    In,
    /// We.
    Out,
    /// The business, from elsewhere.
    Echo,
}

impl Direction {
    /// Name in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Echo => "echo",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "out" => Self::Out,
            "echo" => Self::Echo,
            _ => Self::In,
        }
    }
}

/// A message of a conversation; never changed once written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MessageRow {
    /// When it was written, by event time.
    pub at_ms: i64,
    /// Meta's id of an inbound message or echo; the send id of an outbound one.
    pub message_id: String,
    /// Who wrote it.
    pub direction: Direction,
    /// `inbound`, `echo`, `reaction`, …; `send` for ours.
    pub kind: String,
    /// `text`, `image`, `template`, …
    #[serde(rename = "type")]
    pub type_: String,
    /// JSON: the event as `sluice parse` prints it, or the command that was sent.
    pub body: String,
    /// Number it was held with.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// Follows it through the topics.
    pub trace: TraceId,
}

/// One step of an outbound message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// Where it stood from then on.
    pub state: SendState,
    /// Since when.
    pub at_ms: i64,
    /// Error code.
    pub code: Option<i32>,
    /// Reason in words.
    pub detail: Option<String>,
    /// Meta's id, once known.
    pub wamid: Option<String>,
}

impl Step {
    /// Its place in the message's life; sorts steps, whatever order they came in.
    pub const fn place(&self) -> (Option<u8>, i64, SendState) {
        (settled(self.state), self.at_ms, self.state)
    }
}

/// A step as it is stored: with what the first one says about the whole message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StepRow {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// Number it left from.
    pub account: String,
    /// Recipient.
    pub recipient: String,
    /// Campaign it belongs to.
    pub campaign: Option<CampaignId>,
    /// The command as JSON, on the first step.
    pub body: Option<String>,
}

/// A message with its lifecycle: what a conversation shows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct View {
    /// The message.
    #[serde(flatten)]
    pub message: MessageRow,
    /// Its steps by [`Step::place`]; none for what others wrote.
    pub steps: Vec<Step>,
    /// The step that it stands at.
    pub latest: Option<Step>,
}

/// Identity of a conversation in rows.
pub(super) type Key = (TenantId, ConversationId);

/// Position among settled states. A status can arrive late, and Meta's clock counts seconds where ours counts milliseconds, so of
/// these the furthest counts, not the latest. Before a send is settled it may go back and forth, and the latest counts.
const fn settled(state: SendState) -> Option<u8> {
    match state {
        SendState::Planned | SendState::InFlight | SendState::Unknown | SendState::Quarantined => None,
        SendState::Accepted => Some(0),
        SendState::Sent => Some(1),
        SendState::Suppressed => Some(2),
        SendState::Cancelled => Some(3),
        SendState::Failed => Some(4),
        SendState::Delivered => Some(5),
        SendState::Read => Some(6),
        SendState::Played => Some(7),
    }
}

/// The step that a message stands at, whatever order its steps came in.
pub fn latest(steps: &[Step]) -> Option<&Step> {
    steps.iter().max_by_key(|step| step.place())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(steps: &[(SendState, i64)]) -> Option<SendState> {
        let steps: Vec<Step> =
            steps.iter().map(|(state, at_ms)| Step { state: *state, at_ms: *at_ms, code: None, detail: None, wamid: None }).collect();
        latest(&steps).map(|step| step.state)
    }

    #[test]
    fn a_late_status_never_takes_a_message_back() {
        use SendState::{Accepted, Delivered, Failed, InFlight, Planned, Read, Sent, Unknown};
        assert_eq!(at(&[(Accepted, 1500), (Sent, 1000)]), Some(Sent));
        assert_eq!(at(&[(Read, 3000), (Delivered, 4000), (Accepted, 9000)]), Some(Read));
        assert_eq!(at(&[(Sent, 1), (Failed, 2)]), Some(Failed));
        assert_eq!(at(&[(Unknown, 2), (InFlight, 1), (Planned, 3)]), Some(Planned));
        assert_eq!(at(&[(Unknown, 9), (Accepted, 3)]), Some(Accepted));
        assert_eq!(at(&[]), None);
    }

    #[test]
    fn buckets_hold_ten_days_and_days_count_backwards_too() {
        assert_eq!((bucket(0), bucket(10 * Millis::DAY - 1), bucket(10 * Millis::DAY)), (0, 0, 1));
        assert_eq!((bucket(-1), day(-1)), (-1, -1));
    }
}
