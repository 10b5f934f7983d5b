//! The event: what one update says, under the names of `sluice parse`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Json;

/// Whose product the update came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// `object: "whatsapp_business_account"`
    Whatsapp,
    /// `object: "instagram"`
    Instagram,
    /// `object: "page"`
    Messenger,
}

impl Channel {
    /// The channel of a webhook's `object`; `None` for one that nobody knows.
    pub fn of_object(object: &str) -> Option<Self> {
        match object {
            "whatsapp_business_account" => Some(Self::Whatsapp),
            "instagram" => Some(Self::Instagram),
            "page" => Some(Self::Messenger),
            _ => None,
        }
    }

    /// The name in events, keys and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Instagram => "instagram",
            Self::Messenger => "messenger",
        }
    }
}

/// What an event is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A customer wrote.
    Inbound,
    /// The business wrote from elsewhere (phone app, page inbox, another app).
    Echo,
    /// What became of a message that was sent.
    Status,
    /// A reaction to a message.
    Reaction,
    /// A message's text was changed.
    Edit,
    /// A message was taken back.
    Revoke,
    /// The customer's number or identity changed.
    System,
    /// A button or menu entry of Instagram or Messenger was pressed.
    Postback,
    /// A customer came through an ad or link.
    Referral,
    /// A customer allowed messages.
    Optin,
    /// The customer has read (Instagram, Messenger).
    Read,
    /// Messages reached the device (Messenger).
    Delivery,
    /// A customer stopped or resumed marketing.
    UserPreference,
    /// A business-scoped user id was replaced.
    UserIdUpdate,
    /// A call began or ended.
    Call,
    /// What became of a call that the business made.
    CallStatus,
    /// A group was created, changed or deleted.
    GroupEvent,
    /// Messages from before the number was connected; not live traffic.
    History,
    /// The phone app's address book; not live traffic.
    ContactSync,
    /// Something about the account, a number or a template.
    AccountEvent,
    /// A problem of the app or account without a message.
    Error,
    /// A field or shape that nobody knows.
    #[default]
    Unknown,
}

/// How often a message has been passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forwarded {
    /// `context.forwarded`
    Once,
    /// `context.frequently_forwarded`
    Frequently,
}

/// A media object of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// image, video, audio, document, sticker, or Instagram's name
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub type_: Option<String>,
    /// media id (webhook ids live 7 days)
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// download address; expires
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub url: Option<String>,
    /// with parameters, as received
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mime_type: Option<String>,
    /// digest as received
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
    /// text under the media
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub caption: Option<String>,
    /// name of a document
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub filename: Option<String>,
}

/// What Meta charges for a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pricing {
    /// `pricing_model`: PMP, CBP
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<String>,
    /// regular, free_customer_service, free_entry_point
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub type_: Option<String>,
    /// marketing, utility, …
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub category: Option<String>,
    /// being removed by Meta
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub billable: Option<bool>,
}

/// One of Meta's error objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// see [`super::codes`]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<i64>,
    /// short name; the message where no title is given
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// `error_data.details`
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub details: Option<String>,
}

/// What `contacts[]` says of the person; the names are Meta's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// profile name, chosen by the customer
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// without `@`
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<String>,
    /// phone digits
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wa_id: Option<String>,
    /// business-scoped user id
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<String>,
    /// id shared by linked portfolios
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent_user_id: Option<String>,
    /// changes when the customer's device identity does
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity_key_hash: Option<String>,
}

/// One event. Keys appear only when known; the meaning of each is in the module documentation of [`super`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the table in the module documentation describes every key once")]
pub struct Event {
    pub kind: Kind,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub type_: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subtype: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    pub dedup_key: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub channel: Option<Channel>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waba: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recipient: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub participant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<String>,
    #[serde(with = "super::time::optional", skip_serializing_if = "Option::is_none", default)]
    pub timestamp: Option<Timestamp>,
    pub position: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub attachments: Vec<Attachment>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quick_reply: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "is_false", default)]
    pub removed: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forwarded: Option<Forwarded>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub referral: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub referred_product: Option<Json>,
    #[serde(skip_serializing_if = "is_false", default)]
    pub standby: bool,
    #[serde(skip_serializing_if = "is_false", default)]
    pub unsupported: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pricing: Option<Pricing>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub conversation: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub callback_data: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<Fault>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<Contact>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present", default)]
    pub raw: Option<Json>,
}

/// A raw `null` is something that arrived, not an absent key.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
