//! One partition of a chain, without Kafka: what the runner, a replay and the simulation have in common.
//!
//! A cell feeds its chain one record or tick after another, keeps what they change and write until somebody makes it
//! durable, and notes in the journal whatever a replay could not find out from the topics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sluice_schemas::codec::{self, Codec, Codecs};
use sluice_schemas::failpoint::planted;
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{Config, DeadLetter, Hold, HoldScope, InputOffset, Journal, Original, Run, owner};
use sluice_schemas::redrive::{self, Mark};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, CONFIG, EVENTS_DEAD_LETTER, HOLDS};

use crate::breaker::{Breaker, Standstill, Trip, apart};
use crate::chain::{Chain, Context, Emit, Incoming, Poison};
use crate::letters::PARKED;
use crate::state::{self, Changes, Read, View};
use crate::topology::Role;

/// Run of a tick in the journal.
pub const TICK: i32 = -1;

/// Table of redriven records that were taken: first place → clock. No chain has a table of this byte.
pub const REDRIVEN: u8 = 255;

/// Why a cell cannot go on. A record's own failure is none: it goes to the dead letters.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The committed state cannot be read.
    #[error(transparent)]
    State(#[from] state::Error),
    /// A record of ours cannot be encoded: a bug, not an input.
    #[error("encode: {0}")]
    Encode(#[from] codec::Error),
    /// Too many records of several tenants cannot be processed; see [`crate::breaker`].
    #[error("the partition stands still: {0}")]
    Stopped(String),
    /// A timer's handler panicked: there is no record to bury, and the timer would fire again at once.
    #[error("the chain {0} panicked in a tick")]
    Tick(&'static str),
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::State(e) => e.kind(),
            Self::Encode(e) => e.kind(),
            Self::Stopped(_) => "stopped",
            Self::Tick(_) => "tick",
        }
    }
}

/// A partition of a chain with its open transaction.
pub struct Cell {
    role: &'static Role,
    partition: i32,
    chain: Box<dyn Chain>,
    letters: Codec<DeadLetter>,
    config: Codec<Config>,
    holds: Codec<Hold>,
    breaker: Breaker,
    /// Whether another build ran last: what stood still goes on with the first record or tick.
    renewed: bool,
    /// What the breaker says of the record at hand.
    told: Vec<Emit>,
    /// Next offset of each input, in the order of the topology.
    positions: Vec<i64>,
    sequence: i64,
    clock: Millis,
    packed_sequence: i64,
    /// Whether the chain's memory was rebuilt from state and no transaction has told so yet.
    loaded: bool,
    /// Whether a panic may have left the chain's memory half changed.
    suspect: bool,
    changes: Changes,
    out: Vec<Emit>,
    runs: Vec<Run>,
}

impl Cell {
    /// The cell that `journal` left behind; the default journal for one that has never run. Loads the chain's memory.
    pub fn revive(
        role: &'static Role,
        partition: i32,
        codecs: &Codecs,
        mut chain: Box<dyn Chain>,
        committed: &dyn Read,
        journal: &Journal,
    ) -> Result<Self, Error> {
        chain.load(committed)?;
        let breaker = Breaker::load(committed)?;
        let position = |topic: &&str| journal.inputs.iter().find(|input| input.topic == **topic).map_or(0, |input| input.offset);
        Ok(Self {
            role,
            partition,
            chain,
            letters: codecs.of(),
            config: codecs.of(),
            holds: codecs.of(),
            breaker,
            renewed: journal.sequence > 0 && journal.build != crate::BUILD,
            told: Vec::new(),
            positions: role.reads.iter().map(position).collect(),
            sequence: journal.sequence,
            clock: Millis(journal.clock_ms),
            packed_sequence: journal.packed_sequence,
            loaded: true,
            suspect: false,
            changes: Changes::default(),
            out: Vec::new(),
            runs: Vec::new(),
        })
    }

    /// Feeds a record of input number `input`, read while the wall clock showed `wall`. What it writes is in
    /// [`Cell::outputs`]. Returns why it went to the dead letters, if it did.
    pub fn record(&mut self, committed: &dyn Read, input: usize, incoming: &Incoming<'_>, wall: Millis) -> Result<Option<Poison>, Error> {
        if let Some(why) = self.stopped().filter(|_| incoming.topic != CONFIG) {
            return Err(Error::Stopped(why.reason.clone()));
        }
        let role = self.role.name;
        // A producer's clock that runs ahead must not carry the partition's clock with it.
        let clamped = incoming.at > wall;
        let now = self.clock.max(incoming.at.min(wall));
        self.note(input as i32, now, clamped);
        self.positions[input] = incoming.offset + 1;
        self.let_go(committed, now, incoming)?;
        if let Some(poison) = self.parked(incoming) {
            self.changes.savepoint();
            self.out.clear();
            self.bury(incoming, &poison)?;
            self.out.append(&mut self.told);
            return Ok(Some(poison));
        }
        let mark = Mark::find(incoming.headers);
        let poison = self.attempt(committed, now, |chain, cx| match &mark {
            Some(mark) if mark.role != role || !first(cx, mark) => Ok(()),
            _ => chain.record(cx, incoming),
        })?;
        if let Some(poison) = &poison {
            self.bury(incoming, poison)?;
        }
        self.count(committed, now, incoming, poison.as_ref())?;
        self.out.append(&mut self.told);
        Ok(poison)
    }

    /// Why nothing but configuration may be fed, if so.
    pub fn stopped(&self) -> Option<&Standstill> {
        self.breaker.stopped().filter(|_| !self.renewed)
    }

    /// What ends a standstill: another build, or a person's word in the configuration.
    fn let_go(&mut self, committed: &dyn Read, now: Millis, incoming: &Incoming<'_>) -> Result<(), Error> {
        if std::mem::take(&mut self.renewed) {
            for tenant in self.breaker.tenants() {
                self.unpark(committed, now, tenant, "another build reads it")?;
            }
            apart(committed, &mut self.changes, |view| self.breaker.resume(view))?;
        }
        if incoming.topic != CONFIG {
            return Ok(());
        }
        // One that cannot be decoded is the chain's to bury.
        let Ok(config) = self.config.decode(incoming.value) else { return Ok(()) };
        let since = |standstill: &Standstill| standstill.since_ms <= config.at_ms;
        match (config.kind.as_str(), config.name.as_str()) {
            ("lift", name)
                if name.strip_prefix("chain/") == Some(self.role.name) && self.breaker.parked(config.tenant).is_some_and(since) =>
            {
                self.unpark(committed, now, config.tenant, "lifted by a person")
            }
            ("resume", name) if name == self.role.name && self.breaker.stopped().is_some_and(since) => {
                tracing::info!(chain = self.role.name, partition = self.partition, "the partition goes on");
                apart(committed, &mut self.changes, |view| self.breaker.resume(view))?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn unpark(&mut self, committed: &dyn Read, now: Millis, tenant: TenantId, why: &str) -> Result<(), Error> {
        match apart(committed, &mut self.changes, |view| self.breaker.unpark(tenant, view))? {
            Some(standstill) => self.tell(now, tenant, &standstill, Some(why)),
            None => Ok(()),
        }
    }

    /// The letter of a record whose tenant is parked. What could not be redriven from a letter is processed all the same.
    fn parked(&self, incoming: &Incoming<'_>) -> Option<Poison> {
        if self.breaker.is_quiet() || redrive::target(self.role.name, incoming.topic).is_err() {
            return None;
        }
        let tenant = owner(TenantId::UNKNOWN, incoming.key);
        let standstill = self.breaker.parked(tenant)?;
        Some(Poison { stage: self.role.name, kind: PARKED, detail: standstill.reason.clone(), tenant })
    }

    fn count(&mut self, committed: &dyn Read, now: Millis, incoming: &Incoming<'_>, poison: Option<&Poison>) -> Result<(), Error> {
        let Some(poison) = poison else {
            if self.breaker.processed(now) {
                apart(committed, &mut self.changes, |view| self.breaker.keep(view))?;
            }
            return Ok(());
        };
        let tenant = owner(poison.tenant, incoming.key);
        let tripped = apart(committed, &mut self.changes, |view| self.breaker.dead(now, tenant, poison.kind, view))?;
        match tripped {
            Some((Trip::Tenant(tenant), why)) => {
                tracing::error!(chain = self.role.name, partition = self.partition, %tenant, "a tenant is parked: {}", why.reason);
                self.tell(now, tenant, &why, None)
            }
            Some((Trip::Partition, why)) => {
                tracing::error!(chain = self.role.name, partition = self.partition, "the partition stands still: {}", why.reason);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Shows a parked tenant among what waits for a person, or takes it off there.
    fn tell(&mut self, now: Millis, tenant: TenantId, standstill: &Standstill, lifted: Option<&str>) -> Result<(), Error> {
        let name = self.role.name.to_owned();
        let hold = Hold {
            lifted: lifted.map(str::to_owned),
            at_ms: now.0,
            ..Hold::open(tenant, HoldScope::Chain, name, standstill.reason.clone(), standstill.since_ms)
        };
        let key = topics::key(tenant, &format_args!("{}/{}", hold.scope.name(), hold.name));
        self.told.push(Emit { topic: HOLDS, key: key.into_bytes(), value: self.holds.encode(&hold)? });
        Ok(())
    }

    /// Fires the timers due at `wall`.
    pub fn tick(&mut self, committed: &dyn Read, wall: Millis) -> Result<(), Error> {
        let now = self.clock.max(wall);
        self.note(TICK, now, true);
        let poison = self.attempt(committed, now, |chain, cx| {
            chain.tick(cx);
            Ok(())
        })?;
        poison.map_or(Ok(()), |_| Err(Error::Tick(self.role.name)))
    }

    /// When [`Cell::tick`] wants to be called next; never, while the partition stands still.
    pub fn due(&self) -> Option<Millis> {
        if self.stopped().is_some() { None } else { self.chain.due() }
    }

    /// Runs the chain once; a failure or panic leaves no trace in changes and outputs.
    fn attempt(
        &mut self,
        committed: &dyn Read,
        now: Millis,
        run: impl FnOnce(&mut dyn Chain, &mut Context<'_>) -> Result<(), Poison>,
    ) -> Result<Option<Poison>, Error> {
        self.clock = now;
        self.changes.savepoint();
        self.out.clear();
        let mut failed = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut cx = Context { now, state: View::new(committed, &mut self.changes, &mut failed), out: &mut self.out };
            run(self.chain.as_mut(), &mut cx)
        }));
        if let Some(e) = failed {
            return Err(e.into());
        }
        let poison = match outcome {
            Ok(Ok(())) => return Ok(None),
            Ok(Err(poison)) => poison,
            Err(_) => {
                self.suspect = true;
                Poison { stage: self.role.name, kind: "panic", detail: "the stage panicked".into(), tenant: TenantId::UNKNOWN }
            }
        };
        self.changes.rollback();
        self.out.clear();
        Ok(Some(poison))
    }

    /// Ticks and records whose clock is not their own timestamp start a run of their own: the run carries the clock.
    fn note(&mut self, input: i32, clock: Millis, apart: bool) {
        match self.runs.last_mut() {
            Some(run) if run.input == input && !apart => run.count += 1,
            _ => self.runs.push(Run { input, count: 1, clock_ms: clock.0 }),
        }
    }

    fn bury(&mut self, incoming: &Incoming<'_>, poison: &Poison) -> Result<(), Error> {
        tracing::warn!(
            stage = poison.stage, kind = poison.kind, tenant = %poison.tenant, topic = incoming.topic, offset = incoming.offset,
            "dead letter: {}", poison.detail
        );
        let record = Original {
            topic: incoming.topic,
            partition: self.partition,
            offset: incoming.offset,
            timestamp_ms: incoming.at.0,
            key: incoming.key,
            value: incoming.value,
            headers: incoming.headers,
        };
        let letter = DeadLetter::new(record, poison.failure(self.role.name));
        let value = self.letters.encode(&letter)?;
        self.out.push(Emit { topic: EVENTS_DEAD_LETTER, key: letter.record_key(), value });
        Ok(())
    }

    /// Records written by the last [`Cell::record`] or [`Cell::tick`], in order.
    pub fn outputs(&self) -> &[Emit] {
        &self.out
    }

    /// What the open transaction changed so far.
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Whether the open transaction has anything of this partition.
    pub fn touched(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Next offset of each input, in the order of the topology.
    pub fn positions(&self) -> &[i64] {
        &self.positions
    }

    /// Sequence of the newest transaction, sealed or committed.
    pub const fn sequence(&self) -> i64 {
        self.sequence
    }

    /// Day of the stages' clock, as dedup counts.
    pub fn day(&self) -> u16 {
        state::day(self.clock)
    }

    /// Closes the transaction: nothing more may be fed before [`Cell::committed`].
    pub fn seal(&mut self) -> Journal {
        self.sequence += 1;
        if !self.changes.seen.is_empty() {
            self.packed_sequence = self.sequence;
        }
        Journal {
            sequence: self.sequence,
            generation: 0,
            clock_ms: self.clock.0,
            inputs: (self.role.reads.iter().zip(&self.positions))
                .map(|(topic, offset)| InputOffset {
                    topic: (*topic).into(),
                    offset: *offset + i64::from(planted("journal_offset_off_by_one")),
                })
                .collect(),
            runs: std::mem::take(&mut self.runs),
            packed_sequence: self.packed_sequence,
            build: crate::BUILD.into(),
            loaded: std::mem::take(&mut self.loaded),
        }
    }

    /// Whether nothing more may be fed before a commit: after a panic the memory has to be rebuilt from committed state.
    pub const fn suspect(&self) -> bool {
        self.suspect
    }

    /// Begins the next transaction: what the last one changed is now in the `committed` state.
    pub fn committed(&mut self, committed: &dyn Read) -> Result<(), Error> {
        self.changes.clear();
        self.out.clear();
        if std::mem::take(&mut self.suspect) {
            self.chain.load(committed)?;
            self.breaker = Breaker::load(committed)?;
            self.loaded = true;
        }
        Ok(())
    }
}

/// Whether a redriven record has not been taken yet; remembers it, unless it fails again.
fn first(cx: &mut Context<'_>, mark: &Mark) -> bool {
    let place = mark.place();
    let new = cx.state.get(REDRIVEN, place.as_bytes()).is_none();
    if new {
        cx.state.put(REDRIVEN, place.as_bytes(), cx.now.0.to_be_bytes().to_vec());
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Memory;
    use crate::topology;

    /// Counts records in state and in memory; fails or panics where a record says so, after it has changed both.
    #[derive(Default)]
    struct Counter(u64);

    impl Chain for Counter {
        fn load(&mut self, state: &dyn Read) -> Result<(), state::Error> {
            let stored = state.get(&[1, b'n'])?.and_then(|bytes| bytes.as_ref().try_into().ok());
            self.0 = stored.map_or(0, u64::from_be_bytes);
            Ok(())
        }

        fn record(&mut self, cx: &mut Context<'_>, record: &Incoming<'_>) -> Result<(), Poison> {
            self.0 += 1;
            cx.state.put(1, b"n", self.0.to_be_bytes().to_vec());
            cx.emit("events", "k", record.value.to_vec());
            assert!(record.value != b"panic", "planted");
            Ok(())
        }

        fn tick(&mut self, _: &mut Context<'_>) {
            panic!("planted");
        }

        fn due(&self) -> Option<Millis> {
            None
        }
    }

    fn cell(state: &Memory) -> Cell {
        let role = topology::role("intake").expect("a chain");
        Cell::revive(role, 0, &Codecs::unregistered(), Box::<Counter>::default(), state, &Journal::default()).expect("revives")
    }

    fn incoming(offset: i64, at: i64, value: &[u8]) -> Incoming<'_> {
        Incoming { topic: "events.raw", key: b"k", value, headers: &[], offset, at: Millis(at) }
    }

    fn count(cell: &mut Cell, state: &mut Memory) -> u64 {
        commit(cell, state);
        state.get(&[1, b'n']).expect("reads").and_then(|bytes| bytes.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes)
    }

    #[test]
    fn a_redriven_record_is_taken_once_by_the_role_that_failed_and_again_only_after_another_failure() {
        let mut state = Memory::default();
        let mut cell = cell(&state);
        let poison = Poison { stage: "dedup", kind: "datum", detail: String::new(), tenant: TenantId::UNKNOWN };
        let lost = Original { topic: "events.raw", partition: 0, offset: 7, timestamp_ms: 1, key: b"k", value: b"a", headers: &[] };
        let header = |role| [Mark::of(&DeadLetter::new(lost, poison.failure(role)), 5, false).header()];
        let feed = |cell: &mut Cell, state: &Memory, role, value| {
            let headers = header(role);
            let incoming = Incoming { headers: &headers, ..incoming(9, 10, value) };
            cell.record(state, 0, &incoming, Millis(20)).expect("goes on").is_none()
        };
        assert!(feed(&mut cell, &state, "ledger", b"a"));
        assert_eq!(count(&mut cell, &mut state), 0, "it is another role's");
        assert!(!feed(&mut cell, &state, "intake", b"panic"));
        assert_eq!(count(&mut cell, &mut state), 0);
        assert!(feed(&mut cell, &state, "intake", b"a"));
        assert!(feed(&mut cell, &state, "intake", b"a"));
        assert_eq!(count(&mut cell, &mut state), 1, "twice redriven, in one transaction, is once taken");
        assert!(feed(&mut cell, &state, "intake", b"a"));
        assert_eq!(count(&mut cell, &mut state), 1, "and in a later one as well");
    }

    fn commit(cell: &mut Cell, state: &mut Memory) -> Journal {
        let journal = cell.seal();
        state.apply(cell.changes(), cell.day());
        cell.committed(state).expect("goes on");
        journal
    }

    #[test]
    fn a_panic_costs_its_record_only_and_memory_is_rebuilt_from_state() {
        let mut state = Memory::default();
        let mut cell = cell(&state);
        for (offset, value) in [(0, b"a".as_slice()), (1, b"panic")] {
            let poison = cell.record(&state, 0, &incoming(offset, 10, value), Millis(20)).expect("goes on");
            assert_eq!(poison.map(|p| p.kind), (offset == 1).then_some("panic"));
        }
        assert_eq!(cell.outputs().iter().map(|emit| emit.topic).collect::<Vec<_>>(), [EVENTS_DEAD_LETTER]);
        assert!(cell.suspect());
        assert!(commit(&mut cell, &mut state).loaded);
        assert!(!cell.suspect());
        cell.record(&state, 0, &incoming(2, 10, b"b"), Millis(20)).expect("goes on");
        let journal = commit(&mut cell, &mut state);
        assert!(journal.loaded, "a replay must rebuild its memory at the same place");
        assert_eq!(state.get(&[1, b'n']).expect("reads").as_deref(), Some(2_u64.to_be_bytes().as_slice()));
        cell.record(&state, 0, &incoming(3, 10, b"c"), Millis(20)).expect("goes on");
        assert!(!commit(&mut cell, &mut state).loaded);
    }

    /// Takes every record but `bad` ones.
    struct Picky;

    impl Chain for Picky {
        fn load(&mut self, _: &dyn Read) -> Result<(), state::Error> {
            Ok(())
        }

        fn record(&mut self, cx: &mut Context<'_>, record: &Incoming<'_>) -> Result<(), Poison> {
            match record.value {
                b"bad" => Err(Poison { stage: "dedup", kind: "datum", detail: String::new(), tenant: TenantId::UNKNOWN }),
                value => {
                    cx.emit("events", record.key, value.to_vec());
                    Ok(())
                }
            }
        }

        fn tick(&mut self, _: &mut Context<'_>) {}

        fn due(&self) -> Option<Millis> {
            Some(Millis(0))
        }
    }

    const ONE: TenantId = TenantId::from_bytes([1; 16]);
    const TWO: TenantId = TenantId::from_bytes([2; 16]);

    fn picky(state: &Memory, journal: &Journal) -> Cell {
        let role = topology::role("intake").expect("a chain");
        Cell::revive(role, 0, &Codecs::unregistered(), Box::new(Picky), state, journal).expect("revives")
    }

    /// Feeds one record of a tenant at its offset; gives the error kind of its letter, and where its outputs went.
    fn feed(cell: &mut Cell, state: &Memory, offset: i64, tenant: TenantId, value: &[u8]) -> (Option<&'static str>, Vec<&'static str>) {
        let key = topics::key(tenant, &"k").into_bytes();
        let incoming = Incoming { key: &key, ..incoming(offset, offset, value) };
        let poison = cell.record(state, 0, &incoming, Millis(offset)).expect("goes on");
        (poison.map(|poison| poison.kind), cell.outputs().iter().map(|emit| emit.topic).collect())
    }

    fn word(cell: &mut Cell, state: &Memory, offset: i64, tenant: TenantId, kind: &str, name: &str) -> Vec<&'static str> {
        let config = Config { tenant, kind: kind.into(), name: name.into(), version: 1, value: None, at_ms: offset };
        let value = Codecs::unregistered().of().encode(&config).expect("encodes");
        let incoming = Incoming { topic: CONFIG, ..incoming(offset, offset, &value) };
        cell.record(state, 2, &incoming, Millis(offset)).expect("goes on");
        cell.outputs().iter().map(|emit| emit.topic).collect()
    }

    #[test]
    fn a_parked_tenants_records_wait_as_letters_until_a_persons_word_and_others_go_on() {
        let mut state = Memory::default();
        let mut cell = picky(&state, &Journal::default());
        for offset in 0..999 {
            assert_eq!(feed(&mut cell, &state, offset, ONE, b"bad").0, Some("datum"));
        }
        let journal = commit(&mut cell, &mut state);
        // What was counted survives the process.
        cell = picky(&state, &journal);
        assert_eq!(feed(&mut cell, &state, 999, ONE, b"bad"), (Some("datum"), vec![EVENTS_DEAD_LETTER, HOLDS]));
        let journal = commit(&mut cell, &mut state);
        cell = picky(&state, &journal);
        assert_eq!(feed(&mut cell, &state, 1_000, ONE, b"good"), (Some(PARKED), vec![EVENTS_DEAD_LETTER]));
        assert_eq!(feed(&mut cell, &state, 1_001, TWO, b"good"), (None, vec!["events"]));
        assert_eq!(word(&mut cell, &state, 1_002, TWO, "lift", "chain/intake"), ["events"], "another tenant's word");
        assert_eq!(word(&mut cell, &state, 500, ONE, "lift", "chain/intake"), ["events"], "a word about an earlier standstill");
        assert_eq!(word(&mut cell, &state, 1_003, ONE, "lift", "chain/intake"), ["events", HOLDS]);
        assert_eq!(feed(&mut cell, &state, 1_004, ONE, b"good"), (None, vec!["events"]));
    }

    #[test]
    fn a_partition_stands_still_for_all_but_configuration_until_a_word_or_another_build() {
        let mut state = Memory::default();
        let mut cell = picky(&state, &Journal::default());
        for offset in 0..1_000 {
            feed(&mut cell, &state, offset, if offset % 2 == 0 { ONE } else { TWO }, b"bad");
        }
        assert!(cell.stopped().is_some() && cell.due().is_none());
        let refused = cell.record(&state, 0, &incoming(1_000, 1_000, b"good"), Millis(1_000)).expect_err("stands still");
        assert_eq!(refused.kind(), "stopped");
        let journal = commit(&mut cell, &mut state);
        assert_eq!(journal.inputs[0].offset, 1_000, "the refused record was not taken");
        let mut other = picky(&state, &Journal { build: "another".into(), ..journal.clone() });
        assert!(other.stopped().is_none());
        assert_eq!(feed(&mut other, &state, 1_000, ONE, b"good").0, None);
        cell = picky(&state, &journal);
        assert!(cell.stopped().is_some());
        word(&mut cell, &state, 1_001, TenantId::UNKNOWN, "resume", "ledger");
        assert!(cell.stopped().is_some(), "another chain's word");
        word(&mut cell, &state, 1_002, TenantId::UNKNOWN, "resume", "intake");
        assert_eq!(feed(&mut cell, &state, 1_003, ONE, b"good").0, None);
        let journal = commit(&mut cell, &mut state);
        assert!(picky(&state, &journal).stopped().is_none());
    }

    #[test]
    fn a_panic_in_a_tick_ends_the_chain() {
        let state = Memory::default();
        assert_eq!(cell(&state).tick(&state, Millis(1)).expect_err("ends").kind(), "tick");
    }

    #[test]
    fn the_journal_tells_the_clock_of_records_that_do_not_carry_it() {
        let mut state = Memory::default();
        let mut cell = cell(&state);
        // The third record's producer is ahead of our clock, the fourth is not.
        for (offset, at) in [(0, 10), (1, 12), (2, 99), (3, 21)] {
            cell.record(&state, 0, &incoming(offset, at, b"a"), Millis(20 + offset)).expect("goes on");
        }
        let journal = commit(&mut cell, &mut state);
        let runs: Vec<_> = journal.runs.iter().map(|run| (run.input, run.count, run.clock_ms)).collect();
        assert_eq!(runs, [(0, 2, 10), (0, 2, 22)]);
        assert_eq!((journal.sequence, journal.clock_ms, journal.inputs[0].offset), (1, 22, 4));
    }
}
