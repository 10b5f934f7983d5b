use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, bin};

/// A person who wants no offers; key `tenant/person`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptOut {
    /// Whose offers.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// Phone digits, business-scoped user id, IGSID or PSID.
    pub person: String,
    /// How it is known.
    pub source: OptOutSource,
    /// The words, or who noted it and why.
    pub detail: Option<String>,
    /// When the person said so.
    pub since_ms: i64,
    /// What ended it; absent while it holds.
    pub lifted: Option<String>,
    /// Time of the newest word about it; an older one changes nothing.
    pub at_ms: i64,
}

named! {
    /// How an opt-out is known.
    OptOutSource {
        /// The person wrote a word such as STOP.
        Word = "word",
        /// The person stopped marketing in the app (contract §5, `user_preferences`).
        Preference = "preference",
        /// Meta refused a send because of it (131050).
        Refusal = "refusal",
        /// Somebody of the tenant noted it.
        Operator = "operator",
    }
}
