//! What happened on a partition, turn by turn, as the journal tells and the input topics hold it.

use sluice_connectors::kafka::log::Log;
use sluice_schemas::codec::Codec;
use sluice_schemas::record::{Journal, Run};
use sluice_schemas::time::Millis;

use super::input::Input;
use super::{Error, Source};
use crate::cell::TICK;
use crate::chain::Incoming;

/// One thing that happened to the chain.
#[derive(Debug, Clone, Copy)]
pub enum Turn<'a> {
    /// Its memory was built anew from the state of the last transaction; whether by another build than that transaction's.
    Loaded(bool),
    /// A record of input number `input` at clock `now`.
    Record {
        /// Index into the inputs of the topology.
        input: usize,
        /// The record.
        incoming: Incoming<'a>,
        /// What the wall clock must be taken for, so that the cell's clock comes out as it was.
        wall: Millis,
        /// The partition's clock.
        now: Millis,
    },
    /// A tick at this clock.
    Tick(Millis),
}

/// Reads the journal and the inputs of one partition together.
pub struct Follower {
    source: Source,
    codec: Codec<Journal>,
    journals: Log,
    inputs: Vec<Input>,
    sequence: i64,
    /// Of the transaction played last.
    build: Option<String>,
    clock: Millis,
    stamp: Millis,
    /// The transaction that comes next, once it is read, with its timestamp.
    next: Option<(Journal, Millis)>,
}

impl Follower {
    /// Goes on after the transaction `after`; the default journal for the beginning.
    pub fn open(source: &Source, after: &Journal) -> Result<Self, Error> {
        let mut journals = Log::open(&source.kafka, source.topics.journal, source.partition)?;
        let (low, _) = journals.bounds()?;
        journals.seek(low)?;
        let position = |topic: &str| after.inputs.iter().find(|input| input.topic == topic).map_or(0, |input| input.offset);
        Ok(Self {
            source: source.clone(),
            codec: source.codecs.of(),
            journals,
            inputs: source.role.reads.iter().map(|topic| Input::new(topic, position(topic))).collect(),
            sequence: after.sequence,
            build: (after.sequence > 0).then(|| after.build.clone()),
            clock: Millis(after.clock_ms),
            stamp: Millis(0),
            next: None,
        })
    }

    /// The journal record of the transaction that comes next; `None` at the end.
    pub fn peek(&mut self) -> Result<Option<&Journal>, Error> {
        while self.next.is_none() {
            let Some(entry) = self.journals.read()? else { return Ok(None) };
            let journal = self.codec.decode(entry.value.as_deref().unwrap_or_default())?;
            if journal.sequence <= self.sequence {
                continue;
            }
            if journal.sequence != self.sequence + 1 {
                return Err(Error::Gone {
                    topic: self.journals.name().to_owned(),
                    partition: self.source.partition,
                    reason: format!(
                        "transaction {} is not there; the oldest after it is {}, of {}",
                        self.sequence + 1,
                        journal.sequence,
                        Millis(journal.clock_ms)
                    ),
                });
            }
            self.next = Some((journal, Millis(entry.timestamp_ms)));
        }
        Ok(self.next.as_ref().map(|(journal, _)| journal))
    }

    /// When the journal record of the transaction played last was written; the epoch before the first.
    pub const fn stamp(&self) -> Millis {
        self.stamp
    }

    /// Gives every turn of the next transaction to `take`; returns its journal record, `None` at the end.
    pub fn play(&mut self, take: &mut dyn FnMut(Turn<'_>) -> Result<(), Error>) -> Result<Option<Journal>, Error> {
        self.peek()?;
        let Some((journal, stamp)) = self.next.take() else { return Ok(None) };
        if journal.loaded {
            take(Turn::Loaded(self.build.as_ref().is_some_and(|build| *build != journal.build)))?;
        }
        for run in &journal.runs {
            self.run(&journal, run, take)?;
        }
        self.check(&journal)?;
        (self.sequence, self.stamp, self.build) = (journal.sequence, stamp, Some(journal.build.clone()));
        Ok(Some(journal))
    }

    fn run(&mut self, journal: &Journal, run: &Run, take: &mut dyn FnMut(Turn<'_>) -> Result<(), Error>) -> Result<(), Error> {
        if run.input == TICK {
            self.clock = Millis(run.clock_ms);
            return take(Turn::Tick(self.clock));
        }
        let input = self.input(journal, run.input)?;
        for nth in 0..run.count {
            let entry = self.inputs[input].read(&self.source, journal.sequence)?;
            let at = Millis(entry.timestamp_ms);
            // The first record's clock is told, since it need not be its own; the others' follow from theirs.
            let wall = if nth == 0 { Millis(run.clock_ms) } else { Millis(i64::MAX) };
            self.clock = if nth == 0 { wall } else { self.clock.max(at) };
            let incoming = Incoming {
                topic: self.inputs[input].topic(),
                key: &entry.key,
                value: entry.value.as_deref().unwrap_or_default(),
                headers: &entry.headers,
                offset: entry.offset,
                at,
            };
            take(Turn::Record { input, incoming, wall, now: self.clock })?;
        }
        Ok(())
    }

    /// The journal names its inputs, so that a chain may gain one.
    fn input(&self, journal: &Journal, index: i32) -> Result<usize, Error> {
        let named = usize::try_from(index).ok().and_then(|index| journal.inputs.get(index));
        let known = named.and_then(|named| self.inputs.iter().position(|input| input.topic() == named.topic));
        known.ok_or_else(|| Error::Order {
            topic: named.map_or_else(|| format!("input {index}"), |named| named.topic.clone()),
            partition: self.source.partition,
            sequence: journal.sequence,
            reason: format!("this build's {} does not read it", self.source.role.name),
        })
    }

    /// Where the transaction left inputs and clock is told as well: whatever was lost in between shows here.
    fn check(&self, journal: &Journal) -> Result<(), Error> {
        let fault = |topic: &str, reason: String| {
            Err(Error::Order { topic: topic.to_owned(), partition: self.source.partition, sequence: journal.sequence, reason })
        };
        for told in &journal.inputs {
            let read = self.inputs.iter().find(|input| input.topic() == told.topic);
            if let Some(read) = read.filter(|read| read.position != told.offset) {
                return fault(
                    &told.topic,
                    format!("it ended before offset {}, the topic gave records up to {}", told.offset, read.position),
                );
            }
        }
        if self.clock.0 != journal.clock_ms {
            return fault(self.journals.name(), format!("its clock was {}, the records say {}", Millis(journal.clock_ms), self.clock));
        }
        Ok(())
    }
}
