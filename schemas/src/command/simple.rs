use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[allow(clippy::trivially_copy_pass_by_ref)]
fn unset(flag: &bool) -> bool {
    !flag
}

/// The message that is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// wamid or mid of the message answered.
    pub message_id: String,
}

/// Why a message may leave after the 24 h window of Instagram and Messenger; the other tags fail since 27 Apr 2026 (contract §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Tag {
    /// A person answers within 7 days.
    #[serde(rename = "HUMAN_AGENT")]
    HumanAgent,
}

/// Text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The words.
    pub body: String,
    /// Whether the first link is shown with a preview.
    #[serde(default, skip_serializing_if = "unset")]
    pub preview_url: bool,
}

/// A picture, video, sound, file or sticker: by `id` (uploaded) or by `link`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Id of an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Address that Meta fetches it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Words below it; images, videos and documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Name of the file; documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Whether it is a voice note; audio.
    #[serde(default, skip_serializing_if = "unset")]
    pub voice: bool,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// Name of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// An emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// wamid or mid of the message.
    pub message_id: String,
    /// One emoji; empty takes the reaction back.
    pub emoji: String,
}

/// A received message is read; earlier ones become read too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// wamid of the message received; Instagram and Messenger mark the whole conversation and need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Whether "typing…" is shown, for 25 s or until an answer.
    #[serde(default, skip_serializing_if = "unset")]
    pub typing: bool,
}
