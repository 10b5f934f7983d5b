//! Facts of one partition from its topics. Blocks: for a blocking thread.

use std::collections::{BTreeMap, HashMap, HashSet};

use sluice_connectors::kafka::log::{Entry, Log};
use sluice_connectors::kafka::{self, Options};
use sluice_pipeline::domain::audit::{Books, Fact, Fault, Line, Standing, state};
use sluice_pipeline::stages::dedup;
use sluice_schemas::codec::{Codec, Codecs};
use sluice_schemas::ids::{CampaignId, TenantId};
use sluice_schemas::meta;
use sluice_schemas::record::{DeadLetter, Event, LedgerEntry, Message, Outbound, RawEvent, Record, SendState};
use sluice_schemas::redrive::{self, Mark};
use sluice_schemas::topics::{
    EVENTS, EVENTS_DEAD_LETTER, EVENTS_RAW, EVENTS_UNROUTED, MESSAGES, OUTBOUND_BULK, OUTBOUND_REPLY, OUTBOUND_TRANSACTIONAL, SEND_LEDGER,
};

/// Bytes of facts in memory at once. Growing, their vector takes up to three times as much for a moment.
const MEMORY: u64 = 128 << 20;
/// Bytes of a fact.
const LINE: u64 = size_of::<Line>() as u64;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    pub tenant: Option<TenantId>,
    pub campaign: Option<CampaignId>,
    pub from_ms: i64,
    pub to_ms: i64,
}

impl Scope {
    /// A record of `at_ms`; `due` is what it is otherwise.
    fn standing(&self, at_ms: i64, due: Standing) -> Standing {
        if at_ms < self.from_ms || at_ms >= self.to_ms { Standing::Aside } else { due }
    }

    fn takes(&self, tenant: TenantId, campaign: Option<CampaignId>) -> bool {
        self.tenant.is_none_or(|wanted| wanted == tenant) && (self.campaign.is_none() || self.campaign == campaign)
    }
}

/// Offsets where dead letters lay first, by topic and partition.
#[derive(Default)]
pub(super) struct Letters(HashMap<(String, i32), HashSet<i64>>);

impl Letters {
    /// Whether this record, or the one that it is a redrive of, is a dead letter.
    fn hold(&self, topic: &str, partition: i32, entry: &Entry) -> bool {
        let (topic, partition, offset) = match Mark::find(&entry.headers) {
            Some(mark) => (mark.topic, mark.partition, mark.offset),
            None => (topic.to_owned(), partition, entry.offset),
        };
        !self.0.is_empty() && self.0.get(&(topic, partition)).is_some_and(|offsets| offsets.contains(&offset))
    }
}

/// Reads the topics. How far their readers had come is taken first, so that what they wrote till then is there.
pub(super) struct Reader {
    options: Options,
    scope: Scope,
    read: BTreeMap<(&'static str, &'static str), Vec<i64>>,
    raw: Codec<RawEvent>,
    event: Codec<Event>,
    letter: Codec<DeadLetter>,
    outbound: Codec<Outbound>,
    entry: Codec<LedgerEntry>,
    message: Codec<Message>,
}

/// Whose dead letters are the end of a raw event or a planned send.
const CHAINS: [&str; 2] = ["intake", "ledger"];
const LANES: [&str; 3] = [OUTBOUND_REPLY, OUTBOUND_TRANSACTIONAL, OUTBOUND_BULK];

impl Reader {
    pub fn new(options: Options, codecs: &Codecs, scope: Scope) -> Result<Self, kafka::Error> {
        let mut read = BTreeMap::new();
        let readers = LANES.map(|lane| ("ledger", lane)).into_iter().chain([("intake", EVENTS_RAW), ("reconcile", SEND_LEDGER)]);
        for (group, topic) in readers {
            read.insert((group, topic), kafka::log::committed(&options, group, topic)?);
        }
        Ok(Self {
            options,
            scope,
            read,
            raw: codecs.of(),
            event: codecs.of(),
            letter: codecs.of(),
            outbound: codecs.of(),
            entry: codecs.of(),
            message: codecs.of(),
        })
    }

    pub const fn partitions(&self) -> i32 {
        self.options.partitions
    }

    /// Updates that no number claimed, redriven since or not.
    pub fn unrouted(&self) -> Result<i64, kafka::Error> {
        Ok(Log::all_bounds(&self.options, EVENTS_UNROUTED)?.iter().map(|(low, high)| high - low).sum())
    }

    /// Into how many turns the facts of a partition are cut, so that one fits the memory.
    pub fn turns(&self, partition: i32) -> Result<u8, kafka::Error> {
        let mut records = 0;
        for topic in [EVENTS_RAW, EVENTS, SEND_LEDGER, MESSAGES].into_iter().chain(LANES) {
            let (low, high) = Log::open(&self.options, topic, partition)?.bounds()?;
            records += (high - low).unsigned_abs();
        }
        Ok(u8::try_from((records * LINE).div_ceil(MEMORY).max(1)).unwrap_or(u8::MAX))
    }

    /// Where the dead letters of this partition lay first: 16 bytes each in memory.
    pub fn letters(&self, partition: i32) -> Result<Letters, kafka::Error> {
        let mut letters = Letters::default();
        self.each(EVENTS_DEAD_LETTER, partition, |entry| {
            if let Some(letter) = decode(&self.letter, entry).filter(|letter| CHAINS.contains(&redrive::role(letter))) {
                letters.0.entry((letter.topic, letter.partition)).or_default().insert(letter.offset);
            }
        })?;
        Ok(letters)
    }

    /// [`Reader::each`] without what was written again for one reader: it tells nothing new.
    fn told(&self, topic: &'static str, partition: i32, mut visit: impl FnMut(&Entry)) -> Result<(), kafka::Error> {
        self.each(topic, partition, |entry| {
            if Mark::find(&entry.headers).is_none() {
                visit(entry);
            }
        })
    }

    fn each(&self, topic: &'static str, partition: i32, mut visit: impl FnMut(&Entry)) -> Result<(), kafka::Error> {
        let mut log = Log::open(&self.options, topic, partition)?;
        let (low, high) = log.bounds()?;
        if low == high {
            return Ok(());
        }
        log.seek(low)?;
        while let Some(entry) = log.read()?.filter(|entry| entry.offset < high) {
            visit(&entry);
        }
        Ok(())
    }

    /// When the oldest record still there was written; now, as it were, when there is none.
    fn oldest_ms(&self, topic: &'static str, partition: i32) -> Result<i64, kafka::Error> {
        let mut log = Log::open(&self.options, topic, partition)?;
        let (low, high) = log.bounds()?;
        if low == high {
            // Nothing was forgotten where nothing was ever written.
            return Ok(if low == 0 { i64::MIN } else { i64::MAX });
        }
        if low == 0 {
            return Ok(i64::MIN);
        }
        log.seek(low)?;
        Ok(log.read()?.map_or(i64::MAX, |entry| entry.timestamp_ms))
    }

    fn waits(&self, group: &'static str, topic: &'static str, partition: i32, offset: i64) -> bool {
        let read = self.read.get(&(group, topic)).and_then(|read| read.get(usize::try_from(partition).ok()?));
        read.is_none_or(|read| offset >= *read)
    }

    /// The facts of one turn. What a record led to is read before the record: then whatever is there has its cause, on a line that runs
    /// too. Records that no key can be told of are judged here, in the first turn.
    pub fn lines(
        &self,
        partition: i32,
        letters: &Letters,
        turn: u8,
        turns: u8,
        books: &mut Books,
        report: &mut impl FnMut(Fault),
    ) -> Result<Vec<Line>, kafka::Error> {
        let mut lines = Vec::new();
        let mut keep = |id: [u8; 16], fact, offset| {
            if id[15] % turns == turn {
                lines.push(Line { id, fact, offset });
            }
        };
        if self.scope.campaign.is_none() {
            self.told(EVENTS, partition, |entry| {
                if let Some(event) = decode(&self.event, entry).filter(|event| self.scope.takes(event.tenant, None)) {
                    keep(dedup::hash(event.tenant, &event.dedup_key), Fact::Event, entry.offset);
                }
            })?;
            self.raws(partition, letters, turn == 0, &mut keep, books, report)?;
        }
        self.sends(partition, letters, &mut keep)?;
        Ok(lines)
    }

    fn raws(
        &self,
        partition: i32,
        letters: &Letters,
        first: bool,
        keep: &mut impl FnMut([u8; 16], Fact, i64),
        books: &mut Books,
        report: &mut impl FnMut(Fault),
    ) -> Result<(), kafka::Error> {
        let oldest = self.oldest_ms(EVENTS, partition)?;
        self.each(EVENTS_RAW, partition, |entry| {
            let due = if letters.hold(EVENTS_RAW, partition, entry) {
                Standing::Lettered
            } else if self.waits("intake", EVENTS_RAW, partition, entry.offset) {
                Standing::Waiting
            } else if entry.timestamp_ms < oldest {
                Standing::Forgotten
            } else {
                Standing::Due
            };
            let standing = self.scope.standing(entry.timestamp_ms, due);
            let raw = decode(&self.raw, entry);
            let key = raw.as_ref().and_then(|raw| {
                let parsed = meta::parse(&raw.context(), &raw.raw);
                parsed.reject.is_none().then(|| dedup::hash(raw.tenant, &parsed.dedup_key))
            });
            let owner = raw.as_ref().map_or(TenantId::UNKNOWN, |raw| raw.tenant);
            if raw.is_some() && !self.scope.takes(owner, None) {
                return;
            }
            match key {
                Some(id) => keep(id, Fact::Raw(standing), entry.offset),
                None if first && standing != Standing::Aside => hopeless(standing, entry.offset, books, report),
                None => {}
            }
        })
    }

    fn sends(&self, partition: i32, letters: &Letters, keep: &mut impl FnMut([u8; 16], Fact, i64)) -> Result<(), kafka::Error> {
        let (told, planned) = (self.oldest_ms(SEND_LEDGER, partition)?, self.oldest_plan(partition)?);
        self.told(MESSAGES, partition, |entry| {
            if let Some(step) = decode(&self.message, entry).filter(|step| self.scope.takes(step.tenant, step.campaign)) {
                keep(*step.send_id.as_bytes(), Fact::Step(step.from.map(state), state(step.to)), entry.offset);
            }
        })?;
        self.told(SEND_LEDGER, partition, |entry| {
            let Some(step) = decode(&self.entry, entry).filter(|step| self.scope.takes(step.tenant, step.campaign)) else { return };
            let accepted = (step.state == SendState::Accepted).then(|| u8::try_from(step.attempt).unwrap_or(u8::MAX));
            let standing = if self.waits("reconcile", SEND_LEDGER, partition, entry.offset) {
                Standing::Waiting
            } else if entry.timestamp_ms < planned {
                Standing::Forgotten
            } else {
                Standing::Due
            };
            keep(*step.send_id.as_bytes(), Fact::Entry(accepted, standing), entry.offset);
        })?;
        for lane in LANES {
            self.each(lane, partition, |entry| {
                let Some(out) = decode(&self.outbound, entry).filter(|out| self.scope.takes(out.tenant, out.campaign)) else { return };
                let standing = if self.waits("ledger", lane, partition, entry.offset) {
                    Standing::Waiting
                } else if letters.hold(lane, partition, entry) {
                    Standing::Lettered
                } else if entry.timestamp_ms < told {
                    Standing::Forgotten
                } else {
                    Standing::Due
                };
                keep(*out.send_id.as_bytes(), Fact::Outbound(self.scope.standing(entry.timestamp_ms, standing)), entry.offset);
            })?;
        }
        Ok(())
    }

    fn oldest_plan(&self, partition: i32) -> Result<i64, kafka::Error> {
        let oldest: Result<Vec<i64>, _> = LANES.iter().map(|lane| self.oldest_ms(lane, partition)).collect();
        Ok(oldest?.into_iter().filter(|oldest| *oldest != i64::MAX).max().unwrap_or(i64::MIN))
    }
}

/// A raw event that says no key: only a dead letter can be its end.
fn hopeless(standing: Standing, offset: i64, books: &mut Books, report: &mut impl FnMut(Fault)) {
    books.raw += 1;
    match standing {
        Standing::Lettered => books.dead_letters += 1,
        Standing::Waiting => books.waiting += 1,
        _ => report(Fault { what: "cannot be attributed, and is no dead letter", id: [0; 16], topic: EVENTS_RAW, offset }),
    }
}

fn decode<T: Record>(codec: &Codec<T>, entry: &Entry) -> Option<T> {
    codec.decode(entry.value.as_deref()?).ok()
}
