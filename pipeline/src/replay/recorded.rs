//! What a chain wrote, from its output topics, one transaction after another.

use sluice_connectors::kafka::log::{Entry, Log};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::EVENTS_DEAD_LETTER;

use super::{Error, Source};
use crate::chain::Emit;

/// The outputs of one partition of a chain.
///
/// Transactions of a partition do not overlap, and a journal record is the last that its transaction produces: what is stamped after the
/// one before and not after this one is of this transaction.
pub(super) struct Recorded {
    outputs: Vec<Output>,
}

struct Output {
    topic: &'static str,
    log: Log,
    next: Option<Entry>,
    /// When the end of the topic was seen.
    ended: Option<Millis>,
}

/// The markers of a transaction reach all its partitions within this time, milliseconds: what is older is seen whole or not at all.
const SETTLED: i64 = 5_000;

impl Output {
    /// The next record. A topic that was at its end after the transaction had settled is not asked again: asking there means waiting.
    fn peek(&mut self, stamp: Millis) -> Result<(), Error> {
        if self.next.is_some() || self.ended.is_some_and(|ended| ended.since(stamp) > SETTLED) {
            return Ok(());
        }
        let asked = Millis::now();
        self.next = self.log.read()?;
        self.ended = self.next.is_none().then_some(asked);
        Ok(())
    }
}

impl Recorded {
    /// Begins after the transaction whose journal record is stamped `after`. Also gives the topics that do not reach back so far.
    ///
    /// Dead letters are left out: other chains write them as well, and each names its build.
    pub(super) fn open(source: &Source, after: Millis) -> Result<(Self, Vec<&'static str>), Error> {
        let (mut outputs, mut lost) = (Vec::new(), Vec::new());
        for topic in source.role.writes.iter().filter(|topic| **topic != EVENTS_DEAD_LETTER) {
            let mut log = Log::open(&source.kafka, topic, source.partition)?;
            let (low, _) = log.bounds()?;
            let start = log.offset_at(after.0 + 1)?;
            if low > 0 && start == low {
                lost.push(*topic);
                continue;
            }
            log.seek(start)?;
            outputs.push(Output { topic, log, next: None, ended: None });
        }
        Ok((Self { outputs }, lost))
    }

    /// Whether this topic is read.
    pub(super) fn has(&self, topic: &str) -> bool {
        self.outputs.iter().any(|output| output.topic == topic)
    }

    /// What was written up to `stamp` and not given yet, under keys that begin with `prefix`.
    pub(super) fn until(&mut self, stamp: Millis, prefix: &[u8]) -> Result<Vec<Emit>, Error> {
        let mut out = Vec::new();
        for output in &mut self.outputs {
            loop {
                output.peek(stamp)?;
                let Some(entry) = output.next.take_if(|entry| entry.timestamp_ms <= stamp.0) else { break };
                if entry.key.starts_with(prefix) {
                    out.push(Emit { topic: output.topic, key: entry.key, value: entry.value.unwrap_or_default() });
                }
            }
        }
        Ok(out)
    }
}
