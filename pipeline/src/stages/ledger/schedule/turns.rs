//! Whose turn it is, lane by lane: a ring of tenants that are ready, and those that rest by when they wake.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sluice_schemas::ids::TenantId;
use sluice_schemas::record::Lane;
use sluice_schemas::time::Millis;

/// The lanes in the order in which they go.
pub(super) const LANES: [Lane; 3] = [Lane::Reply, Lane::Transactional, Lane::Bulk];

/// The turns of all lanes.
#[derive(Debug, Default)]
pub(super) struct Turns([Ring; 3]);

#[derive(Debug, Default)]
struct Ring {
    ready: VecDeque<TenantId>,
    resting: BTreeSet<(Millis, TenantId)>,
    /// Where a tenant is: `None` in `ready`, else when it wakes.
    at: BTreeMap<TenantId, Option<Millis>>,
}

impl Turns {
    fn ring(&mut self, lane: Lane) -> &mut Ring {
        match lane {
            Lane::Reply => &mut self.0[0],
            Lane::Transactional => &mut self.0[1],
            Lane::Bulk => &mut self.0[2],
        }
    }

    /// Those whose moment has come are ready, after those who were before.
    pub(super) fn begin(&mut self, now: Millis) {
        for ring in &mut self.0 {
            while ring.resting.first().is_some_and(|(at, _)| *at <= now) {
                let Some((_, tenant)) = ring.resting.pop_first() else { break };
                ring.at.insert(tenant, None);
                ring.ready.push_back(tenant);
            }
        }
    }

    /// Whose turn it is.
    pub(super) fn first(&mut self, lane: Lane) -> Option<TenantId> {
        self.ring(lane).ready.front().copied()
    }

    /// The first has had its turn.
    pub(super) fn rotate(&mut self, lane: Lane) {
        self.ring(lane).ready.rotate_left(1);
    }

    /// The first has nothing until then; `None` until somebody wakes it.
    pub(super) fn rest(&mut self, lane: Lane, until: Option<Millis>) {
        let ring = self.ring(lane);
        let Some(tenant) = ring.ready.pop_front() else { return };
        match until {
            Some(at) => {
                ring.at.insert(tenant, Some(at));
                ring.resting.insert((at, tenant));
            }
            None => drop(ring.at.remove(&tenant)),
        }
    }

    /// A tenant has something from `at` on.
    pub(super) fn wake(&mut self, lane: Lane, tenant: TenantId, at: Millis) {
        let ring = self.ring(lane);
        match ring.at.get(&tenant) {
            Some(None) => return,
            Some(Some(known)) if *known <= at => return,
            Some(Some(known)) => drop(ring.resting.remove(&(*known, tenant))),
            None => {}
        }
        ring.at.insert(tenant, Some(at));
        ring.resting.insert((at, tenant));
    }

    /// When somebody could have something in one of the first lanes, which are these; the beginning of time for somebody who is ready.
    pub(super) fn due(&self, lanes: &[Lane]) -> Option<Millis> {
        let due = |ring: &Ring| if ring.ready.is_empty() { ring.resting.first().map(|(at, _)| *at) } else { Some(Millis(0)) };
        self.0.iter().take(lanes.len()).filter_map(due).min()
    }
}
