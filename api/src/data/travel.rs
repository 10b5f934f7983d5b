//! Time travel: a conversation's state at a moment, from the topic `conversations`, which keeps every state for
//! [`topics::HISTORY`].
//!
//! The topic is in the order of its partition's clock, and a record is stamped when it is written, never before its clock. So every
//! record stamped up to the moment counts, and of the later ones those whose own clock is not past it: a chain that lagged wrote them late.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_connectors::kafka::{self, log::Log};
use sluice_connectors::postgres::numbers;
use sluice_connectors::scylla::Snapshot;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{ConversationId, TenantId};
use sluice_schemas::record::Conversation as Record;
use sluice_schemas::time::Millis;
use sluice_schemas::topics;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::history;
use crate::view::Conversation;
use crate::{Error, State};

/// Looks back that may run at once; each costs a client with its threads.
const AT_ONCE: usize = 4;
/// A request must not look back for longer than a person waits.
const PATIENCE: Duration = Duration::from_secs(20);
/// Records of the first look back; each further one doubles.
const STEP: i64 = 2_000;
/// Records of the longest.
const LONGEST: i64 = 200_000;
/// Records that the archive may not have seen yet.
const UNARCHIVED: i64 = 5_000;

/// Reads the topic of states.
#[derive(Clone)]
pub struct Reader {
    kafka: kafka::Options,
    codecs: Codecs,
    slots: Arc<Semaphore>,
}

/// What is looked for.
#[derive(Debug, Clone)]
struct Wanted {
    key: String,
    home: i32,
    at: Millis,
    /// Nothing before this is of interest, …
    floor: Millis,
    /// … nor more records back than this.
    reach: i64,
}

impl Reader {
    /// A reader of this cluster.
    pub fn new(kafka: &kafka::Options, codecs: Codecs) -> Self {
        Self { kafka: kafka.clone(), codecs, slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    async fn find(&self, wanted: Wanted) -> Result<Option<Record>, Error> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|e| Error::Internal(e.to_string()))?;
        let reader = self.clone();
        let work = move || {
            let _slot = slot;
            let log = Log::open(&reader.kafka, topics::CONVERSATIONS, wanted.home).map_err(unreachable)?;
            Search { log, codecs: &reader.codecs, wanted: &wanted, begun: Instant::now() }.run()
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(format!("time travel: {e}")))?
    }
}

fn unreachable(e: kafka::Error) -> Error {
    Error::Unavailable { service: "kafka", cause: e.to_string() }
}

struct Search<'a> {
    log: Log,
    codecs: &'a Codecs,
    wanted: &'a Wanted,
    begun: Instant,
}

impl Search<'_> {
    fn run(mut self) -> Result<Option<Record>, Error> {
        let (low, _) = self.log.bounds().map_err(unreachable)?;
        let stamped = self.log.offset_at(self.wanted.at.0 + 1).map_err(unreachable)?;
        if let (Some(found), _) = self.newest(stamped, i64::MAX)? {
            return Ok(Some(found));
        }
        let (mut end, mut step, stop) = (stamped, STEP, low.max(stamped.saturating_sub(self.wanted.reach)));
        while end > stop {
            let start = stop.max(end - step);
            let (found, first) = self.newest(start, end)?;
            if found.is_some() || first.is_some_and(|clock| clock < self.wanted.floor) {
                return Ok(found);
            }
            (end, step) = (start, (step * 2).min(LONGEST));
        }
        Ok(None)
    }

    /// The newest state of the conversation in these offsets that is not past the moment, and the clock of the first record.
    fn newest(&mut self, start: i64, end: i64) -> Result<(Option<Record>, Option<Millis>), Error> {
        let codec = self.codecs.of::<Record>();
        let (mut found, mut first) = (None, None);
        self.log.seek(start).map_err(unreachable)?;
        while let Some(entry) = self.log.read().map_err(unreachable)?.filter(|entry| entry.offset < end) {
            if self.begun.elapsed() > PATIENCE {
                return Err(Error::Conflict(format!("this state lies too far back to be found within {} s", PATIENCE.as_secs())));
            }
            // What an older build wrote and this one cannot read says nothing about this conversation.
            let Ok(record) = codec.decode(entry.value.as_deref().unwrap_or_default()) else { continue };
            if record.updated_ms > self.wanted.at.0 {
                break;
            }
            first.get_or_insert(Millis(record.updated_ms));
            if entry.key == self.wanted.key.as_bytes() {
                found = Some(record);
            }
        }
        Ok((found, first))
    }
}

/// A moment as a request names it.
pub fn moment(text: &str) -> Result<Millis, Error> {
    let at: Result<jiff::Timestamp, _> = text.trim().parse();
    at.map(|at| Millis(at.as_millisecond())).map_err(|_| {
        Error::field("at", "`at` is no moment; give RFC 3339 with a zone, such as 2026-11-26T09:30:00Z (`+` is `%2B` in an address)")
    })
}

/// The state of a conversation at a moment, and the end of its window in milliseconds.
pub async fn conversation(app: &State, tenant: TenantId, id: Uuid, at: Millis) -> Result<(Conversation, i64), Error> {
    let now = Millis::now();
    if at > now {
        return Err(Error::field("at", format!("`at` lies ahead; the newest moment is now, {now}")));
    }
    let newest = history::snapshot(app, tenant, id).await?;
    if newest.created_ms > at.0 {
        return Err(Error::NotFound(format!("conversation at that moment; it began at {}", Millis(newest.created_ms))));
    }
    let archived = newest.updated_ms <= at.0;
    let oldest = now.plus(-topics::HISTORY);
    if !archived && at < oldest {
        return Err(Error::field("at", format!("states of a conversation are kept for 30 days; the oldest moment is {oldest}")));
    }
    let wanted = Wanted {
        key: topics::key(tenant, &ConversationId(id)),
        home: home(app, tenant, &newest).await?,
        at,
        floor: Millis(if archived { newest.updated_ms } else { newest.created_ms }),
        reach: if archived { UNARCHIVED } else { i64::MAX },
    };
    let found = app.travel.find(wanted).await?;
    let state = match found {
        Some(record) => Snapshot::from(&record),
        None if archived => newest,
        None => return Err(Error::NotFound("state of this conversation at that moment any more".into())),
    };
    let until = state.window_until_ms;
    Ok((history::shown(state), until))
}

async fn home(app: &State, tenant: TenantId, about: &Snapshot) -> Result<i32, Error> {
    let transaction = app.pool.tenant(tenant).await?;
    let number = numbers::get(&transaction, &about.channel, &about.account).await?;
    transaction.commit().await?;
    Ok(number.home)
}
