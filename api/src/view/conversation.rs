use serde::Serialize;
use utoipa::ToSchema;

/// A conversation as the inbox shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Conversation {
    /// Its id.
    pub id: uuid::Uuid,
    /// Number, Instagram account or page.
    pub account: String,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// Profile name.
    pub name: Option<String>,
    /// Phone digits.
    pub phone: Option<String>,
    /// Business-scoped user id, IGSID or PSID.
    pub user_id: Option<String>,
    /// `OPEN`, `RESOLVED`.
    pub status: String,
    /// `idle`, `quoted`, `awaiting_approval`, `asked`, `handed_over`.
    pub stage: String,
    /// Agent.
    pub assignee: Option<String>,
    /// Inbound messages not yet answered.
    pub unread: i32,
    /// Last message, shortened.
    pub preview: String,
    /// The quote that is open in it.
    pub quote: Option<uuid::Uuid>,
    /// End of the 24 h window, RFC 3339; null before the first inbound message.
    pub window_until: Option<String>,
    /// RFC 3339.
    pub updated_at: String,
}

impl Conversation {
    /// Name, else phone, else id.
    pub fn title(&self) -> String {
        match (&self.name, &self.phone, &self.user_id) {
            (Some(name), ..) if !name.trim().is_empty() => name.clone(),
            (_, Some(phone), _) => format!("+{phone}"),
            (_, _, Some(user)) => user.clone(),
            _ => "Unknown person".to_owned(),
        }
    }

    /// One letter for its face.
    pub fn initial(&self) -> char {
        self.title().chars().find(|c| c.is_alphanumeric()).map_or('?', |c| c.to_uppercase().next().unwrap_or(c))
    }

    /// What stands out about its stage, with the class of the tag.
    pub fn stage_tag(&self) -> Option<(&'static str, &'static str)> {
        match self.stage.as_str() {
            "quoted" => Some(("Quoted", "good")),
            "awaiting_approval" => Some(("Needs approval", "warn")),
            "asked" => Some(("Asked back", "")),
            "handed_over" => Some(("With a person", "warn")),
            _ => None,
        }
    }

    /// Whether it is resolved.
    pub fn resolved(&self) -> bool {
        self.status == "RESOLVED"
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The customer.
    In,
    /// The business.
    Out,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Message {
    /// wamid or mid, else the send's id.
    pub id: String,
    /// Who wrote it.
    pub direction: Direction,
    /// `text`, `image`, `template`, …
    pub r#type: String,
    /// Text or caption; for others what they are.
    pub text: String,
    /// Its files.
    pub attachments: Vec<super::Attachment>,
    /// Outbound: where it stands. Inbound: null.
    pub status: Option<String>,
    /// Error code, when failed.
    pub code: Option<i32>,
    /// RFC 3339.
    pub at: String,
}

impl Message {
    /// Whether the business wrote it.
    pub fn out(&self) -> bool {
        self.direction == Direction::Out
    }

    /// What it says, where its files do not say it all.
    pub fn words(&self) -> Option<&str> {
        let nothing = !self.attachments.is_empty() && self.text == format!("[{}]", self.r#type);
        (!nothing).then_some(self.text.as_str())
    }

    /// Why it failed, in words and as a code.
    pub fn failure(&self) -> Option<String> {
        self.code.map(|code| format!("{} ({code})", super::explain(code)))
    }

    /// Tick, its words, and its class.
    pub fn tick(&self) -> Option<(&'static str, &'static str, &'static str)> {
        self.status.as_deref().map(|status| match status {
            "planned" => ("◷", "waiting", ""),
            "in_flight" => ("◷", "on its way", ""),
            "accepted" => ("◷", "accepted", ""),
            "sent" => ("✓", "sent", ""),
            "delivered" => ("✓✓", "delivered", ""),
            "read" => ("✓✓", "read", "read"),
            "played" => ("✓✓", "played", "read"),
            "failed" => ("!", "failed", "failed"),
            "suppressed" => ("–", "not sent", "failed"),
            "cancelled" => ("–", "cancelled", "failed"),
            "quarantined" => ("?", "waits for a decision", "failed"),
            _ => ("?", "outcome unknown", ""),
        })
    }
}

/// Whether free text may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// Until then, and how long that is.
    Open(String),
    /// Only templates may be sent.
    Closed,
}

impl Window {
    /// The window of a conversation that ends at `until_ms`, at `now_ms`.
    pub fn of(until_ms: i64, now_ms: i64) -> Self {
        if until_ms > now_ms { Self::Open(super::duration((until_ms - now_ms) as f64 / 1_000.0)) } else { Self::Closed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_closes_at_its_end() {
        assert_eq!(Window::of(3_600_000 * 3, 0), Window::Open("3 h".into()));
        assert_eq!(Window::of(5, 5), Window::Closed);
    }
}
