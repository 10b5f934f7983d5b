//! How fast campaigns go: settled units as seen whenever somebody looked, over the last minutes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sluice_schemas::ids::CampaignId;

use crate::view::{Funnel, Progress};

/// How far back a rate looks.
const WINDOW_MS: i64 = 3 * 60 * 1_000;
/// Samples are at least this far apart.
const EVERY_MS: i64 = 2_000;
/// Campaigns remembered at once.
const CAMPAIGNS: usize = 1_000;

/// Samples of each campaign. Time is passed in.
#[derive(Default)]
pub struct Rates(Mutex<HashMap<CampaignId, VecDeque<(i64, i64)>>>);

impl Rates {
    /// Takes in what was just read and gives the rate. Without an earlier look it is the average since `started_ms`.
    pub fn see(&self, campaign: CampaignId, funnel: &Funnel, started_ms: Option<i64>, now_ms: i64) -> Progress {
        let mut campaigns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if campaigns.len() >= CAMPAIGNS && !campaigns.contains_key(&campaign) {
            campaigns.retain(|_, samples| samples.back().is_some_and(|(at, _)| now_ms - at < WINDOW_MS));
        }
        let samples = campaigns.entry(campaign).or_default();
        let settled = funnel.settled();
        while samples.front().is_some_and(|(at, _)| now_ms - at > WINDOW_MS) {
            samples.pop_front();
        }
        if samples.back().is_none_or(|(at, _)| now_ms - at >= EVERY_MS) {
            samples.push_back((now_ms, settled));
        }
        let mut seen: Vec<(i64, i64)> = samples.iter().copied().collect();
        seen.push((now_ms, settled));
        if now_ms - seen[0].0 < EVERY_MS
            && let Some(started_ms) = started_ms
        {
            // Suppressed ones are settled before the first message leaves: they would make the average look fast.
            seen = vec![(started_ms, funnel.suppressed), (now_ms, settled)];
        }
        Progress::of(&seen, funnel.open())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_the_last_minutes() {
        let (rates, campaign) = (Rates::default(), CampaignId::from_bytes([1; 16]));
        let funnel = |accepted| Funnel { audience: 1_000, accepted, pending: 1_000 - accepted, ..Funnel::default() };
        assert_eq!(rates.see(campaign, &funnel(0), None, 0).per_second, None);
        assert_eq!(rates.see(campaign, &funnel(0), Some(-10_000), 0).per_second, Some(0.0));
        assert_eq!(rates.see(campaign, &funnel(100), None, 10_000).per_second, Some(10.0));
        let later = rates.see(campaign, &funnel(100), None, 10_000 + WINDOW_MS);
        assert_eq!((later.per_second, later.seconds_left), (Some(0.0), None));
    }
}
