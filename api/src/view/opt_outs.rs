use serde::Serialize;
use utoipa::ToSchema;

/// A person who wants no offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OptOut {
    /// Phone digits, business-scoped user id, IGSID or PSID.
    pub person: String,
    /// How it is known: `word`, `preference`, `refusal`, `operator`.
    pub source: String,
    /// The words, or who noted it and why.
    pub detail: Option<String>,
    /// When the person said so, RFC 3339.
    pub since: String,
}

impl OptOut {
    /// How it is known, in words.
    pub fn known(&self) -> &'static str {
        match self.source.as_str() {
            "word" => "wrote",
            "preference" => "stopped marketing in the app",
            "refusal" => "Meta refused an offer",
            _ => "noted by",
        }
    }
}
