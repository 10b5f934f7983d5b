//! A shadow: a tenant's past under another configuration or with another build, beside what happened. Nothing of it leaves this process.
//!
//! Only the tenant's records are fed; the partition's clock is that of all of them.

use sluice_schemas::ids::TenantId;
use sluice_schemas::record::Journal;
use sluice_schemas::time::Millis;
use sluice_schemas::topics::CONFIG;

use super::recorded::Recorded;
use super::{Difference, Error, Follower, Make, Player, Source, Turn, compare};
use crate::chain::{Emit, Incoming};

/// Whose past, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Whose.
    pub tenant: TenantId,
    /// From this clock on, …
    pub from: Millis,
    /// … up to but not including this one.
    pub to: Millis,
}

/// A piece of configuration that rules from the beginning of the span on, whatever was configured later.
#[derive(Debug, Clone)]
pub struct Change {
    /// Key of a record of `config`.
    pub key: Vec<u8>,
    /// Its framed value.
    pub value: Vec<u8>,
}

/// What brought a difference about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Clock of the chain.
    pub at: Millis,
    /// Input topic and offset; none for a tick, or for a record that this build does not write.
    pub record: Option<(&'static str, i64)>,
}

/// What the shadow tells while it goes.
#[derive(Debug)]
pub enum Finding {
    /// A record that is not the same.
    Difference(Cause, Difference),
    /// Transactions of the span were run by this build, which is not the one that computes what happened.
    OtherBuild(String),
    /// What happened in this topic is no longer known: it is left out.
    Forgotten(&'static str),
    /// A transaction of the journal is done; where its clock stands.
    Progress(Millis),
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The tenant's records in the span.
    pub records: u64,
    /// The tenant's records before it, which only build up the state.
    pub before: u64,
    /// Output records that are the same.
    pub equal: u64,
    /// Output records that are not.
    pub differences: u64,
    /// Whether the end of the span was reached.
    pub complete: bool,
}

/// What the new chain differs in, and thereby what it is held against.
enum Other<'a> {
    /// Configuration. Held, input by input, against a second chain without the change.
    Configuration { change: &'a Change, input: usize, changed: Option<Box<Player<'a>>>, given: bool },
    /// This build. Held, transaction by transaction, against what is in the topics.
    Build(Option<Recorded>),
}

/// A shadow of one partition.
pub struct Shadow<'a> {
    source: Source,
    follower: Follower,
    span: Span,
    prefix: Vec<u8>,
    player: Player<'a>,
    other: Other<'a>,
    /// The build that ran the span, if it is another one and was told.
    build: Option<String>,
    totals: Totals,
}

impl<'a> Shadow<'a> {
    /// Of `change`, or of this build where there is none. Begins with the first transaction of the journal.
    pub fn open(source: &Source, make: &'a Make, span: Span, change: Option<&'a Change>) -> Result<Self, Error> {
        let other = match change {
            None => Other::Build(None),
            Some(change) => {
                let input = source.role.reads.iter().position(|topic| *topic == CONFIG).ok_or_else(|| Error::Gone {
                    topic: CONFIG.to_owned(),
                    partition: source.partition,
                    reason: format!("{} reads no configuration", source.role.name),
                })?;
                Other::Configuration { change, input, changed: None, given: false }
            }
        };
        Ok(Self {
            source: source.clone(),
            follower: Follower::open(source, &Journal::default())?,
            span,
            prefix: format!("{}/", span.tenant).into_bytes(),
            player: Player::new(source, make)?,
            other,
            build: None,
            totals: Totals::default(),
        })
    }

    /// Runs until the end of the span or of the journal, or until `tell` says false. Blocks on the broker.
    pub fn run(mut self, tell: &mut dyn FnMut(Finding) -> bool) -> Result<Totals, Error> {
        while let Some(journal) = self.follower.peek()? {
            let clock = Millis(journal.clock_ms);
            let other = (clock >= self.span.from && journal.build != crate::BUILD).then(|| journal.build.clone());
            let mut live = true;
            let tell_on = &mut |finding| live &= tell(finding);
            let over = match self.other {
                Other::Configuration { .. } => {
                    if other.is_some() && self.build != other {
                        self.build.clone_from(&other);
                        tell_on(Finding::OtherBuild(other.unwrap_or_default()));
                    }
                    self.beside_the_past(clock, tell_on)?
                }
                Other::Build(_) => self.beside_the_topics(clock, tell_on)?,
            };
            if !live || !tell(Finding::Progress(clock)) {
                return Ok(self.totals);
            }
            if over {
                break;
            }
        }
        self.totals.complete = true;
        Ok(self.totals)
    }

    /// One transaction; returns whether the span is over.
    fn beside_the_past(&mut self, clock: Millis, tell: &mut dyn FnMut(Finding)) -> Result<bool, Error> {
        let Self { follower, span, prefix, player, other, totals, .. } = self;
        let Other::Configuration { change, input, changed, given } = other else { return Ok(true) };
        if changed.is_none() && clock >= span.from {
            *changed = Some(Box::new(player.fork()?));
        }
        let mut over = false;
        follower.play(&mut |turn| {
            let at = at(&turn).unwrap_or(span.from.plus(-1));
            over |= at >= span.to;
            if over || !concerns(&turn, prefix) {
                return Ok(());
            }
            let turn = on_time(turn);
            count(totals, &turn, at >= span.from);
            let then = player.take(turn)?;
            let Some(changed) = changed else { return Ok(()) };
            if at >= span.from && !std::mem::replace(given, true) {
                give(changed, *input, change, at)?;
            }
            let (equal, differences) = compare(then, changed.take(turn)?);
            if at >= span.from {
                report(totals, tell, equal, differences, |_| Cause { at, record: record(&turn) });
            }
            Ok(())
        })?;
        player.commit()?;
        if let Some(changed) = changed {
            changed.commit()?;
        }
        Ok(over)
    }

    /// The same, whole transactions only: the topics do not tell which input a record came from.
    fn beside_the_topics(&mut self, clock: Millis, tell: &mut dyn FnMut(Finding)) -> Result<bool, Error> {
        let Self { source, follower, span, prefix, player, other, totals, .. } = self;
        let Other::Build(recorded) = other else { return Ok(true) };
        let (before, inside) = (follower.stamp(), clock >= span.from);
        let (mut over, mut wrote, mut counts) = (false, Vec::new(), *totals);
        follower.play(&mut |turn| {
            over |= at(&turn).is_some_and(|at| at >= span.to);
            if !concerns(&turn, prefix) {
                return Ok(());
            }
            let turn = on_time(turn);
            count(&mut counts, &turn, inside);
            let cause = Cause { at: at(&turn).unwrap_or(clock), record: record(&turn) };
            wrote.extend(player.take(turn)?.iter().map(|emit| (cause, emit.clone())));
            Ok(())
        })?;
        player.commit()?;
        if over {
            return Ok(true);
        }
        *totals = counts;
        if !inside {
            return Ok(false);
        }
        let recorded = match recorded {
            Some(recorded) => recorded,
            unread => {
                let (opened, forgotten) = Recorded::open(source, before)?;
                for topic in forgotten {
                    tell(Finding::Forgotten(topic));
                }
                unread.insert(opened)
            }
        };
        let then = recorded.until(follower.stamp(), prefix)?;
        wrote.retain(|(_, emit)| recorded.has(emit.topic));
        let now: Vec<Emit> = wrote.iter().map(|(_, emit)| emit.clone()).collect();
        let (equal, differences) = compare(&then, &now);
        report(totals, tell, equal, differences, |difference| {
            let cause = wrote.iter().find(|(_, emit)| emit.topic == difference.topic && emit.key == difference.key);
            cause.map_or(Cause { at: clock, record: None }, |(cause, _)| *cause)
        });
        Ok(false)
    }
}

fn report(
    totals: &mut Totals,
    tell: &mut dyn FnMut(Finding),
    equal: u64,
    differences: Vec<Difference>,
    cause: impl Fn(&Difference) -> Cause,
) {
    totals.equal += equal;
    totals.differences += differences.len() as u64;
    for difference in differences {
        tell(Finding::Difference(cause(&difference), difference));
    }
}

fn count(totals: &mut Totals, turn: &Turn<'_>, inside: bool) {
    if matches!(turn, Turn::Record { .. }) {
        *(if inside { &mut totals.records } else { &mut totals.before }) += 1;
    }
}

/// The clock of what has one.
const fn at(turn: &Turn<'_>) -> Option<Millis> {
    match turn {
        Turn::Loaded(_) => None,
        Turn::Record { now, .. } | Turn::Tick(now) => Some(*now),
    }
}

/// Keys begin with the tenant; what is no record concerns everybody.
fn concerns(turn: &Turn<'_>, prefix: &[u8]) -> bool {
    if let Turn::Record { incoming, .. } = turn { incoming.key.starts_with(prefix) } else { true }
}

/// The records that are left out have moved the clock too: those that are fed carry it.
fn on_time(turn: Turn<'_>) -> Turn<'_> {
    match turn {
        Turn::Record { input, incoming, now, .. } => Turn::Record { input, incoming: Incoming { at: now, ..incoming }, wall: now, now },
        other => other,
    }
}

const fn record(turn: &Turn<'_>) -> Option<(&'static str, i64)> {
    if let Turn::Record { incoming, .. } = turn { Some((incoming.topic, incoming.offset)) } else { None }
}

fn give(player: &mut Player<'_>, input: usize, change: &Change, at: Millis) -> Result<(), Error> {
    let incoming = Incoming { topic: CONFIG, key: &change.key, value: &change.value, headers: &[], offset: 0, at };
    player.take(Turn::Record { input, incoming, wall: at, now: at }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tenants_records_are_fed_and_they_carry_the_clock_of_the_partition() {
        let tenant = TenantId::from_bytes([1; 16]);
        let prefix = format!("{tenant}/").into_bytes();
        let (own, other) = (format!("{tenant}/c"), format!("{}/c", TenantId::from_bytes([2; 16])));
        let record = |key| Turn::Record {
            input: 0,
            incoming: Incoming { topic: "events.raw", key, value: b"", headers: &[], offset: 5, at: Millis(10) },
            wall: Millis(i64::MAX),
            now: Millis(40),
        };
        assert!(concerns(&record(own.as_bytes()), &prefix) && concerns(&Turn::Tick(Millis(1)), &prefix));
        assert!(!concerns(&record(other.as_bytes()), &prefix));
        let Turn::Record { incoming, wall, .. } = on_time(record(own.as_bytes())) else { panic!("a record") };
        assert_eq!((incoming.at, wall), (Millis(40), Millis(40)));
    }
}
