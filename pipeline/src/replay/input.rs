//! One input topic of the chain, read from the offsets that the journal names.

use sluice_connectors::kafka::log::{Entry, Log};

use super::{Error, Source};

/// Opened at the first record that is asked for: most chains have inputs that are silent for days.
pub(super) struct Input {
    topic: &'static str,
    log: Option<Log>,
    /// Next offset; 0 means that the chain began with the oldest record there was.
    pub(super) position: i64,
}

impl Input {
    pub(super) const fn new(topic: &'static str, position: i64) -> Self {
        Self { topic, log: None, position }
    }

    pub(super) const fn topic(&self) -> &'static str {
        self.topic
    }

    /// The next record; `sequence` is the transaction that has it.
    pub(super) fn read(&mut self, source: &Source, sequence: i64) -> Result<Entry, Error> {
        let log = match &mut self.log {
            Some(log) => log,
            closed => closed.insert(open(source, self.topic, self.position)?),
        };
        let entry = log.read()?.ok_or_else(|| Error::Order {
            topic: log.name().to_owned(),
            partition: source.partition,
            sequence,
            reason: format!("the topic ends at {}", self.position),
        })?;
        self.position = entry.offset + 1;
        Ok(entry)
    }
}

fn open(source: &Source, topic: &str, position: i64) -> Result<Log, Error> {
    let mut log = Log::open(&source.kafka, topic, source.partition)?;
    let (low, high) = log.bounds()?;
    if position != 0 && position < low {
        return Err(Error::Gone {
            topic: log.name().to_owned(),
            partition: source.partition,
            reason: format!(
                "the replay needs offset {position}, which is past its retention; offsets {low} to {} are still there",
                high - 1
            ),
        });
    }
    log.seek(position.max(low))?;
    Ok(log)
}
