use serde::Serialize;
use sluice_connectors::meta::template::Preview;
use utoipa::ToSchema;

use super::{count, duration};

/// One of the tenant's numbers or accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Number {
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: String,
    /// Phone number id, Instagram account or page.
    pub account: String,
    /// As people write it, when known.
    pub display: Option<String>,
    /// `active`, `held`, `disabled`.
    pub status: String,
    /// Messages per second, in and out together.
    pub messages_per_second: i32,
    /// WhatsApp Business Account, when it has one.
    pub waba_id: Option<String>,
    /// People whom its portfolio may reach a day outside open windows; 0 for no limit, null if nobody knows.
    pub people_a_day: Option<i32>,
    /// What Meta says of it; null before its first answer.
    pub health: Option<Health>,
}

/// What Meta says of a WhatsApp number, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// Name that customers see.
    pub verified_name: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality: Option<String>,
    /// `CONNECTED`, …
    pub status: Option<String>,
    /// `STANDARD`, `HIGH`, …
    pub throughput: Option<String>,
    /// `TIER_2K`, …
    pub messaging_limit: Option<String>,
    /// When Meta said so, RFC 3339.
    pub at: Option<String>,
    /// Why nothing newer is known.
    pub error: Option<String>,
}

impl Health {
    /// Whether Meta takes messages from it.
    pub fn connected(&self) -> bool {
        self.status.as_deref() == Some("CONNECTED")
    }

    /// Class of the quality's tag.
    pub fn tone(&self) -> &'static str {
        match self.quality.as_deref() {
            Some("GREEN") => "good",
            Some("YELLOW") => "warn",
            Some("RED") => "bad",
            _ => "",
        }
    }
}

impl Number {
    /// People a day, in words.
    pub fn reach(&self) -> String {
        match self.people_a_day {
            None => "–".to_owned(),
            Some(0) => "no limit".to_owned(),
            Some(people) => count(i64::from(people)),
        }
    }

    /// The number as people write it, else its id.
    pub fn label(&self) -> &str {
        self.display.as_deref().unwrap_or(&self.account)
    }

    /// Class of its status's tag.
    pub fn tone(&self) -> &'static str {
        match self.status.as_str() {
            "active" => "good",
            "held" => "warn",
            _ => "bad",
        }
    }
}

/// A message template.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Template {
    /// WhatsApp Business Account.
    pub waba_id: String,
    /// Name.
    pub name: String,
    /// `en_US`.
    pub language: String,
    /// `MARKETING`, `UTILITY`, `AUTHENTICATION`.
    pub category: String,
    /// `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`, `DELETED`, …
    pub status: String,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality: Option<String>,
    /// Why Meta rejected it.
    pub reason: Option<String>,
    /// Header, body, footer and buttons as Meta lists them.
    pub components: serde_json::Value,
    /// As a customer sees it; variables stand as they are written.
    pub preview: Preview,
}

impl Template {
    /// Class of its status's tag.
    pub fn tone(&self) -> &'static str {
        match self.status.as_str() {
            "APPROVED" => "good",
            "PENDING" | "IN_APPEAL" | "PAUSED" => "warn",
            _ => "bad",
        }
    }
}

/// How one stage keeps up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Stage {
    /// Chain or effect, as the topology names it.
    pub name: String,
    /// `chain` or `effect`.
    pub kind: String,
    /// Topics it reads.
    pub reads: Vec<String>,
    /// Records per second since the measurement before.
    pub per_second: Option<f64>,
    /// Records that wait.
    pub lag: i64,
    /// Age of the oldest record that waits, in seconds; null when not measured.
    pub lag_seconds: Option<f64>,
    /// Records it gave up in the last 24 hours, in all tenants.
    pub dead_letters: i64,
    /// When it was measured, RFC 3339.
    pub measured_at: String,
}

impl Stage {
    /// Throughput in words.
    pub fn rate(&self) -> String {
        match self.per_second {
            None => "–".to_owned(),
            Some(rate) if rate > 0.0 && rate < 10.0 => format!("{rate:.1}/s"),
            Some(rate) => format!("{}/s", count(rate.round() as i64)),
        }
    }

    /// Age of what waits, in words.
    pub fn age(&self) -> String {
        self.lag_seconds.map_or_else(|| "–".to_owned(), duration)
    }

    /// `keeps up`, `behind`, `far behind`, with the class of the tag.
    pub fn health(&self) -> (&'static str, &'static str) {
        match self.lag_seconds {
            Some(age) if age > 60.0 => ("far behind", "bad"),
            Some(age) if age > 5.0 => ("behind", "warn"),
            None if self.lag > 100_000 => ("behind", "warn"),
            _ => ("keeps up", "good"),
        }
    }
}

/// Today's figures of a tenant, by its own time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Today {
    /// Campaigns that are sending.
    pub running: i64,
    /// Quotes made.
    pub quotes: i64,
    /// Of these, answered without a person.
    pub answered: i64,
    /// Quotes that wait for a decision, whenever made.
    pub awaiting: i64,
    /// Holds, and sends that wait for a person or whose outcome is unknown.
    pub attention: i64,
}
