//! One instance of a chain with the runner's protocol: `pipeline/src/runner` step by step, on the simulated log. The cells and
//! the stages in them are the real ones.

use std::collections::BTreeMap;

use sluice_pipeline::cell::Cell;
use sluice_pipeline::chain::Incoming;
use sluice_pipeline::state::{Changes, Memory};
use sluice_pipeline::topology::{ChainTopics, Role};
use sluice_schemas::codec::Codecs;
use sluice_schemas::record::Journal;
use sluice_schemas::time::Millis;

use super::log::{Epoch, Log, Offset, Refused};
use super::{Bug, Commit, Make};

const JOURNAL_KEY: &[u8] = &[0];

/// What survives the process.
#[derive(Clone, Default)]
pub struct Disk {
    pub memory: Memory,
    sequence: i64,
    changelog: usize,
    journal: Journal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Running,
    /// Stands still, as after SIGSTOP; it knows nothing of what happens meanwhile.
    Paused,
    Dead,
}

/// Where a commit was interrupted.
#[derive(Clone, Copy)]
enum Held {
    BeforeOffsets,
    BeforeCommit,
}

pub struct Node {
    pub name: String,
    role: &'static Role,
    topics: &'static ChainTopics,
    codecs: Codecs,
    make: Make,
    bug: Bug,
    pub life: Life,
    epoch: Epoch,
    pub generation: u32,
    /// Assigned and not restored yet.
    waiting: Vec<i32>,
    pub cells: BTreeMap<i32, Cell>,
    pub disks: BTreeMap<i32, Disk>,
    transaction: Option<usize>,
    held: Option<Held>,
    /// Journal of each partition in the open transaction, and the offset after it in the changelog.
    sealed: BTreeMap<i32, (Journal, usize)>,
    /// Records handled so far.
    pub handled: usize,
}

impl Node {
    pub fn new(name: String, (role, topics): (&'static Role, &'static ChainTopics), codecs: &Codecs, make: Make, bug: Bug) -> Self {
        Self {
            name,
            role,
            topics,
            codecs: codecs.clone(),
            make,
            bug,
            life: Life::Dead,
            epoch: Epoch(0),
            generation: 0,
            waiting: Vec::new(),
            cells: BTreeMap::new(),
            disks: BTreeMap::new(),
            transaction: None,
            held: None,
            sealed: BTreeMap::new(),
            handled: 0,
        }
    }

    pub const fn group(&self) -> &'static str {
        self.role.name
    }

    /// The producer first: its start settles what an earlier life left open.
    pub fn start(&mut self, log: &mut Log, now: Millis) {
        self.kill();
        self.epoch = log.init(&self.name, now);
        self.life = Life::Running;
    }

    pub fn kill(&mut self) {
        self.life = Life::Dead;
        self.cells.clear();
        self.waiting.clear();
        self.sealed.clear();
        (self.transaction, self.held) = (None, None);
    }

    pub fn revoke(&mut self, log: &mut Log, now: Millis) {
        if self.bug == Bug::RevokeForgets {
            self.cells.clear();
        } else {
            self.commit(log, now, Commit::Done);
        }
        self.cells.clear();
        self.waiting.clear();
    }

    pub fn assign(&mut self, partitions: Vec<i32>, generation: u32) {
        self.generation = generation;
        self.waiting = partitions;
    }

    /// Brings assigned partitions to their committed sequence, as far as the log shows it by now.
    pub fn restore(&mut self, log: &Log) {
        for partition in std::mem::take(&mut self.waiting) {
            match self.restored(log, partition) {
                Some(cell) => drop(self.cells.insert(partition, cell)),
                None => self.waiting.push(partition),
            }
        }
    }

    /// The state that the changelog tells, from its beginning.
    pub fn told(&self, log: &Log, partition: i32) -> Memory {
        let mut disk = Disk::default();
        keyed(log, &self.codecs, self.topics, partition, i64::MAX, &mut disk);
        disk.memory
    }

    pub fn idle(&self) -> bool {
        self.waiting.is_empty() && self.transaction.is_none()
    }

    fn restored(&mut self, log: &Log, partition: i32) -> Option<Cell> {
        let (next, target) = log.committed(self.role.name, self.role.reads[0], partition)?;
        let disk = self.disks.entry(partition).or_default();
        if disk.sequence > target {
            *disk = Disk::default();
        }
        if disk.sequence < target {
            let mut fresh = disk.clone();
            let reached = keyed(log, &self.codecs, self.topics, partition, target, &mut fresh);
            if !reached && self.bug != Bug::RestoreToTheEnd {
                return None;
            }
            if self.bug != Bug::HashesNotRestored && !packed(log, self.topics, partition, &mut fresh) {
                return None;
            }
            *disk = fresh;
        }
        let mut journal = disk.journal.clone();
        if self.bug == Bug::OffsetsBeforeOutputs
            && let Some(anchor) = journal.inputs.first_mut()
        {
            anchor.offset = next as i64;
        }
        Some(Cell::revive(self.role, partition, &self.codecs, (self.make)(&self.codecs), &disk.memory, &journal).expect("revives"))
    }

    fn open(&mut self, log: &mut Log, now: Millis) -> Result<usize, Refused> {
        if self.transaction.is_none() {
            self.transaction = Some(log.begin(&self.name, self.epoch, now)?);
        }
        self.transaction.ok_or(Refused::Fenced)
    }

    /// Any error of a transaction is answered by a fresh instance.
    fn fail(&mut self, log: &mut Log, now: Millis) {
        if self.bug == Bug::ProducerReused {
            if let Some(open) = self.transaction.take() {
                log.abort(open, now);
            }
            for (partition, cell) in &mut self.cells {
                let disk = &self.disks[partition];
                let chain = (self.make)(&self.codecs);
                *cell = Cell::revive(self.role, *partition, &self.codecs, chain, &disk.memory, &disk.journal).expect("revives");
            }
            self.sealed.clear();
            return;
        }
        let held: Vec<i32> = self.cells.keys().chain(&self.waiting).copied().collect();
        self.start(log, now);
        if log.generation(self.role.name) == self.generation {
            self.waiting = held;
        } else {
            // It has to join again; until then it owns nothing.
            self.generation = 0;
        }
    }

    /// Reads at most `records` records, turning to input number `turn` first.
    pub fn burst(&mut self, log: &mut Log, now: Millis, records: usize, turn: usize) -> usize {
        let mut done = 0;
        for partition in self.cells.keys().copied().collect::<Vec<_>>() {
            for step in 0..self.role.reads.len() {
                let input = (turn + step) % self.role.reads.len();
                while done < records {
                    match self.one(log, now, partition, input) {
                        Ok(true) => done += 1,
                        Ok(false) => break,
                        Err(_) => {
                            self.fail(log, now);
                            return done;
                        }
                    }
                }
            }
        }
        self.handled += done;
        done
    }

    fn one(&mut self, log: &mut Log, now: Millis, partition: i32, input: usize) -> Result<bool, Refused> {
        let from = self.cells[&partition].positions()[input] as usize;
        let topic = self.role.reads[input];
        let found = log.read(topic, partition, from);
        let Some((offset, record)) = found else { return Ok(false) };
        let (key, value, at) = (record.key.clone(), record.value.clone().unwrap_or_default(), record.at);
        self.open(log, now)?;
        let incoming = Incoming { topic, key: &key, value: &value, headers: &[], offset: offset as i64, at };
        let cell = self.cells.get_mut(&partition).expect("ours");
        let poison = cell.record(&self.disks[&partition].memory, input, &incoming, now).expect("no error");
        assert!(poison.is_none(), "{poison:?}");
        self.flush(log, now, partition).map(|()| true)
    }

    /// Fires the timers that are due.
    pub fn tick(&mut self, log: &mut Log, now: Millis) -> bool {
        let due: Vec<i32> =
            self.cells.iter().filter(|(_, cell)| cell.due().is_some_and(|due| due <= now)).map(|(partition, _)| *partition).collect();
        for partition in &due {
            let sent = self.open(log, now).and_then(|_| {
                self.cells.get_mut(partition).expect("ours").tick(&self.disks[partition].memory, now).expect("no error");
                self.flush(log, now, *partition)
            });
            if sent.is_err() {
                self.fail(log, now);
                return true;
            }
        }
        !due.is_empty()
    }

    fn flush(&mut self, log: &mut Log, now: Millis, partition: i32) -> Result<(), Refused> {
        let transaction = self.open(log, now)?;
        let cell = &self.cells[&partition];
        for emit in cell.outputs() {
            if self.bug == Bug::OutputsOutside {
                log.append(emit.topic, partition, emit.key.clone(), emit.value.clone(), now);
            } else {
                log.send(transaction, emit.topic, partition, emit.key.clone(), Some(emit.value.clone()), now)?;
            }
        }
        let disk = self.disks.get_mut(&partition).expect("restored");
        match self.bug {
            Bug::StateBeforeCommit => disk.memory.apply(cell.changes(), cell.day()),
            Bug::DedupBeforeCommit => cell.changes().seen.iter().for_each(|hash| disk.memory.see(*hash, cell.day())),
            _ => {}
        }
        Ok(())
    }

    /// Commits what is open; `how` is what happens on the way.
    pub fn commit(&mut self, log: &mut Log, now: Millis, how: Commit) {
        let Some(transaction) = self.transaction else { return };
        if self.seal(log, now, transaction).is_err() {
            return self.fail(log, now);
        }
        if how == Commit::StopsEarly {
            (self.held, self.life) = (Some(Held::BeforeOffsets), Life::Paused);
            return;
        }
        self.offsets(log, now, transaction, how);
    }

    fn seal(&mut self, log: &mut Log, now: Millis, transaction: usize) -> Result<(), Refused> {
        for (partition, cell) in self.cells.iter_mut().filter(|(_, cell)| cell.touched()) {
            let journal = cell.seal();
            let changes = cell.changes();
            if let (Some(topic), false) = (self.topics.packed, changes.seen.is_empty()) {
                let value = changes.seen.iter().fold(cell.day().to_be_bytes().to_vec(), |mut value, hash| {
                    value.extend(hash);
                    value
                });
                let key = journal.sequence.to_be_bytes().to_vec();
                log.send(transaction, topic, *partition, key, Some(value), now)?;
            }
            for (key, value) in &changes.keyed {
                let value = value.as_deref().map(<[u8]>::to_vec);
                log.send(transaction, self.topics.changelog, *partition, <[u8]>::to_vec(key), value, now)?;
            }
            let bytes = self.codecs.of::<Journal>().encode(&journal).expect("encodes");
            let landed = log.send(transaction, self.topics.changelog, *partition, JOURNAL_KEY.to_vec(), Some(bytes), now)?;
            self.sealed.insert(*partition, (journal, landed + 1));
        }
        Ok(())
    }

    fn offsets(&mut self, log: &mut Log, now: Millis, transaction: usize, how: Commit) {
        let mut offsets = Vec::new();
        for (partition, cell) in &self.cells {
            for (input, topic) in self.role.reads.iter().enumerate() {
                let (next, sequence) = (cell.positions()[input] as usize, cell.sequence());
                offsets.push(Offset { group: self.role.name, topic, partition: *partition, next, sequence });
            }
        }
        if self.bug == Bug::OffsetsBeforeOutputs {
            for offset in &offsets {
                let sequence = log.committed(offset.group, offset.topic, offset.partition).unwrap_or_default().1;
                log.set_committed(&Offset { sequence, ..offset.clone() });
            }
        }
        if log.offsets(transaction, self.generation, offsets).is_err() {
            return self.fail(log, now);
        }
        match how {
            Commit::StopsLate => (self.held, self.life) = (Some(Held::BeforeCommit), Life::Paused),
            Commit::Refused => self.fail(log, now),
            Commit::AnswerLost => {
                let _ = log.commit(transaction, now);
                self.transaction = None;
                self.fail(log, now);
            }
            Commit::CrashAfter => {
                let _ = log.commit(transaction, now);
                self.kill();
            }
            Commit::Done | Commit::StopsEarly => self.finish(log, now, transaction),
        }
    }

    fn finish(&mut self, log: &mut Log, now: Millis, transaction: usize) {
        if log.commit(transaction, now).is_err() {
            return self.fail(log, now);
        }
        self.transaction = None;
        for (partition, (journal, changelog)) in std::mem::take(&mut self.sealed) {
            let Some(cell) = self.cells.get_mut(&partition) else { continue };
            let disk = self.disks.get_mut(&partition).expect("restored");
            (disk.journal, disk.changelog) = (journal, changelog);
            disk.memory.apply(cell.changes(), cell.day());
            disk.sequence = cell.sequence();
            cell.committed(&disk.memory).expect("goes on");
        }
    }

    /// Goes on where it stood still.
    pub fn resume(&mut self, log: &mut Log, now: Millis) {
        self.life = Life::Running;
        match (self.held.take(), self.transaction) {
            (Some(Held::BeforeOffsets), Some(open)) => self.offsets(log, now, open, Commit::Done),
            (Some(Held::BeforeCommit), Some(open)) => self.finish(log, now, open),
            _ => {}
        }
    }
}

/// Reads the keyed changelog until the journal record of `target`; whether it was there.
fn keyed(log: &Log, codecs: &Codecs, topics: &ChainTopics, partition: i32, target: i64, disk: &mut Disk) -> bool {
    let mut changes = Changes::default();
    let mut reached = false;
    while let Some((offset, record)) = log.read(topics.changelog, partition, disk.changelog) {
        disk.changelog = offset + 1;
        if record.key != JOURNAL_KEY {
            changes.keyed.insert(record.key.as_slice().into(), record.value.as_deref().map(Into::into));
            continue;
        }
        disk.journal = codecs.of().decode(record.value.as_deref().unwrap_or_default()).expect("a journal");
        disk.sequence = disk.journal.sequence;
        if disk.sequence >= target {
            reached = true;
            break;
        }
    }
    disk.memory.apply(&changes, 0);
    reached
}

/// Reads hashes up to the sequence that the journal names; whether all were there.
fn packed(log: &Log, topics: &ChainTopics, partition: i32, disk: &mut Disk) -> bool {
    let (Some(topic), wanted) = (topics.packed, disk.journal.packed_sequence) else { return true };
    let mut reached = wanted == 0;
    let mut from = 0;
    while !reached && let Some((offset, record)) = log.read(topic, partition, from) {
        from = offset + 1;
        let value = record.value.as_deref().unwrap_or_default();
        let (day, hashes) = value.split_first_chunk::<2>().expect("a day");
        hashes.as_chunks::<16>().0.iter().for_each(|hash| disk.memory.see(*hash, u16::from_be_bytes(*day)));
        reached = record.key.as_slice() >= wanted.to_be_bytes().as_slice();
    }
    reached
}
