use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, bin};
use crate::redrive::Mark;
use crate::retry::Retry;
use crate::topics;

/// A record that a stage could not process, kept whole so that it can be redriven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Owner, when known.
    #[serde(with = "bin")]
    pub tenant: TenantId,
    /// Stage that gave up.
    pub stage: String,
    /// Stable error kind: the metric label.
    pub kind: String,
    /// The error in words, without message text.
    pub detail: String,
    /// Original topic.
    pub topic: String,
    /// Original partition.
    pub partition: i32,
    /// Original offset.
    pub offset: i64,
    /// Original timestamp.
    pub timestamp_ms: i64,
    /// Attempts so far.
    pub attempt: i32,
    /// Build that gave up.
    pub build: String,
    /// Original key.
    #[serde(with = "serde_bytes")]
    pub key: Vec<u8>,
    /// Original value, byte for byte.
    #[serde(with = "serde_bytes")]
    pub value: Vec<u8>,
    /// Role that read it: whom a redrive is for. Empty in letters of version 1.
    #[serde(default)]
    pub role: String,
    /// Original headers; with the mark of the redrive, if it was one.
    #[serde(default)]
    pub headers: Vec<Header>,
}

/// A header of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Name.
    pub key: String,
    /// Value.
    #[serde(with = "serde_bytes")]
    pub value: Vec<u8>,
}

/// The record that cannot be processed, as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    /// Topic as the table names it.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Timestamp, milliseconds.
    pub timestamp_ms: i64,
    /// Key.
    pub key: &'a [u8],
    /// Value.
    pub value: &'a [u8],
    /// Headers.
    pub headers: &'a [Header],
}

/// Why it cannot be processed, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// Owner, when the stage could tell.
    pub tenant: TenantId,
    /// Role that read it.
    pub role: &'a str,
    /// Stage that gave up.
    pub stage: &'a str,
    /// Stable error kind.
    pub kind: &'a str,
    /// In words, without message text.
    pub detail: &'a str,
    /// Build that gave up.
    pub build: &'a str,
}

impl DeadLetter {
    /// The letter of `record`. One that was redriven keeps the place where it lay first, and counts as one more attempt.
    pub fn new(record: Original<'_>, failure: Failure<'_>) -> Self {
        let mark = Mark::find(record.headers);
        let (topic, partition, offset, timestamp_ms, attempt) = match &mark {
            Some(mark) => (mark.topic.as_str(), mark.partition, mark.offset, mark.timestamp_ms, mark.attempts.len() as i32 + 1),
            None => (record.topic, record.partition, record.offset, record.timestamp_ms, 1),
        };
        // One that waited in tiers has failed once in each of them too.
        let attempt = Retry::find(record.headers).map_or(attempt, |retry| attempt + retry.attempts.len() as i32 - 1);
        Self {
            tenant: owner(failure.tenant, record.key),
            stage: failure.stage.to_owned(),
            kind: failure.kind.to_owned(),
            detail: failure.detail.to_owned(),
            topic: topic.to_owned(),
            partition,
            offset,
            timestamp_ms,
            attempt,
            build: failure.build.to_owned(),
            key: record.key.to_vec(),
            value: record.value.to_vec(),
            role: failure.role.to_owned(),
            headers: record.headers.to_vec(),
        }
    }

    /// Key of the letter's own record.
    pub fn record_key(&self) -> Vec<u8> {
        topics::key(self.tenant, &self.topic).into_bytes()
    }
}

/// Whose a record is: as `said`, else by its key, which always begins with the tenant. One that cannot be decoded does not say it itself.
pub fn owner(said: TenantId, key: &[u8]) -> TenantId {
    if said != TenantId::UNKNOWN {
        return said;
    }
    let first = key.split(|byte| *byte == b'/').next().unwrap_or_default();
    std::str::from_utf8(first).ok().filter(|text| text.len() == 36).and_then(|text| text.parse().ok()).unwrap_or(TenantId::UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codecs;

    fn failure() -> Failure<'static> {
        Failure { tenant: TenantId::UNKNOWN, role: "intake", stage: "dedup", kind: "datum", detail: "cut short", build: "b" }
    }

    fn original<'a>(key: &'a [u8], headers: &'a [Header]) -> Original<'a> {
        Original { topic: "events.raw", partition: 3, offset: 17, timestamp_ms: 5, key, value: b"\xff", headers }
    }

    #[test]
    fn a_letter_keeps_everything_of_its_record() {
        let headers = [Header { key: "a".into(), value: vec![0xff] }];
        let letter = DeadLetter::new(original(b"k", &headers), failure());
        let codec = Codecs::unregistered().of::<DeadLetter>();
        let back = codec.decode(&codec.encode(&letter).expect("encodes")).expect("decodes");
        assert_eq!(back, letter);
        assert_eq!((back.topic.as_str(), back.partition, back.offset, back.timestamp_ms), ("events.raw", 3, 17, 5));
        assert_eq!((back.key.as_slice(), back.value.as_slice(), back.attempt), (&b"k"[..], &b"\xff"[..], 1));
        assert_eq!((back.role.as_str(), back.headers), ("intake", headers.to_vec()));
    }

    #[test]
    fn a_letter_that_cannot_be_decoded_belongs_to_the_tenant_of_its_key() {
        let tenant = TenantId::from_bytes([1; 16]);
        let of = |key: &str| DeadLetter::new(original(key.as_bytes(), &[]), failure()).tenant;
        assert_eq!(of(&format!("{tenant}/x")), tenant);
        assert_eq!(of(&tenant.to_string()), tenant);
        for foreign in ["", "acme/x", "01010101010101010101010101010101/x"] {
            assert_eq!(of(foreign), TenantId::UNKNOWN, "{foreign}");
        }
        let said = Failure { tenant: TenantId::from_bytes([2; 16]), ..failure() };
        assert_eq!(DeadLetter::new(original(tenant.to_string().as_bytes(), &[]), said).tenant, said.tenant);
    }

    #[test]
    fn a_redriven_record_that_fails_again_keeps_its_first_place_and_counts_attempts() {
        let first = DeadLetter::new(original(b"k", &[]), failure());
        let mark = Mark::of(&first, 99, false);
        let headers = [mark.header()];
        let again = DeadLetter::new(Original { offset: 400, timestamp_ms: 100, ..original(b"k", &headers) }, failure());
        assert_eq!((again.offset, again.timestamp_ms, again.attempt), (17, 5, 2));
        assert_eq!(Mark::of(&again, 200, false).attempts.iter().map(|attempt| attempt.at_ms).collect::<Vec<_>>(), [99, 200]);
    }
}
