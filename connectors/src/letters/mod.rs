//! The workbench of dead letters and unrouted updates: find, plan, redrive, drop. Command line and console both use it.
//!
//! A redrive writes the record again to the topic it failed on, marked (`sluice_schemas::redrive`), and then notes the decision in
//! Postgres. Between the two a crash leaves the letter open; redriven again, it changes nothing, since its role takes a place once.

mod bench;
mod plan;
mod scan;

use std::fmt;
use std::str::FromStr;

use sluice_schemas::codec;
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{DeadLetter, Failure, Original};
use sluice_schemas::redrive::{self, Mark};
use sluice_schemas::retry;
use sluice_schemas::topics::{EVENTS_DEAD_LETTER, EVENTS_UNROUTED};

use crate::kafka::{self, producer::Out};
use crate::postgres;

pub use bench::{Bench, Command, Report};
pub use plan::{Group, Plan, Step};

/// Stage under which unrouted updates are listed.
pub const UNROUTED_STAGE: &str = "ingress";
/// Kind under which unrouted updates are listed.
pub const UNROUTED_KIND: &str = "unrouted";

/// What cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// Postgres.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// A record of ours cannot be encoded.
    #[error("encode: {0}")]
    Encode(#[from] codec::Error),
    /// Another redrive or drop holds the lock.
    #[error("another redrive or drop of these records is running; wait for its end, or stop it where it runs")]
    Busy,
    /// A blocking part ended early.
    #[error("reading the letters ended early: {0}")]
    Ended(String),
}

/// Partition and offset of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub i32, pub i64);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

impl FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once(':')
            .and_then(|(partition, offset)| Some(Self(partition.parse().ok()?, offset.parse().ok()?)))
            .filter(|place| place.0 >= 0 && place.1 >= 0)
            .ok_or_else(|| "give PARTITION:OFFSET, as in 3:17; `sluice dead-letters list` prints it".into())
    }
}

/// Where letters are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `events.dead-letter`.
    Letters,
    /// `events.unrouted`: only what a registered number now owns.
    Unrouted,
}

impl Source {
    /// The topic.
    pub const fn topic(self) -> &'static str {
        match self {
            Self::Letters => EVENTS_DEAD_LETTER,
            Self::Unrouted => EVENTS_UNROUTED,
        }
    }
}

/// Which letters are meant; what is `None` or empty excludes nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Owner.
    pub tenant: Option<TenantId>,
    /// Stage that gave up.
    pub stage: Option<String>,
    /// Error kind.
    pub kind: Option<String>,
    /// Account, of unrouted updates alone.
    pub account: Option<String>,
    /// Not written before this, milliseconds.
    pub from_ms: Option<i64>,
    /// Written before this, milliseconds.
    pub to_ms: Option<i64>,
    /// Only these.
    pub places: Vec<Place>,
}

impl Filter {
    fn takes(&self, found: &Letter) -> bool {
        let letter = &found.letter;
        self.tenant.is_none_or(|tenant| letter.tenant == tenant)
            && self.stage.as_ref().is_none_or(|stage| letter.stage == *stage)
            && self.kind.as_ref().is_none_or(|kind| letter.kind == *kind)
            && self.from_ms.is_none_or(|from| found.at_ms >= from)
            && self.to_ms.is_none_or(|to| found.at_ms < to)
            && (self.places.is_empty() || self.places.contains(&found.place))
    }
}

/// A letter where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Where it lies.
    pub place: Place,
    /// When it was written, milliseconds.
    pub at_ms: i64,
    /// Home partition: where a redrive writes it.
    pub home: i32,
    /// What it keeps.
    pub letter: DeadLetter,
}

impl Letter {
    /// The record that redrives it, or why it is not redriven.
    pub fn resend(&self, answer_late: bool) -> Result<Out, String> {
        let letter = &self.letter;
        let topic = redrive::target(redrive::role(letter), &letter.topic)?;
        let mut headers: Vec<_> =
            letter.headers.iter().filter(|header| ![redrive::HEADER, retry::HEADER].contains(&header.key.as_str())).cloned().collect();
        headers.push(Mark::of(letter, self.at_ms, answer_late).header());
        Ok(Out { topic, partition: self.home, key: letter.key.clone(), payload: Some(letter.value.clone()), headers })
    }
}

/// An update that its owner's number now claims, as the letter of a stage: so one way of redriving serves both.
fn claimed(place: Place, at_ms: i64, home: i32, tenant: TenantId, key: &[u8], value: &[u8]) -> Letter {
    let original = Original { topic: EVENTS_UNROUTED, partition: place.0, offset: place.1, timestamp_ms: at_ms, key, value, headers: &[] };
    let failure =
        Failure { tenant, role: "intake", stage: UNROUTED_STAGE, kind: UNROUTED_KIND, detail: "the number was not registered", build: "" };
    Letter { place, at_ms, home, letter: DeadLetter::new(original, failure) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_schemas::topics::EVENTS_RAW;

    #[test]
    fn a_place_is_a_partition_and_an_offset() {
        assert_eq!("3:17".parse(), Ok(Place(3, 17)));
        for bad in ["", "3", "3:", "a:b", "-1:2", "1:-2"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_redrive_writes_the_record_as_it_was_to_its_home_and_marks_it_with_its_first_place() {
        let letter = claimed(Place(5, 9), 77, 2, TenantId::from_bytes([1; 16]), b"k", b"v");
        let out = letter.resend(true).expect("goes");
        assert_eq!((out.topic, out.partition, out.key, out.payload), (EVENTS_RAW, 2, b"k".to_vec(), Some(b"v".to_vec())));
        let mark = Mark::find(&out.headers).expect("a mark");
        assert_eq!((mark.place(), mark.role.as_str(), mark.answer_late), ("events.unrouted/5/9".into(), "intake", true));
        // It fails again, and lies among the dead letters of its home: its place stays the first one.
        let record =
            Original { topic: EVENTS_RAW, partition: 2, offset: 400, timestamp_ms: 80, key: b"k", value: b"v", headers: &out.headers };
        let failure = Failure { tenant: TenantId::UNKNOWN, role: "intake", stage: "dedup", kind: "datum", detail: "", build: "b" };
        let again = Letter { place: Place(2, 1), at_ms: 90, home: 2, letter: DeadLetter::new(record, failure) };
        let out = again.resend(false).expect("goes");
        let mark = Mark::find(&out.headers).expect("a mark");
        assert_eq!((out.topic, out.partition, out.headers.len()), (EVENTS_RAW, 2, 1));
        assert_eq!((mark.place(), mark.attempts.len()), ("events.unrouted/5/9".into(), 2));
    }
}
