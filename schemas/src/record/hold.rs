use serde::{Deserialize, Serialize};

use crate::ids::{SendId, TenantId, bin, bin_opt};

/// Sends that wait for the end of one cause, such as a token that Meta refuses; key `tenant/scope/name`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// Owner.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// What waits.
    pub scope: HoldScope,
    /// Which one of its scope: phone number id, WhatsApp Business account, `-` for the app, `name/language` of a template, flow id,
    /// business portfolio, role of a chain.
    pub name: String,
    /// Meta's error code, if an answer was the cause.
    pub code: Option<i32>,
    /// Meta's words.
    pub detail: Option<String>,
    /// When it began.
    pub since_ms: i64,
    /// When one send is tried again; -1 when only a person or an event of Meta lifts it.
    pub until_ms: i64,
    /// Refusals so far, which lengthen the pause before the next try.
    pub refusals: i32,
    /// The send that is being tried.
    #[serde(with = "bin_opt")]
    pub probe: Option<SendId>,
    /// What lifted it; absent while it holds.
    pub lifted: Option<String>,
    /// When this was written.
    pub at_ms: i64,
}

impl Hold {
    /// One that begins at `since_ms`, holds until somebody lifts it, and comes from no answer of Meta.
    pub const fn open(tenant: TenantId, scope: HoldScope, name: String, detail: String, since_ms: i64) -> Self {
        Self {
            tenant,
            scope,
            name,
            code: None,
            detail: Some(detail),
            since_ms,
            until_ms: -1,
            refusals: 0,
            probe: None,
            lifted: None,
            at_ms: since_ms,
        }
    }
}

named! {
    /// What a hold stops.
    HoldScope {
        /// Everything from this number.
        Number = "number",
        /// Everything from the numbers of this account.
        Account = "account",
        /// Everything that the tenant sends through the app.
        App = "app",
        /// Every message of this template.
        Template = "template",
        /// Every message with this flow.
        Flow = "flow",
        /// Templates to people whom this business portfolio has not reached within 24 hours.
        Portfolio = "portfolio",
        /// Everything of the tenant that this chain reads: too much of it could not be processed.
        Chain = "chain",
    }
}
