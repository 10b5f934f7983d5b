//! What a replay would read, from offsets alone: before anybody waits for it.

use sluice_connectors::kafka::log::Log;
use sluice_schemas::record::Journal;
use sluice_schemas::time::Millis;

use super::{Error, Source, Span};

/// Records a second that a replay reads and decides on, at least; only for the expected duration.
const RATE: i64 = 20_000;
/// Behind the newest record of a journal lie markers of transactions, at most this many offsets.
const TAIL: i64 = 64;

/// What lies before a replay of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Partition.
    pub partition: i32,
    /// Clock of the oldest and the newest transaction of the journal; none when it is empty.
    pub journal: Option<(Millis, Millis)>,
    /// Records of the anchor before the span, of all tenants: about, since transactions leave gaps.
    pub before: i64,
    /// Records of the anchor in the span, of all tenants: about.
    pub records: i64,
}

impl Plan {
    /// Asks the broker. Blocks.
    pub fn of(source: &Source, span: &Span) -> Result<Self, Error> {
        let journal = journal(source)?;
        let anchor = Log::open(&source.kafka, source.role.reads[0], source.partition)?;
        let (low, high) = anchor.bounds()?;
        let from = anchor.offset_at(span.from.0)?.clamp(low, high);
        let to = anchor.offset_at(span.to.0)?.clamp(from, high);
        Ok(Self { partition: source.partition, journal, before: from - low, records: to - from })
    }

    /// Whether any transaction lies in the span.
    pub fn reaches(&self, span: &Span) -> bool {
        self.journal.is_some_and(|(first, last)| first < span.to && last >= span.from)
    }

    /// About how long it takes, seconds.
    pub const fn seconds(&self) -> i64 {
        (self.before + self.records) / RATE + 2
    }
}

fn journal(source: &Source) -> Result<Option<(Millis, Millis)>, Error> {
    let codec = source.codecs.of::<Journal>();
    let mut log = Log::open(&source.kafka, source.topics.journal, source.partition)?;
    let (low, high) = log.bounds()?;
    log.seek(low)?;
    let Some(first) = log.read()? else { return Ok(None) };
    let first = codec.decode(first.value.as_deref().unwrap_or_default())?;
    let mut last = first.clone();
    log.seek(low.max(high - TAIL))?;
    while let Some(entry) = log.read()? {
        last = codec.decode(entry.value.as_deref().unwrap_or_default())?;
    }
    Ok(Some((Millis(first.clock_ms), Millis(last.clock_ms))))
}
