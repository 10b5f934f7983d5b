//! One number: its lanes, its people, and when its next message may go.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sluice_schemas::ids::{CampaignId, SendId, TenantId};
use sluice_schemas::record::Lane;
use sluice_schemas::time::Millis;

use super::{BULK_PERCENT, DEFAULT_RATE, HORIZON_MS, Item, Pace, Queue};

/// One message per 6 s to one person, …
pub(super) const PAIR_INTERVAL_MS: i64 = 6_000;
/// … with up to 45 borrowed against the future; who has borrowed them all waits until everything is paid back (contract §8).
const PAIR_BURST: i64 = 45;

/// What a late look at the schedule gives at once, at most: a commit takes so long on a busy machine. At 80/s that is 16 messages.
const CATCH_UP_MS: i64 = 200;

/// Claims of a number without an answer are at most what it sends in this time: while no sender reads them, what becomes
/// unknown stays little.
pub(super) const OPEN_MS: i64 = 3_000;
/// … and at least this many, so that slow answers do not throttle a slow number.
const OPEN_LEAST: i64 = 20;

/// A number's share of the schedule.
#[derive(Debug)]
pub(super) struct Number {
    /// Whose it is; known from its first send on.
    pub(super) owner: Option<TenantId>,
    rate: i64,
    /// Microseconds: at 1,000 messages a second an interval is one millisecond.
    next_us: i64,
    next_bulk_us: i64,
    /// A throttle of Meta, over by itself.
    held_until: Millis,
    /// A hold, which whoever opened it also ends.
    gate: Millis,
    open: i64,
    reply: Queue,
    transactional: Queue,
    bulk: BTreeMap<CampaignId, Queue>,
    turns: VecDeque<CampaignId>,
    pairs: BTreeMap<String, Pair>,
    /// People of whom nothing waits or is under way, by when they may be forgotten.
    idle: BTreeSet<(Millis, String)>,
}

#[derive(Debug, Default)]
pub(super) struct Pair {
    in_flight: bool,
    /// When everything borrowed is paid back.
    paid_at: Millis,
    held_until: Millis,
    waiting: Queue,
}

impl Default for Number {
    fn default() -> Self {
        Self {
            owner: None,
            rate: DEFAULT_RATE,
            next_us: 0,
            next_bulk_us: 0,
            held_until: Millis(0),
            gate: Millis(0),
            open: 0,
            reply: Queue::new(),
            transactional: Queue::new(),
            bulk: BTreeMap::new(),
            turns: VecDeque::new(),
            pairs: BTreeMap::new(),
            idle: BTreeSet::new(),
        }
    }
}

impl Pair {
    /// When it may be forgotten; `None` while something of it waits or is under way.
    fn idle_until(&self) -> Option<Millis> {
        (!self.in_flight && self.waiting.is_empty()).then(|| self.paid_at.max(self.held_until))
    }
}

impl Number {
    /// Sets the throughput, messages a second.
    pub(super) fn set_rate(&mut self, rate: i64) {
        self.rate = rate.max(1);
    }

    /// Throughput that bulk may use, messages a second.
    pub(super) fn bulk_rate(&self) -> i64 {
        (self.rate * BULK_PERCENT / 100).max(1)
    }

    pub(super) fn add(&mut self, item: Item) {
        self.queue(&item).insert((item.not_before, item.order), item);
    }

    /// An inbound message takes a slot.
    pub(super) fn inbound(&mut self, now: Millis) {
        self.next_us = self.next_us.max(now.0 * 1000) + self.interval_us();
    }

    pub(super) fn hold(&mut self, until: Millis) {
        self.held_until = self.held_until.max(until);
    }

    pub(super) fn gate(&mut self, until: Millis) {
        self.gate = until;
    }

    pub(super) fn hold_pair(&mut self, to: &str, until: Millis) {
        let pair = self.pairs.entry(to.to_owned()).or_default();
        pair.held_until = pair.held_until.max(until);
        if let Some(free_at) = pair.idle_until() {
            self.idle.insert((free_at, to.to_owned()));
        }
    }

    pub(super) fn has(&self, campaign: CampaignId) -> bool {
        self.bulk.contains_key(&campaign)
    }

    /// Planned sends of a campaign that may go by `now`.
    pub(super) fn backlog(&self, campaign: CampaignId, now: Millis) -> i64 {
        let parked = self.pairs.values().flat_map(|p| p.waiting.values()).filter(|item| item.campaign == Some(campaign)).count();
        let due = self.bulk.get(&campaign).map_or(0, |queue| queue.range(..=(now, i64::MAX)).count());
        (due + parked) as i64
    }

    /// Planned sends of a campaign, also those whose time has not come.
    pub(super) fn planned(&self, campaign: CampaignId) -> i64 {
        self.bulk.get(&campaign).map_or(0, Queue::len) as i64
    }

    /// Takes out every planned send of a campaign.
    pub(super) fn drain(&mut self, campaign: CampaignId) -> Vec<SendId> {
        let mut out: Vec<SendId> = self.bulk.remove(&campaign).unwrap_or_default().into_values().map(|item| item.id).collect();
        for pair in self.pairs.values_mut() {
            let (gone, stay) = std::mem::take(&mut pair.waiting).into_iter().partition(|(_, item)| item.campaign == Some(campaign));
            pair.waiting = stay;
            out.extend(Queue::into_values(gone).map(|item| item.id));
        }
        out
    }

    pub(super) fn occupy(&mut self, to: &str) {
        self.open += 1;
        self.pairs.entry(to.to_owned()).or_default().in_flight = true;
    }

    /// The answer for a pair came; says whether something may go now that could not before.
    pub(super) fn release(&mut self, to: &str, now: Millis) -> bool {
        let mut freed = self.is_full();
        self.open = (self.open - 1).max(0);
        if let Some(pair) = self.pairs.get_mut(to) {
            pair.in_flight = false;
            match pair.waiting.pop_first() {
                Some((key, item)) => {
                    self.queue(&item).insert(key, item);
                    freed = true;
                }
                None => drop(self.idle.insert((pair.paid_at.max(pair.held_until), to.to_owned()))),
            }
        }
        self.forget(now);
        freed
    }

    /// Takes the next send of a lane that may go by `now`, with its slot; `plan` is the pace of its tenant.
    pub(super) fn take(
        &mut self,
        lane: Lane,
        running: &mut BTreeMap<CampaignId, Pace>,
        plan: &mut Pace,
        now: Millis,
    ) -> Option<(Item, Millis)> {
        let edge = (now.0 + HORIZON_MS) * 1000;
        if self.held_until.max(self.gate) > now || self.next_us > edge || self.is_full() {
            return None;
        }
        let item = match lane {
            Lane::Reply => self.pick(|n| Some(&mut n.reply), now)?,
            Lane::Transactional => self.pick(|n| Some(&mut n.transactional), now)?,
            Lane::Bulk if self.next_bulk_us <= edge => self.pick_bulk(running, now, edge)?,
            Lane::Bulk => return None,
        };
        let floor = self.floor(&item, now).0 * 1000;
        let mut slot = self.next_us.max(floor).max(plan.next_us);
        if lane == Lane::Bulk {
            slot = slot.max(self.next_bulk_us).max(plan.next_bulk_us);
            if let Some(pace) = item.campaign.and_then(|campaign| running.get_mut(&campaign)) {
                slot = slot.max(pace.next_us);
                pace.next_us = slot + pace.interval_us;
            }
            self.next_bulk_us = slot + self.bulk_interval_us();
            plan.next_bulk_us = slot + plan.interval_us * 100 / BULK_PERCENT;
            // The number's own next slot follows the last one given, not the bulk lane's spacing: a reply may come between.
            self.next_us = self.next_us.max(floor) + self.interval_us();
            plan.next_us = plan.next_us.max(floor) + plan.interval_us;
        } else {
            self.next_us = slot + self.interval_us();
            plan.next_us = slot + plan.interval_us;
        }
        self.open += 1;
        Some((item, Millis(slot.div_euclid(1000) + i64::from(slot % 1000 != 0)).max(now)))
    }

    /// The earliest slot of an item that is taken now. A slot that passed while the item was ready and we were not is still given, within
    /// [`CATCH_UP_MS`]: it was permitted, and each one lost would be lost for good. Nothing is saved up while nothing waits or may go.
    fn floor(&self, item: &Item, now: Millis) -> Millis {
        if self.next_us == 0 {
            return now;
        }
        item.ready.max(item.not_before).max(self.held_until).max(self.gate).max(now.plus(-CATCH_UP_MS)).min(now)
    }

    /// When [`Number::take`] could have something of this lane.
    pub(super) fn due(&self, lane: Lane, running: &BTreeMap<CampaignId, Pace>) -> Option<Millis> {
        if self.is_full() {
            return None;
        }
        let first = |queue: &Queue| queue.first_key_value().map(|((at, _), _)| *at);
        let ready = match lane {
            Lane::Reply => first(&self.reply),
            Lane::Transactional => first(&self.transactional),
            Lane::Bulk => {
                let bulk = self.bulk.iter();
                let ready = bulk.filter_map(|(campaign, queue)| Some(first(queue)?.max(slot_due(running.get(campaign)?.next_us)))).min();
                ready.map(|ready| ready.max(slot_due(self.next_bulk_us)))
            }
        };
        ready.map(|ready| ready.max(slot_due(self.next_us)).max(self.held_until).max(self.gate))
    }

    /// Forgets people who have paid back what they borrowed: a campaign would leave every recipient in memory otherwise.
    /// Forgets people who have paid back what they borrowed: a campaign would leave every recipient in memory otherwise.
    fn forget(&mut self, now: Millis) {
        while self.idle.first().is_some_and(|(until, _)| *until <= now) {
            let Some((_, to)) = self.idle.pop_first() else { return };
            match self.pairs.get(&to).and_then(Pair::idle_until) {
                Some(until) if until > now => drop(self.idle.insert((until, to))),
                Some(_) => drop(self.pairs.remove(&to)),
                // It will be idle again after its next answer.
                None => {}
            }
        }
    }

    fn interval_us(&self) -> i64 {
        1_000_000 / self.rate
    }

    fn bulk_interval_us(&self) -> i64 {
        (100_000_000 / (self.rate * BULK_PERCENT)).max(1)
    }

    fn queue(&mut self, item: &Item) -> &mut Queue {
        match (item.lane, item.campaign) {
            (Lane::Reply, _) => &mut self.reply,
            (Lane::Bulk, Some(campaign)) => {
                if !self.bulk.contains_key(&campaign) {
                    self.turns.push_back(campaign);
                }
                self.bulk.entry(campaign).or_default()
            }
            _ => &mut self.transactional,
        }
    }

    /// Whether as many claims are open as may be; the next answer or time-out makes room.
    fn is_full(&self) -> bool {
        self.open >= (self.rate * OPEN_MS / 1000).max(OPEN_LEAST)
    }

    /// Takes the first ready item of a queue whose pair is free; the others are parked at their pair.
    fn pick(&mut self, queue: impl Fn(&mut Self) -> Option<&mut Queue>, now: Millis) -> Option<Item> {
        loop {
            let first = queue(self)?.first_entry()?;
            if first.key().0 > now {
                return None;
            }
            let (key, item) = first.remove_entry();
            let pair = self.pairs.entry(item.to.clone()).or_default();
            if pair.in_flight {
                pair.waiting.insert(key, item);
                continue;
            }
            let free = pair.held_until;
            if free > now {
                let item = Item { not_before: free, ..item };
                queue(self)?.insert((free, item.order), item);
                continue;
            }
            pair.in_flight = true;
            pair.paid_at = pair.paid_at.max(now).plus(PAIR_INTERVAL_MS);
            if pair.paid_at.since(now) > (PAIR_BURST - 1) * PAIR_INTERVAL_MS {
                pair.held_until = pair.paid_at;
            }
            return Some(item);
        }
    }

    /// Campaigns take turns.
    fn pick_bulk(&mut self, running: &BTreeMap<CampaignId, Pace>, now: Millis, edge: i64) -> Option<Item> {
        for _ in 0..self.turns.len() {
            let campaign = self.turns.pop_front()?;
            if self.bulk.get(&campaign).is_none_or(Queue::is_empty) {
                self.bulk.remove(&campaign);
                continue;
            }
            self.turns.push_back(campaign);
            if running.get(&campaign).is_some_and(|pace| pace.next_us <= edge)
                && let Some(item) = self.pick(|n| n.bulk.get_mut(&campaign), now)
            {
                return Some(item);
            }
        }
        None
    }
}

/// When a slot is near enough to be given: half the horizon before it, so that several are given at once.
pub(super) fn slot_due(us: i64) -> Millis {
    Millis(us.div_euclid(1000) - HORIZON_MS / 2)
}

#[cfg(test)]
impl Number {
    /// People remembered, and whether `person` is one of them.
    pub(super) fn remembers(&self, person: &str) -> (usize, bool) {
        (self.pairs.len(), self.pairs.contains_key(person))
    }
}
