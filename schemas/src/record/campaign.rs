use serde::{Deserialize, Serialize};

use crate::ids::{CampaignId, TenantId, bin};

named! {
    /// What a campaign shall do.
    ControlState {
        /// Send.
        Running = "running",
        /// Hold what is planned.
        Paused = "paused",
        /// Cancel what is planned.
        Cancelled = "cancelled",
    }
}

/// A campaign's control, one record per home of the tenant. Start, pause, resume and cancel each raise the epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Owner.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// The campaign.
    #[serde(with = "bin")]
    pub campaign: CampaignId,
    /// Home partition whose audience rows this controls.
    pub home: i32,
    /// Number it sends from.
    pub account: String,
    /// Raised by every control.
    pub epoch: i64,
    /// What it shall do from now on.
    pub state: ControlState,
    /// Rows of the audience snapshot on this home: seq 0 to `audience`-1.
    pub audience: i64,
    /// Messages per second this campaign may use; 0 for no limit of its own.
    pub throttle: i32,
    /// When it was decided.
    pub at_ms: i64,
}

/// The ledger's pull: expand rows `from` to `from + n - 1` of the audience on `home`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Owner.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// The campaign.
    #[serde(with = "bin")]
    pub campaign: CampaignId,
    /// Home partition.
    pub home: i32,
    /// Epoch of the control that it serves.
    pub epoch: i64,
    /// First row.
    pub from: i64,
    /// Rows.
    pub n: i32,
    /// When it was asked for.
    pub at_ms: i64,
}
