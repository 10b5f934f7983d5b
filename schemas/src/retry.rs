//! Another try later, for a record that failed by itself: it waits in the topic of a tier, with a moment before which nobody takes it.
//!
//! All records of one tier wait equally long, so that the first one of a partition is always the one that is due first: a reader pauses
//! the partition until then, and no loop sleeps. An outage is no such failure: it pauses what is read at its place.

use serde::{Deserialize, Serialize};

use crate::record::{Header, Original};
use crate::time::Millis;
use crate::topics::{MEDIA_RETRY_1M, MEDIA_RETRY_2H, MEDIA_RETRY_15M};

/// Name of the header.
pub const HEADER: &str = "sluice-retry";

/// Topics in which a record waits after its first, second and third failure, and for how long; after the next one it is a dead letter.
pub const TIERS: [(&str, i64); 3] =
    [(MEDIA_RETRY_1M, Millis::MINUTE), (MEDIA_RETRY_15M, 15 * Millis::MINUTE), (MEDIA_RETRY_2H, 2 * Millis::HOUR)];

/// What a record that waits says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Topic where it lay first.
    pub topic: String,
    /// Partition where it lay first.
    pub partition: i32,
    /// Offset where it lay first.
    pub offset: i64,
    /// Its first timestamp, milliseconds.
    pub timestamp_ms: i64,
    /// Nobody takes it before this moment, milliseconds.
    pub not_before_ms: i64,
    /// Failed attempts, the oldest first.
    pub attempts: Vec<Attempt>,
}

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When, milliseconds.
    pub at_ms: i64,
    /// Error kind.
    pub kind: String,
    /// In words, without message text.
    pub detail: String,
}

impl Retry {
    /// The header among `headers`. One that cannot be read is none: the record is then as one that never failed.
    pub fn find(headers: &[Header]) -> Option<Self> {
        headers.iter().find(|header| header.key == HEADER).and_then(|header| serde_json::from_slice(&header.value).ok())
    }

    /// Where the record `original` that fails now waits, and with which headers; `None` once every tier has been tried. The headers then
    /// still tell all attempts: they go into the dead letter.
    pub fn after(original: &Original<'_>, now: Millis, kind: &str, detail: &str) -> (Option<&'static str>, Vec<Header>) {
        let mut retry = Self::find(original.headers).unwrap_or_else(|| Self {
            topic: original.topic.to_owned(),
            partition: original.partition,
            offset: original.offset,
            timestamp_ms: original.timestamp_ms,
            not_before_ms: 0,
            attempts: Vec::new(),
        });
        let tier = TIERS.get(retry.attempts.len());
        retry.attempts.push(Attempt { at_ms: now.0, kind: kind.to_owned(), detail: detail.to_owned() });
        retry.not_before_ms = tier.map_or(0, |(_, wait)| now.0 + wait);
        let mut headers: Vec<Header> = original.headers.iter().filter(|header| header.key != HEADER).cloned().collect();
        headers.push(Header { key: HEADER.to_owned(), value: serde_json::to_vec(&retry).unwrap_or_default() });
        (tier.map(|(topic, _)| *topic), headers)
    }

    /// The record at the place where it lay first.
    pub fn first<'a>(&'a self, original: Original<'a>) -> Original<'a> {
        Original { topic: &self.topic, partition: self.partition, offset: self.offset, timestamp_ms: self.timestamp_ms, ..original }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original(headers: &[Header]) -> Original<'_> {
        Original { topic: "events", partition: 3, offset: 17, timestamp_ms: 5, key: b"k", value: b"v", headers }
    }

    #[test]
    fn a_record_waits_longer_after_every_failure_and_is_a_letter_after_the_last() {
        let (mut headers, mut waited) = (vec![Header { key: "other".into(), value: b"x".to_vec() }], Vec::new());
        for turn in 0..4 {
            let (topic, next) = Retry::after(&original(&headers), Millis(1_000 * turn), "status", "HTTP status 503");
            headers = next;
            let retry = Retry::find(&headers).expect("a header");
            assert_eq!((headers.len(), retry.attempts.len(), retry.offset), (2, turn as usize + 1, 17));
            waited.push((topic, retry.not_before_ms - 1_000 * turn));
        }
        assert_eq!(waited[..3], TIERS.map(|(topic, wait)| (Some(topic), wait)));
        assert_eq!(waited[3].0, None);
    }

    #[test]
    fn a_record_that_waited_keeps_the_place_where_it_lay_first() {
        let (_, headers) = Retry::after(&original(&[]), Millis(9), "status", "");
        let waiting = Original { topic: MEDIA_RETRY_1M, partition: 3, offset: 400, timestamp_ms: 77, ..original(&headers) };
        let (topic, headers) = Retry::after(&waiting, Millis(10), "status", "");
        let retry = Retry::find(&headers).expect("a header");
        let first = retry.first(Original { headers: &headers, ..waiting });
        assert_eq!((topic, first.topic, first.offset, first.timestamp_ms), (Some(MEDIA_RETRY_15M), "events", 17, 5));
    }
}
