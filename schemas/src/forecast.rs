//! What a dry run of a campaign is asked, and what it says.

use crate::ids::CampaignId;
use crate::time::Millis;

/// A campaign's messages and its own limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Which one.
    pub campaign: CampaignId,
    /// Messages that are still to be sent.
    pub messages: i64,
    /// Messages per second; 0 for no limit of its own.
    pub throttle: i32,
}

/// What is to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The number's messages per second, in and out together.
    pub rate: i64,
    /// When it starts.
    pub start: Millis,
    /// Until Meta answers, milliseconds.
    pub answer_ms: i64,
    /// The campaign in question, …
    pub share: Share,
    /// … and those that run on the same number.
    pub beside: Vec<Share>,
}

/// How it will go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// When the last message leaves; the start when there is none.
    pub finish: Millis,
    /// Messages that have left by a moment, at most 101 points.
    pub curve: Vec<(Millis, i64)>,
}
