//! What marks a record that was written again from a dead letter or from `events.unrouted`.
//!
//! The record goes to the topic it failed on, where several roles may read it: only the one that failed takes it, once per original
//! topic, partition and offset.

use serde::{Deserialize, Serialize};

use crate::record::{DeadLetter, Header};
use crate::topics::{self, Cleanup, EVENTS_RAW, EVENTS_UNROUTED};

/// Name of the header.
pub const HEADER: &str = "sluice-redrive";

/// The mark of a redriven record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The role it is for; others pass it over.
    pub role: String,
    /// Topic where it lay first.
    pub topic: String,
    /// Partition where it lay first.
    pub partition: i32,
    /// Offset where it lay first.
    pub offset: i64,
    /// Its first timestamp, milliseconds.
    pub timestamp_ms: i64,
    /// Whether a late event is answered all the same.
    pub answer_late: bool,
    /// Failed attempts, the oldest first.
    pub attempts: Vec<Attempt>,
}

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Stage that gave up.
    pub stage: String,
    /// Error kind.
    pub kind: String,
    /// Build that gave up.
    pub build: String,
    /// When, milliseconds.
    pub at_ms: i64,
}

impl Mark {
    /// The mark under which `letter`, written at `at_ms`, is redriven.
    pub fn of(letter: &DeadLetter, at_ms: i64, answer_late: bool) -> Self {
        let mut attempts = Self::find(&letter.headers).map(|mark| mark.attempts).unwrap_or_default();
        attempts.push(Attempt { stage: letter.stage.clone(), kind: letter.kind.clone(), build: letter.build.clone(), at_ms });
        Self {
            role: role(letter).to_owned(),
            topic: letter.topic.clone(),
            partition: letter.partition,
            offset: letter.offset,
            timestamp_ms: letter.timestamp_ms,
            answer_late,
            attempts,
        }
    }

    /// The mark among `headers`. One that cannot be read is none: the record is then like any other.
    pub fn find(headers: &[Header]) -> Option<Self> {
        headers.iter().find(|header| header.key == HEADER).and_then(|header| serde_json::from_slice(&header.value).ok())
    }

    /// The mark as a header.
    pub fn header(&self) -> Header {
        Header { key: HEADER.into(), value: serde_json::to_vec(self).unwrap_or_default() }
    }

    /// The place where it lay first, `topic/partition/offset`: what a role remembers to take it once.
    pub fn place(&self) -> String {
        format!("{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// The role that a letter's record is for. Letters of version 1 name the stage alone.
pub fn role(letter: &DeadLetter) -> &str {
    match (letter.role.as_str(), letter.stage.as_str()) {
        ("", "dedup" | "conversation" | "quote" | "configuration") => "intake",
        ("", stage) => stage,
        (role, _) => role,
    }
}

/// Where a record of `topic` that `role` could not process is written again, or why it is not.
pub fn target(role: &str, topic: &str) -> Result<&'static str, String> {
    if role == "tally" {
        return Err("the counters would take a repeated step for another one; rebuild the projection".into());
    }
    if topic == EVENTS_UNROUTED {
        return Ok(EVENTS_RAW);
    }
    match topics::find(topic) {
        None => Err(format!("`{topic}` is no topic of this build")),
        Some(found) if !matches!(found.cleanup, Cleanup::After(_)) => Err(format!(
            "`{topic}` keeps the newest record of each key, which an older one must not replace; save the configuration again, or rebuild \
             the projection"
        )),
        Some(found) => Ok(found.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::{CONFIG, CONVERSATIONS, TOPICS};

    #[test]
    fn an_older_record_never_replaces_a_newer_one_of_a_compacted_topic() {
        for topic in [CONFIG, CONVERSATIONS] {
            assert!(target("intake", topic).is_err_and(|reason| reason.contains("newest")), "{topic}");
        }
        assert_eq!(target("intake", EVENTS_UNROUTED), Ok(EVENTS_RAW));
        assert!(target("intake", "events.gone").is_err());
        for topic in TOPICS.iter().filter(|topic| matches!(topic.cleanup, Cleanup::After(_)) && topic.name != EVENTS_UNROUTED) {
            assert_eq!(target("intake", topic.name), Ok(topic.name));
        }
    }

    #[test]
    fn a_step_is_never_counted_twice() {
        assert!(target("tally", crate::topics::MESSAGES).is_err_and(|reason| reason.contains("rebuild")));
        assert!(target("archive", crate::topics::MESSAGES).is_ok());
    }

    #[test]
    fn a_mark_comes_back_as_it_was_written_and_a_broken_one_is_none() {
        let mark = Mark {
            role: "intake".into(),
            topic: "events.raw".into(),
            partition: 1,
            offset: 2,
            timestamp_ms: 3,
            answer_late: true,
            attempts: vec![Attempt { stage: "dedup".into(), kind: "datum".into(), build: "b".into(), at_ms: 4 }],
        };
        assert_eq!(Mark::find(&[Header { key: "x".into(), value: vec![] }, mark.header()]), Some(mark));
        assert_eq!(Mark::find(&[Header { key: HEADER.into(), value: b"{".to_vec() }]), None);
    }
}
