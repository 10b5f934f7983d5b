//! One partition of a topic from one offset to another, decoded, in batches.

use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::kafka::log::{Entry, Log};
use sluice_schemas::record::Record;
use sluice_schemas::redrive::Mark;

use super::{Error, Progress, Source, Tell, decoded};

/// Records of a batch: one transaction of Postgres, or one round of writes.
const BATCH: usize = 2_000;

/// Where it reads: `topic[partition]` from offset `from`, up to `to`, itself not included.
pub(super) struct Range {
    pub(super) topic: &'static str,
    pub(super) partition: i32,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Gives each batch to `take`. `role` is the projection's: records redriven for another are passed over, as it passes them over.
pub(super) fn each<T: Record>(
    source: &Source,
    role: &str,
    range: &Range,
    progress: &mut Progress,
    tell: &mut Tell<'_>,
    take: &mut dyn FnMut(Vec<Delivered<T>>) -> Result<(), Error>,
) -> Result<(), Error> {
    if range.from >= range.to {
        return Ok(());
    }
    let mut log = Log::open(&source.kafka, range.topic, range.partition)?;
    log.seek(range.from)?;
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(entry) = log.read()?.filter(|entry| entry.offset < range.to) {
        progress.records += 1;
        match delivered(source, role, range, entry)? {
            Some(Ok(record)) => batch.push(record),
            Some(Err(())) => progress.unreadable += 1,
            None => {}
        }
        if batch.len() == BATCH {
            take(std::mem::take(&mut batch))?;
            if !tell(*progress) {
                return Err(Error::Stopped);
            }
        }
    }
    if !batch.is_empty() {
        take(batch)?;
    }
    if tell(*progress) { Ok(()) } else { Err(Error::Stopped) }
}

/// `None` for what is not for this role; an error inside for what nothing explains.
type Read<T> = Option<Result<Delivered<T>, ()>>;

fn delivered<T: Record>(source: &Source, role: &str, range: &Range, entry: Entry) -> Result<Read<T>, Error> {
    if Mark::find(&entry.headers).is_some_and(|mark| mark.role != role) {
        return Ok(None);
    }
    let value = entry.value.unwrap_or_default();
    if let Some(id) = source.codecs.stranger(&value) {
        return Err(Error::Stranger { topic: range.topic, partition: range.partition, offset: entry.offset, id });
    }
    let Ok(record) = decoded(&source.codecs, &value) else { return Ok(Some(Err(()))) };
    Ok(Some(Ok(Delivered {
        topic: range.topic,
        partition: range.partition,
        offset: entry.offset,
        timestamp_ms: entry.timestamp_ms,
        key: entry.key,
        headers: entry.headers,
        record,
    })))
}
