use serde::Serialize;
use utoipa::ToSchema;

/// What sends wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hold {
    /// `number`, `account`, `app`, `template`, `flow`, `portfolio`, `chain`.
    pub scope: String,
    /// Which one of its scope.
    pub name: String,
    /// Meta's error code, if an answer was the cause.
    pub code: Option<i32>,
    /// What happened.
    pub cause: String,
    /// What a person can do about it.
    pub remedy: Option<String>,
    /// RFC 3339.
    pub since: String,
    /// When one send is tried again, RFC 3339; null when only a person or an event of Meta ends it.
    pub until: Option<String>,
    /// Refusals so far.
    pub refusals: i32,
}

/// A send whose outcome nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Doubt {
    /// The send's id.
    pub id: uuid::Uuid,
    /// `unknown` while it may still settle by itself; `quarantined` when it waits for a person.
    pub status: String,
    /// Number it left from.
    pub account: String,
    /// Recipient.
    pub to: String,
    /// Since when it is in that state, RFC 3339.
    pub since: String,
    /// Campaign it belongs to.
    pub campaign: Option<uuid::Uuid>,
    /// Reason in words.
    pub detail: Option<String>,
}

impl Doubt {
    /// Whether a person may decide.
    pub fn waits(&self) -> bool {
        self.status == "quarantined"
    }
}
