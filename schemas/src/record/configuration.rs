use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, bin};

/// One version of one piece of a tenant's configuration, on every home of the tenant; key `tenant/kind/name`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Owner.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// `tenant`, `number`, `catalog`, `template`.
    pub kind: String,
    /// Which one of its kind: phone number id, template name, or `-` for the only one.
    pub name: String,
    /// Raised by every edit.
    pub version: i64,
    /// The value as JSON; absent when it was deleted.
    pub value: Option<String>,
    /// When it was edited.
    pub at_ms: i64,
}
