use serde::{Deserialize, Serialize};

use crate::ids::{ConversationId, TenantId, TraceId, bin, bin_opt};

/// One update of a webhook POST as Meta sent it: a byte-for-byte slice of the body, with what is needed to read it alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawEvent {
    /// Owner of the number; [`TenantId::UNKNOWN`] on `events.unrouted`.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// `whatsapp`, `instagram`, `messenger`, or the unknown `object`.
    pub channel: String,
    /// The body's `object`.
    pub object: String,
    /// `entry[].id`.
    pub entry_id: String,
    /// `entry[].time` as received.
    pub entry_time: Option<i64>,
    /// `changes[].field`, `messaging` or `standby`.
    pub field: String,
    /// What the slice is, as `meta::split` names it.
    pub shape: String,
    /// Phone number id, Instagram account or page.
    pub account: String,
    /// `metadata.display_phone_number`.
    pub display_phone_number: Option<String>,
    /// Index of the update in the body.
    pub position: i32,
    /// SHA-256 of the whole body: with `position`, where it came from.
    #[serde(with = "serde_bytes")]
    pub body_sha256: Vec<u8>,
    /// When ingress took the POST.
    pub received_ms: i64,
    /// Follows the update through the topics.
    #[serde(with = "bin")]
    pub trace: TraceId,
    /// The matching element of `contacts[]`, as received.
    #[serde(with = "serde_bytes")]
    pub contact: Option<Vec<u8>>,
    /// The update, as received.
    #[serde(with = "serde_bytes")]
    pub raw: Vec<u8>,
}

impl RawEvent {
    /// What `meta::parse` needs beside the slice: parsing a stored update gives the event that parsing its body gave.
    pub fn context(&self) -> crate::meta::split::Context<'_> {
        use std::borrow::Cow;
        let text = |text: &'_ str| (!text.is_empty()).then_some(());
        crate::meta::split::Context {
            channel: match self.channel.as_str() {
                "whatsapp" => Some(crate::meta::Channel::Whatsapp),
                "instagram" => Some(crate::meta::Channel::Instagram),
                "messenger" => Some(crate::meta::Channel::Messenger),
                _ => None,
            },
            object: Cow::Borrowed(&self.object),
            entry_id: text(&self.entry_id).map(|()| Cow::Borrowed(self.entry_id.as_str())),
            entry_time: self.entry_time,
            field: text(&self.field).map(|()| Cow::Borrowed(self.field.as_str())),
            account: text(&self.account).map(|()| Cow::Borrowed(self.account.as_str())),
            display_phone_number: self.display_phone_number.as_deref().map(Cow::Borrowed),
            shape: self.shape.parse().unwrap_or(crate::meta::Shape::Unknown),
            contact: self.contact.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(Cow::Borrowed),
            position: u32::try_from(self.position).unwrap_or_default(),
        }
    }
}

/// One deduplicated fact, understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Owner of the number.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// Phone number id, Instagram account or page.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// The conversation it belongs to, when it is about one person.
    #[serde(with = "bin_opt")]
    pub conversation: Option<ConversationId>,
    /// `inbound`, `status`, … as `sluice parse` names it.
    pub kind: String,
    /// What dedup remembered.
    pub dedup_key: String,
    /// Meta's time of the fact, or the receive time.
    pub at_ms: i64,
    /// When ingress took the POST.
    pub received_ms: i64,
    /// Follows the update through the topics.
    #[serde(with = "bin")]
    pub trace: TraceId,
    /// The parsed event as JSON, one object as `sluice parse` prints it.
    pub event: String,
}
