use serde::Serialize;
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
}

impl Number {
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
