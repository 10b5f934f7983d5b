//! Reads letters partition by partition, in the order in which they were written. Blocks: for a blocking thread.

use std::collections::HashMap;

use sluice_schemas::codec::{Codec, Codecs};
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{DeadLetter, RawEvent};
use sluice_schemas::topics;

use super::{Error, Filter, Letter, Place, Source, claimed};
use crate::kafka::Options;
use crate::kafka::log::{Entry, Log};
use crate::postgres::numbers::Number;

/// Account or WABA → owner and home.
pub(super) type Owners = HashMap<String, (TenantId, i32)>;

/// The owners that these numbers make.
pub(super) fn owners(numbers: &[Number], tenant: Option<TenantId>) -> Owners {
    let mut owners = Owners::new();
    for number in numbers.iter().filter(|number| tenant.is_none_or(|tenant| number.tenant == tenant)) {
        owners.insert(number.account.clone(), (number.tenant, number.home));
        if let Some(waba) = &number.waba_id {
            owners.entry(waba.clone()).or_insert((number.tenant, number.home));
        }
    }
    owners
}

/// Reads letters of one source.
pub(super) struct Scan {
    pub options: Options,
    pub source: Source,
    pub filter: Filter,
    pub owners: Owners,
    letters: Codec<DeadLetter>,
    raw: Codec<RawEvent>,
}

/// Where a scan reads a partition: from an offset up to, not including, another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub partition: i32,
    pub from: i64,
    pub to: i64,
}

impl Scan {
    pub fn new(options: &Options, codecs: &Codecs, source: Source, filter: Filter, owners: Owners) -> Self {
        Self { options: options.clone(), source, filter, owners, letters: codecs.of(), raw: codecs.of() }
    }

    /// What lies there now: what is written later, by the redrive itself too, is not part of it.
    pub fn spans(&self) -> Result<Vec<Span>, Error> {
        let mut spans = Vec::new();
        for (partition, (low, high)) in (0..).zip(Log::all_bounds(&self.options, self.source.topic())?) {
            if low == high || !self.may_hold(partition) {
                continue;
            }
            let from = match self.filter.from_ms {
                Some(from) => Log::open(&self.options, self.source.topic(), partition)?.offset_at(from)?.max(low),
                None => low,
            };
            spans.push(Span { partition, from, to: high });
        }
        Ok(spans)
    }

    fn may_hold(&self, partition: i32) -> bool {
        self.filter.places.is_empty() || self.filter.places.iter().any(|place| place.0 == partition)
    }

    /// When the oldest record that is still there was written.
    pub fn oldest_ms(&self) -> Result<Option<i64>, Error> {
        let mut oldest = None;
        for (partition, (low, high)) in (0..).zip(Log::all_bounds(&self.options, self.source.topic())?) {
            if low < high {
                let mut log = Log::open(&self.options, self.source.topic(), partition)?;
                log.seek(low)?;
                let first = log.read()?.map(|entry| entry.timestamp_ms);
                oldest = [oldest, first].into_iter().flatten().min();
            }
        }
        Ok(oldest)
    }

    /// Calls `visit` for every letter that the filter takes, until it says false.
    pub fn each(&self, spans: &[Span], mut visit: impl FnMut(Letter) -> bool) -> Result<(), Error> {
        for span in spans {
            if span.from >= span.to {
                continue;
            }
            let mut log = Log::open(&self.options, self.source.topic(), span.partition)?;
            let from = self.filter.places.iter().filter(|place| place.0 == span.partition).map(|place| place.1).min();
            log.seek(from.unwrap_or(span.from).max(span.from))?;
            while let Some(entry) = log.read()? {
                if entry.offset >= span.to {
                    break;
                }
                let found = self.letter(span.partition, entry).filter(|found| self.filter.takes(found));
                if found.is_some_and(|found| !visit(found)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn letter(&self, partition: i32, entry: Entry) -> Option<Letter> {
        let place = Place(partition, entry.offset);
        let value = entry.value?;
        match self.source {
            // A letter that is none cannot be redriven; `list` and `show` name it.
            Source::Letters => {
                let letter = self.letters.decode(&value).ok()?;
                Some(Letter { place, at_ms: entry.timestamp_ms, home: partition, letter })
            }
            Source::Unrouted => self.claim(place, entry.timestamp_ms, &value),
        }
    }

    /// An unrouted update as ingress would write it now, if a number claims it.
    fn claim(&self, place: Place, at_ms: i64, value: &[u8]) -> Option<Letter> {
        let mut raw = self.raw.decode(value).ok()?;
        let subject = if raw.account.is_empty() { raw.entry_id.clone() } else { raw.account.clone() };
        if self.filter.account.as_ref().is_some_and(|account| *account != subject) {
            return None;
        }
        let (tenant, home) = *self.owners.get(&subject)?;
        raw.tenant = tenant;
        let value = self.raw.encode(&raw).ok()?;
        Some(claimed(place, at_ms, home, tenant, topics::key(tenant, &subject).as_bytes(), &value))
    }
}

impl From<tokio::task::JoinError> for Error {
    fn from(e: tokio::task::JoinError) -> Self {
        Self::Ended(e.to_string())
    }
}
