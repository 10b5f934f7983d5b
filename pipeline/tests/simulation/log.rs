//! A log with Kafka's transactions and groups, and nothing of its network: what a broker promises, decided at once.

use std::collections::{BTreeMap, HashMap};

use sluice_schemas::time::Millis;

/// The coordinator aborts a transaction that is open for this long.
pub const TIMEOUT_MS: i64 = 15_000;

pub type Topic = &'static str;

/// Why the broker refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A newer producer of this id has started, or the transaction was aborted for being too old.
    Fenced,
    /// The group has moved on without this member.
    Generation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Committed,
    Aborted,
}

pub struct Record {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    pub at: Millis,
    /// `None` outside transactions; commit markers take an offset as well.
    transaction: Option<usize>,
    marker: bool,
}

struct Transaction {
    id: String,
    fate: Fate,
    opened: Millis,
    first: BTreeMap<(Topic, i32), usize>,
    offsets: Vec<Offset>,
}

#[derive(Clone)]
pub struct Offset {
    pub group: &'static str,
    pub topic: Topic,
    pub partition: i32,
    pub next: usize,
    pub sequence: i64,
}

/// A producer's hold on its id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Epoch(pub u32);

#[derive(Default)]
pub struct Log {
    partitions: HashMap<(Topic, i32), Vec<Record>>,
    transactions: Vec<Transaction>,
    open: Vec<usize>,
    epochs: HashMap<String, u32>,
    committed: HashMap<(&'static str, Topic, i32), (usize, i64)>,
    generations: HashMap<&'static str, u32>,
    /// Planted: the coordinator takes offsets of any generation, as if none was sent with them.
    forgiving: bool,
}

impl Log {
    /// An empty log; one that is `forgiving` has a planted mistake.
    pub fn new(forgiving: bool) -> Self {
        Self { forgiving, ..Self::default() }
    }

    /// Appends outside transactions.
    pub fn append(&mut self, topic: Topic, partition: i32, key: Vec<u8>, value: Vec<u8>, at: Millis) {
        self.push(topic, partition, Record { key, value: Some(value), at, transaction: None, marker: false });
    }

    fn push(&mut self, topic: Topic, partition: i32, record: Record) -> usize {
        let records = self.partitions.entry((topic, partition)).or_default();
        records.push(record);
        records.len() - 1
    }

    /// Fences older producers of `id` and aborts what they left open.
    pub fn init(&mut self, id: &str, at: Millis) -> Epoch {
        let left: Vec<usize> = self.open.iter().copied().filter(|open| self.transactions[*open].id == id).collect();
        for open in left {
            self.end(open, Fate::Aborted, at);
        }
        let epoch = self.epochs.entry(id.to_owned()).or_default();
        *epoch += 1;
        Epoch(*epoch)
    }

    fn check(&self, id: &str, epoch: Epoch) -> Result<(), Refused> {
        if self.epochs.get(id) == Some(&epoch.0) { Ok(()) } else { Err(Refused::Fenced) }
    }

    pub fn begin(&mut self, id: &str, epoch: Epoch, opened: Millis) -> Result<usize, Refused> {
        self.check(id, epoch)?;
        self.transactions.push(Transaction { id: id.to_owned(), fate: Fate::Open, opened, first: BTreeMap::new(), offsets: Vec::new() });
        self.open.push(self.transactions.len() - 1);
        Ok(self.transactions.len() - 1)
    }

    /// Appends within a transaction; gives the offset.
    pub fn send(
        &mut self,
        transaction: usize,
        topic: Topic,
        partition: i32,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
        at: Millis,
    ) -> Result<usize, Refused> {
        self.still_open(transaction)?;
        let offset = self.push(topic, partition, Record { key, value, at, transaction: Some(transaction), marker: false });
        self.transactions[transaction].first.entry((topic, partition)).or_insert(offset);
        Ok(offset)
    }

    fn still_open(&self, transaction: usize) -> Result<(), Refused> {
        if self.transactions[transaction].fate == Fate::Open { Ok(()) } else { Err(Refused::Fenced) }
    }

    pub fn offsets(&mut self, transaction: usize, generation: u32, offsets: Vec<Offset>) -> Result<(), Refused> {
        self.still_open(transaction)?;
        if !self.forgiving && offsets.iter().any(|offset| self.generation(offset.group) != generation) {
            return Err(Refused::Generation);
        }
        self.transactions[transaction].offsets = offsets;
        Ok(())
    }

    pub fn commit(&mut self, transaction: usize, at: Millis) -> Result<(), Refused> {
        self.still_open(transaction)?;
        self.end(transaction, Fate::Committed, at);
        for offset in std::mem::take(&mut self.transactions[transaction].offsets) {
            self.set_committed(&offset);
        }
        Ok(())
    }

    pub fn abort(&mut self, transaction: usize, at: Millis) {
        if self.still_open(transaction).is_ok() {
            self.end(transaction, Fate::Aborted, at);
        }
    }

    fn end(&mut self, transaction: usize, fate: Fate, at: Millis) {
        self.transactions[transaction].fate = fate;
        self.open.retain(|open| *open != transaction);
        let touched: Vec<(Topic, i32)> = self.transactions[transaction].first.keys().copied().collect();
        for (topic, partition) in touched {
            self.push(topic, partition, Record { key: Vec::new(), value: None, at, transaction: Some(transaction), marker: true });
        }
    }

    /// Aborts what is open for too long, and fences its producer.
    pub fn expire(&mut self, now: Millis) {
        let old: Vec<usize> = self.open.iter().copied().filter(|open| now.since(self.transactions[*open].opened) >= TIMEOUT_MS).collect();
        for open in old {
            self.end(open, Fate::Aborted, now);
            *self.epochs.entry(self.transactions[open].id.clone()).or_default() += 1;
        }
    }

    pub fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The next record at or after `from` that is committed, and not behind a transaction that is still open.
    pub fn read(&self, topic: Topic, partition: i32, from: usize) -> Option<(usize, &Record)> {
        let records = self.partitions.get(&(topic, partition))?;
        let stable = self.open.iter().filter_map(|open| self.transactions[*open].first.get(&(topic, partition))).min();
        let end = stable.copied().unwrap_or(records.len());
        let visible = |record: &Record| !record.marker && record.transaction.is_none_or(|t| self.transactions[t].fate == Fate::Committed);
        (from..end).map(|offset| (offset, &records[offset])).find(|(_, record)| visible(record))
    }

    /// The next record whatever became of its transaction: what `read_uncommitted` shows.
    pub fn read_uncommitted(&self, topic: Topic, partition: i32, from: usize) -> Option<(usize, &Record)> {
        let records = self.partitions.get(&(topic, partition))?;
        (from..records.len()).map(|offset| (offset, &records[offset])).find(|(_, record)| !record.marker)
    }

    /// Every committed record of a partition.
    pub fn all(&self, topic: Topic, partition: i32) -> impl Iterator<Item = (usize, &Record)> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let (offset, record) = self.read(topic, partition, from)?;
            from = offset + 1;
            Some((offset, record))
        })
    }

    pub fn set_committed(&mut self, offset: &Offset) {
        self.committed.insert((offset.group, offset.topic, offset.partition), (offset.next, offset.sequence));
    }

    /// The committed offset with its metadata; `None` while an open transaction may still change it.
    pub fn committed(&self, group: &'static str, topic: Topic, partition: i32) -> Option<(usize, i64)> {
        let pending =
            |open: &usize| self.transactions[*open].offsets.iter().any(|o| (o.group, o.topic, o.partition) == (group, topic, partition));
        let stands = || self.committed.get(&(group, topic, partition)).copied().unwrap_or_default();
        (!self.open.iter().any(pending)).then(stands)
    }

    pub fn generation(&self, group: &'static str) -> u32 {
        self.generations.get(group).copied().unwrap_or_default()
    }

    pub fn rebalance(&mut self, group: &'static str) -> u32 {
        let generation = self.generations.entry(group).or_default();
        *generation += 1;
        *generation
    }
}
