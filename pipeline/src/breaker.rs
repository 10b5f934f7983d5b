//! When too many records of a chain's partition go to the dead letters, what they come from stops: one tenant is parked, or, if they
//! come from several, the whole partition. A new build or a person's word ends it.
//!
//! Trips at [`IN_A_ROW`] dead letters without a processed record between them, or above one in [`SHARE`] of at least [`ENOUGH`] records
//! within five minutes. A parked tenant's records go to the dead letters unread, to be redriven when the cause is mended; a stopped
//! partition reads configuration alone.
//!
//! Counts change the chain's state where a record failed and nowhere else, so that a replay trips at the same record.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use sluice_schemas::ids::TenantId;
use sluice_schemas::time::Millis;

use crate::state::{Changes, Error, Read, View};

/// Table of what stands still and of the counts. No chain has a table of this byte.
const TABLE: u8 = 254;
/// Row of the counts, …
const COUNTS: &[u8] = b"counts";
/// … and of a stop. Every other row is a tenant's.
const STOP: &[u8] = b"stop";

/// Dead letters in a row that trip it.
const IN_A_ROW: u32 = 1_000;
/// One dead letter in this many records trips it, …
const SHARE: u64 = 100;
/// … of at least this many.
const ENOUGH: u64 = 10_000;
/// Minutes looked back.
const MINUTES: i64 = 5;
/// Of ten dead letters this many make them one tenant's.
const ONE_TENANT: u64 = 9;

/// Why something stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standstill {
    /// Since when, by the partition's clock.
    pub since_ms: i64,
    /// In words.
    pub reason: String,
}

/// What trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trip {
    /// One tenant.
    Tenant(TenantId),
    /// The partition.
    Partition,
}

/// Records of one minute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Minute {
    /// Minutes since the epoch.
    at: i64,
    records: u64,
    dead: BTreeMap<TenantId, u64>,
}

/// What was counted up to the last dead letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    /// Dead letters since the last processed record, by tenant.
    row: BTreeMap<TenantId, u64>,
    minutes: VecDeque<Minute>,
}

/// The breaker of one partition.
#[derive(Debug, Default)]
pub struct Breaker {
    counts: Counts,
    parked: BTreeMap<TenantId, Standstill>,
    stopped: Option<Standstill>,
}

impl Breaker {
    /// The breaker as committed state has it.
    pub fn load(state: &dyn Read) -> Result<Self, Error> {
        let mut breaker = Self::default();
        state.scan(TABLE, &mut |key, value| {
            let bad = |e: serde_json::Error| Error::Value(format!("breaker: {e}"));
            match key {
                COUNTS => breaker.counts = serde_json::from_slice(value).map_err(bad)?,
                STOP => breaker.stopped = Some(serde_json::from_slice(value).map_err(bad)?),
                _ => {
                    let tenant = <[u8; 16]>::try_from(key).map_err(|_| Error::Value("breaker: not a tenant".into()))?;
                    breaker.parked.insert(tenant.into(), serde_json::from_slice(value).map_err(bad)?);
                }
            }
            Ok(())
        })?;
        Ok(breaker)
    }

    /// Why this tenant stands still, if it does.
    pub fn parked(&self, tenant: TenantId) -> Option<&Standstill> {
        self.parked.get(&tenant)
    }

    /// Why the partition stands still, if it does.
    pub const fn stopped(&self) -> Option<&Standstill> {
        self.stopped.as_ref()
    }

    /// Whether no tenant is parked.
    pub fn is_quiet(&self) -> bool {
        self.parked.is_empty()
    }

    /// Every parked tenant.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.parked.keys().copied().collect()
    }

    /// Notes a processed record; says whether [`Breaker::keep`] is wanted.
    #[must_use]
    pub fn processed(&mut self, now: Millis) -> bool {
        self.minute(now).records += 1;
        let broke = !self.counts.row.is_empty();
        self.counts.row.clear();
        broke
    }

    /// Notes a dead letter of `tenant`, and says what it trips.
    pub fn dead(&mut self, now: Millis, tenant: TenantId, kind: &str, state: &mut View<'_>) -> Option<(Trip, Standstill)> {
        let minute = self.minute(now);
        minute.records += 1;
        *minute.dead.entry(tenant).or_default() += 1;
        *self.counts.row.entry(tenant).or_default() += 1;
        let tripped = self.due();
        if let Some((trip, why)) = tripped {
            let standstill = Standstill { since_ms: now.0, reason: format!("{why}, the last one: {kind}") };
            self.trip(trip, &standstill, state);
            return Some((trip, standstill));
        }
        self.keep(state);
        None
    }

    /// Which trip the counts call for.
    fn due(&self) -> Option<(Trip, String)> {
        let row: u64 = self.counts.row.values().sum();
        if row >= u64::from(IN_A_ROW) {
            return Some((blame(&self.counts.row), format!("{row} dead letters in a row")));
        }
        let records: u64 = self.counts.minutes.iter().map(|minute| minute.records).sum();
        let mut dead = BTreeMap::new();
        for (tenant, count) in self.counts.minutes.iter().flat_map(|minute| &minute.dead) {
            *dead.entry(*tenant).or_default() += count;
        }
        let all: u64 = dead.values().sum();
        (records >= ENOUGH && all * SHARE > records)
            .then(|| (blame(&dead), format!("{all} dead letters of {records} records in 5 minutes")))
    }

    fn trip(&mut self, trip: Trip, standstill: &Standstill, state: &mut View<'_>) {
        let value = serde_json::to_vec(standstill).unwrap_or_default();
        match trip {
            Trip::Tenant(tenant) => {
                state.put(TABLE, tenant.as_bytes(), value);
                self.parked.insert(tenant, standstill.clone());
            }
            Trip::Partition => {
                state.put(TABLE, STOP, value);
                self.stopped = Some(standstill.clone());
            }
        }
        self.forget(state);
    }

    /// Lets a tenant go on; says why it stood still, if it did.
    pub fn unpark(&mut self, tenant: TenantId, state: &mut View<'_>) -> Option<Standstill> {
        let was = self.parked.remove(&tenant)?;
        state.delete(TABLE, tenant.as_bytes());
        self.forget(state);
        Some(was)
    }

    /// Lets the partition go on; says why it stood still, if it did.
    pub fn resume(&mut self, state: &mut View<'_>) -> Option<Standstill> {
        let was = self.stopped.take()?;
        state.delete(TABLE, STOP);
        self.forget(state);
        Some(was)
    }

    /// What was counted before a standstill says nothing about what comes after it.
    fn forget(&mut self, state: &mut View<'_>) {
        self.counts = Counts::default();
        state.delete(TABLE, COUNTS);
    }

    /// Writes the counts down.
    pub fn keep(&self, state: &mut View<'_>) {
        state.put(TABLE, COUNTS, serde_json::to_vec(&self.counts).unwrap_or_default());
    }

    fn minute(&mut self, now: Millis) -> &mut Minute {
        let minute = now.0.div_euclid(60_000);
        let minutes = &mut self.counts.minutes;
        while minutes.front().is_some_and(|first| first.at <= minute - MINUTES) {
            minutes.pop_front();
        }
        if minutes.back().is_none_or(|last| last.at < minute) {
            minutes.push_back(Minute { at: minute, ..Minute::default() });
        }
        let last = minutes.len() - 1;
        &mut minutes[last]
    }
}

/// Whose they are: one tenant's, if nearly all of them are and it is known.
fn blame(dead: &BTreeMap<TenantId, u64>) -> Trip {
    let all: u64 = dead.values().sum();
    let most = dead.iter().max_by_key(|(_, count)| **count);
    match most {
        Some((tenant, count)) if *tenant != TenantId::UNKNOWN && count * 10 >= all * ONE_TENANT => Trip::Tenant(*tenant),
        _ => Trip::Partition,
    }
}

/// Works on changes outside a stage: what is noted of a failed record must not be undone with it.
pub fn apart<T>(committed: &dyn Read, changes: &mut Changes, work: impl FnOnce(&mut View<'_>) -> T) -> Result<T, Error> {
    let mut failed = None;
    let done = work(&mut View::new(committed, changes, &mut failed));
    failed.map_or(Ok(done), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Memory;
    use proptest::prelude::*;

    const ONE: TenantId = TenantId::from_bytes([1; 16]);
    const TWO: TenantId = TenantId::from_bytes([2; 16]);

    /// A breaker over a state that is committed after each record, and read back every `reload` records.
    struct Bench {
        state: Memory,
        breaker: Breaker,
    }

    impl Bench {
        fn new() -> Self {
            Self { state: Memory::default(), breaker: Breaker::default() }
        }

        fn with<T>(&mut self, work: impl FnOnce(&mut Breaker, &mut View<'_>) -> T) -> T {
            let mut changes = Changes::default();
            let breaker = &mut self.breaker;
            let done = apart(&self.state, &mut changes, |view| work(breaker, view)).expect("a memory reads");
            self.state.apply(&changes, 0);
            done
        }

        fn dead(&mut self, at: i64, tenant: TenantId) -> Option<Trip> {
            self.with(|breaker, view| breaker.dead(Millis(at), tenant, "datum", view)).map(|(trip, _)| trip)
        }

        fn processed(&mut self, at: i64) {
            self.with(|breaker, view| {
                if breaker.processed(Millis(at)) {
                    breaker.keep(view);
                }
            });
        }
    }

    #[test]
    fn a_thousand_in_a_row_park_their_tenant_and_of_several_stop_the_partition() {
        let mut bench = Bench::new();
        let trips: Vec<_> = (0..1_000).filter_map(|n| bench.dead(n, ONE)).collect();
        assert_eq!(trips, [Trip::Tenant(ONE)]);
        assert!(bench.breaker.parked(ONE).is_some_and(|why| why.reason.contains("1000 dead letters in a row")));
        assert!(bench.breaker.parked(TWO).is_none() && bench.breaker.stopped().is_none());
        let trips: Vec<_> = (0..1_000).filter_map(|n| bench.dead(n, if n % 2 == 0 { ONE } else { TWO })).collect();
        assert_eq!(trips, [Trip::Partition]);
        let back = Breaker::load(&bench.state).expect("reads");
        assert!(back.stopped().is_some() && back.parked(ONE).is_some());
    }

    #[test]
    fn nobodys_records_park_nobody() {
        let mut bench = Bench::new();
        let trips: Vec<_> = (0..1_000).filter_map(|n| bench.dead(n, TenantId::UNKNOWN)).collect();
        assert_eq!(trips, [Trip::Partition]);
    }

    #[test]
    fn a_record_that_goes_well_breaks_the_row() {
        let mut bench = Bench::new();
        for n in 0..1_998 {
            assert_eq!(bench.dead(n, ONE), None);
            if n % 999 == 998 {
                bench.processed(n);
            }
        }
    }

    #[test]
    fn more_than_one_in_a_hundred_trips_once_there_are_enough_and_only_within_five_minutes() {
        let mut bench = Bench::new();
        for n in 0..9_899 {
            bench.processed(n);
        }
        let tripped = (0..200).position(|n| {
            let trip = bench.dead(10_000, TWO).is_some();
            bench.processed(10_000 + n);
            trip
        });
        assert_eq!(tripped, Some(101), "the 102nd of 10,102");
        let mut bench = Bench::new();
        for n in 0..20_000 {
            bench.processed(n);
        }
        // Six minutes later those records say nothing about these.
        for _ in 0..300 {
            assert_eq!(bench.dead(6 * 60_000, TWO), None);
            bench.processed(6 * 60_000);
        }
    }

    #[test]
    fn who_is_let_go_on_starts_from_nothing() {
        let mut bench = Bench::new();
        while bench.dead(1, ONE).is_none() {}
        assert!(bench.with(|breaker, view| breaker.unpark(ONE, view)).is_some());
        assert!(bench.with(|breaker, view| breaker.unpark(ONE, view)).is_none());
        for n in 0..999 {
            assert_eq!(bench.dead(n, ONE), None);
        }
        assert!(Breaker::load(&bench.state).expect("reads").parked(ONE).is_none());
    }

    proptest! {
        /// A replay builds its memory anew wherever the live chain did, and must trip at the same record.
        #[test]
        fn a_breaker_read_back_trips_where_the_other_does(
            records in prop::collection::vec((any::<bool>(), 1..3_u8), 0..3_000),
            reload in 1..400_usize,
        ) {
            let (mut one, mut two) = (Bench::new(), Bench::new());
            for (n, (good, tenant)) in records.iter().enumerate() {
                if n % reload == 0 {
                    one.breaker = Breaker::load(&one.state).expect("reads");
                    two.breaker = Breaker::load(&two.state).expect("reads");
                }
                if *good {
                    one.processed(n as i64);
                    two.processed(n as i64);
                } else {
                    let tenant = TenantId::from_bytes([*tenant; 16]);
                    prop_assert_eq!(one.dead(n as i64, tenant), two.dead(n as i64, tenant));
                }
            }
            prop_assert_eq!(one.breaker.stopped(), two.breaker.stopped());
        }
    }
}
