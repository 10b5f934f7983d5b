//! Who may go next: one bucket per number, replies before transactional messages before bulk, one in flight per pair.
//!
//! A pure state machine; time is an argument. Its memory is rebuilt from the stored sends. Slots are a rate limiter without
//! bursts: each message of a number gets a slot one interval after the one before, at most [`HORIZON_MS`] ahead of now, and
//! the sender writes no byte before its slot. Inbound messages take slots too, since Meta counts both directions
//! (contract §8).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sluice_schemas::ids::{CampaignId, SendId};
use sluice_schemas::record::Lane;
use sluice_schemas::time::Millis;

/// Slots are given at most this far ahead: longer than a commit takes, shorter than anyone notices.
pub const HORIZON_MS: i64 = 200;
/// Share of a number that bulk may use, in percent: the rest stays free for people who wait.
pub const BULK_PERCENT: i64 = 80;
/// Meta's default throughput of a number, messages a second, in and out together (contract §8).
pub const DEFAULT_RATE: i64 = 80;
/// One message per 6 s to one person, …
const PAIR_INTERVAL_MS: i64 = 6_000;
/// … with up to 45 borrowed against the future; who has borrowed them all waits until everything is paid back (contract §8).
const PAIR_BURST: i64 = 45;

/// A planned send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The send.
    pub id: SendId,
    /// Order of arrival.
    pub order: i64,
    /// Not before this time.
    pub not_before: Millis,
    /// Lane.
    pub lane: Lane,
    /// Number.
    pub account: String,
    /// Recipient.
    pub to: String,
    /// Campaign.
    pub campaign: Option<CampaignId>,
}

/// Claims of a number without an answer are at most what it sends in this time: while no sender reads them, what becomes
/// unknown stays little.
const OPEN_MS: i64 = 3_000;
/// … and at least this many, so that slow answers do not throttle a slow number.
const OPEN_LEAST: i64 = 20;

/// How fast a running campaign may go.
#[derive(Debug, Default)]
struct Pace {
    /// Microseconds between two of its messages; 0 for no limit of its own.
    interval_us: i64,
    next_us: i64,
}

type Queue = BTreeMap<(Millis, i64), Item>;

#[derive(Debug)]
struct Number {
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
struct Pair {
    in_flight: bool,
    /// When everything borrowed is paid back.
    paid_at: Millis,
    held_until: Millis,
    waiting: Queue,
}

impl Default for Number {
    fn default() -> Self {
        Self {
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

/// Planned sends of all numbers of a partition.
#[derive(Debug, Default)]
pub struct Schedule {
    numbers: BTreeMap<String, Number>,
    running: BTreeMap<CampaignId, Pace>,
}

impl Schedule {
    /// Adds a planned send.
    pub fn add(&mut self, item: Item) {
        let number = self.numbers.entry(item.account.clone()).or_default();
        number.queue(&item).insert((item.not_before, item.order), item);
    }

    /// Sets a number's throughput, messages a second.
    pub fn rate(&mut self, account: &str, rate: i64) {
        self.numbers.entry(account.to_owned()).or_default().rate = rate.max(1);
    }

    /// Throughput of a number that bulk may use, messages a second.
    pub fn bulk_rate(&self, account: &str) -> i64 {
        (self.numbers.get(account).map_or(DEFAULT_RATE, |n| n.rate) * BULK_PERCENT / 100).max(1)
    }

    /// An inbound message takes a slot of its number.
    pub fn inbound(&mut self, account: &str, now: Millis) {
        if let Some(number) = self.numbers.get_mut(account) {
            number.next_us = number.next_us.max(now.0 * 1000) + number.interval_us();
        }
    }

    /// Nothing of this number leaves before `until`.
    pub fn hold_number(&mut self, account: &str, until: Millis) {
        let number = self.numbers.entry(account.to_owned()).or_default();
        number.held_until = number.held_until.max(until);
    }

    /// Nothing of this number leaves before `until`; the newest word counts.
    pub fn gate(&mut self, account: &str, until: Millis) {
        self.numbers.entry(account.to_owned()).or_default().gate = until;
    }

    /// Nothing leaves for this person before `until`.
    pub fn hold_pair(&mut self, account: &str, to: &str, until: Millis) {
        let number = self.numbers.entry(account.to_owned()).or_default();
        let pair = number.pairs.entry(to.to_owned()).or_default();
        pair.held_until = pair.held_until.max(until);
        if let Some(free_at) = pair.idle_until() {
            number.idle.insert((free_at, to.to_owned()));
        }
    }

    /// Bulk of this campaign may leave, at most `throttle` a second; 0 for no limit of its own.
    pub fn run(&mut self, campaign: CampaignId, throttle: i32) {
        let interval_us = if throttle > 0 { 1_000_000 / i64::from(throttle) } else { 0 };
        self.running.entry(campaign).or_default().interval_us = interval_us;
    }

    /// Bulk of this campaign is held.
    pub fn hold(&mut self, campaign: CampaignId) {
        self.running.remove(&campaign);
    }

    /// Planned sends of a campaign on a number that may go by `now`.
    pub fn backlog(&self, account: &str, campaign: CampaignId, now: Millis) -> i64 {
        let Some(number) = self.numbers.get(account) else { return 0 };
        let parked = number.pairs.values().flat_map(|p| p.waiting.values()).filter(|item| item.campaign == Some(campaign)).count();
        let due = number.bulk.get(&campaign).map_or(0, |queue| queue.range(..=(now, i64::MAX)).count());
        (due + parked) as i64
    }

    /// Planned sends of a campaign on a number, also those whose time has not come.
    pub fn planned(&self, account: &str, campaign: CampaignId) -> i64 {
        self.numbers.get(account).and_then(|number| number.bulk.get(&campaign)).map_or(0, Queue::len) as i64
    }

    /// Takes out every planned send of a campaign.
    pub fn drain(&mut self, account: &str, campaign: CampaignId) -> Vec<SendId> {
        let Some(number) = self.numbers.get_mut(account) else { return Vec::new() };
        let mut out: Vec<SendId> = number.bulk.remove(&campaign).unwrap_or_default().into_values().map(|item| item.id).collect();
        for pair in number.pairs.values_mut() {
            let (gone, stay) = std::mem::take(&mut pair.waiting).into_iter().partition(|(_, item)| item.campaign == Some(campaign));
            pair.waiting = stay;
            out.extend(Queue::into_values(gone).map(|item| item.id));
        }
        out
    }

    /// A send is on its way again after a restart: its pair is busy.
    pub fn occupy(&mut self, account: &str, to: &str) {
        let number = self.numbers.entry(account.to_owned()).or_default();
        number.open += 1;
        number.pairs.entry(to.to_owned()).or_default().in_flight = true;
    }

    /// The answer for a pair came: its next message may go.
    pub fn release(&mut self, account: &str, to: &str, now: Millis) {
        let Some(number) = self.numbers.get_mut(account) else { return };
        number.open = (number.open - 1).max(0);
        if let Some(pair) = number.pairs.get_mut(to) {
            pair.in_flight = false;
            match pair.waiting.pop_first() {
                Some((key, item)) => drop(number.queue(&item).insert(key, item)),
                None => drop(number.idle.insert((pair.paid_at.max(pair.held_until), to.to_owned()))),
            }
        }
        number.forget(now);
    }

    /// Takes the next send of any number that may go by `now`, with its slot.
    pub fn next(&mut self, now: Millis) -> Option<(Item, Millis)> {
        let Self { numbers, running } = self;
        numbers.values_mut().find_map(|number| number.next(running, now))
    }

    /// When [`Schedule::next`] could have something.
    pub fn due(&self) -> Option<Millis> {
        self.numbers.values().filter_map(|number| number.due(&self.running)).min()
    }
}

impl Pair {
    /// When it may be forgotten; `None` while something of it waits or is under way.
    fn idle_until(&self) -> Option<Millis> {
        (!self.in_flight && self.waiting.is_empty()).then(|| self.paid_at.max(self.held_until))
    }
}

impl Number {
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

    fn next(&mut self, running: &mut BTreeMap<CampaignId, Pace>, now: Millis) -> Option<(Item, Millis)> {
        let edge = (now.0 + HORIZON_MS) * 1000;
        if self.held_until.max(self.gate) > now || self.next_us > edge || self.is_full() {
            return None;
        }
        let (item, bulk) = match self.pick(|n| Some(&mut n.reply), now).or_else(|| self.pick(|n| Some(&mut n.transactional), now)) {
            Some(item) => (item, false),
            None if self.next_bulk_us <= edge => (self.pick_bulk(running, now, edge)?, true),
            None => return None,
        };
        let floor = now.0 * 1000;
        let mut slot = self.next_us.max(floor);
        if bulk {
            slot = slot.max(self.next_bulk_us);
            if let Some(pace) = item.campaign.and_then(|campaign| running.get_mut(&campaign)) {
                slot = slot.max(pace.next_us);
                pace.next_us = slot + pace.interval_us;
            }
            self.next_bulk_us = slot + self.bulk_interval_us();
            // The number's own next slot follows the last one given, not the bulk lane's spacing: a reply may come between.
            self.next_us = self.next_us.max(floor) + self.interval_us();
        } else {
            self.next_us = slot + self.interval_us();
        }
        self.open += 1;
        Some((item, Millis(slot.div_euclid(1000) + i64::from(slot % 1000 != 0))))
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

    fn due(&self, running: &BTreeMap<CampaignId, Pace>) -> Option<Millis> {
        if self.is_full() {
            return None;
        }
        let first = |queue: &Queue| queue.first_key_value().map(|((at, _), _)| *at);
        let at = |us: i64| Millis(us.div_euclid(1000) - HORIZON_MS / 2);
        let urgent = first(&self.reply).into_iter().chain(first(&self.transactional)).min();
        let bulk = self.bulk.iter().filter_map(|(campaign, queue)| Some(first(queue)?.max(at(running.get(campaign)?.next_us)))).min();
        let bulk = bulk.map(|ready| ready.max(at(self.next_bulk_us)));
        urgent.into_iter().chain(bulk).min().map(|ready| ready.max(at(self.next_us)).max(self.held_until).max(self.gate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(order: i64, lane: Lane, to: &str) -> Item {
        Item {
            id: SendId::from_bytes([order as u8; 16]),
            order,
            not_before: Millis(0),
            lane,
            account: "1".into(),
            to: to.into(),
            campaign: (lane == Lane::Bulk).then(|| CampaignId::from_bytes([1; 16])),
        }
    }

    #[test]
    fn replies_go_before_transactional_before_bulk() {
        let mut schedule = Schedule::default();
        schedule.run(CampaignId::from_bytes([1; 16]), 0);
        for (order, lane, to) in [(1, Lane::Bulk, "a"), (2, Lane::Transactional, "b"), (3, Lane::Reply, "c")] {
            schedule.add(item(order, lane, to));
        }
        let orders: Vec<i64> = std::iter::from_fn(|| schedule.next(Millis(0))).map(|(item, _)| item.order).collect();
        assert_eq!(orders, [3, 2, 1]);
    }

    #[test]
    fn one_message_is_in_flight_per_pair_and_order_is_kept() {
        let mut schedule = Schedule::default();
        for order in 1..=3 {
            schedule.add(item(order, Lane::Reply, "a"));
        }
        for order in 1..=3 {
            let (got, _) = schedule.next(Millis(0)).expect("one is ready");
            assert_eq!(got.order, order);
            assert!(schedule.next(Millis(0)).is_none());
            schedule.release("1", "a", Millis(0));
        }
    }

    #[test]
    fn a_paused_campaign_holds_what_is_planned() {
        let mut schedule = Schedule::default();
        schedule.add(item(1, Lane::Bulk, "a"));
        assert!(schedule.next(Millis(0)).is_none());
        assert_eq!(schedule.due(), None);
        schedule.run(CampaignId::from_bytes([1; 16]), 0);
        assert!(schedule.next(Millis(0)).is_some());
    }

    #[test]
    fn the_forty_sixth_message_to_one_person_waits_until_the_burst_is_paid_back() {
        let mut schedule = Schedule::default();
        let mut at = Vec::new();
        for order in 0..46 {
            schedule.add(item(order, Lane::Reply, "a"));
        }
        let mut now = Millis(1_000_000);
        while at.len() < 46 {
            match schedule.next(now) {
                Some((_, slot)) => {
                    at.push(slot.0);
                    schedule.release("1", "a", now);
                }
                None => now = schedule.due().expect("something waits").max(now.plus(1)),
            }
        }
        assert!(at[44] - at[0] < 1_000);
        assert!(at[45] - at[0] >= 45 * 6_000);
    }

    #[test]
    fn a_throttled_campaign_keeps_its_pace_and_leaves_the_number_to_others() {
        let mut schedule = Schedule::default();
        schedule.run(CampaignId::from_bytes([1; 16]), 5);
        for order in 0..20 {
            schedule.add(item(order, Lane::Bulk, &order.to_string()));
        }
        let mut slots = Vec::new();
        let mut now = Millis(1_000);
        while slots.len() < 20 {
            match schedule.next(now) {
                Some((item, slot)) => {
                    slots.push(slot.0);
                    schedule.release("1", &item.to, now);
                }
                None => now = schedule.due().expect("something waits").max(now.plus(1)),
            }
        }
        assert!(slots.windows(2).all(|pair| pair[1] - pair[0] >= 199), "{slots:?}");
        assert!(slots[19] - slots[0] <= 19 * 201);
    }

    #[test]
    fn while_no_answer_comes_few_claims_are_open() {
        let mut schedule = Schedule::default();
        for order in 0..1_000 {
            schedule.add(item(order, Lane::Reply, &order.to_string()));
        }
        let mut claimed = 0;
        for second in 0..60 {
            while schedule.next(Millis(second * 1_000)).is_some() {
                claimed += 1;
            }
        }
        assert_eq!(claimed, DEFAULT_RATE * OPEN_MS / 1000);
        schedule.release("1", "0", Millis(60_000));
        assert!(schedule.next(Millis(60_000)).is_some());
    }

    #[test]
    fn a_person_is_forgotten_when_what_they_borrowed_is_paid_back() {
        let mut schedule = Schedule::default();
        schedule.run(CampaignId::from_bytes([1; 16]), 0);
        let (mut now, mut most) = (Millis(1_000_000), 0);
        for order in 0..5_000 {
            schedule.add(item(order, Lane::Bulk, &order.to_string()));
        }
        while let Some(due) = schedule.due() {
            now = now.max(due).plus(1);
            while let Some((item, _)) = schedule.next(now) {
                schedule.release("1", &item.to, now);
                most = most.max(schedule.numbers["1"].pairs.len());
            }
        }
        assert!(most as i64 <= DEFAULT_RATE * PAIR_INTERVAL_MS / 1000, "{most} of 5000 people are remembered");
        schedule.hold_pair("1", "x", now.plus(9_000));
        schedule.hold_pair("1", "0", now.plus(90_000));
        for (later, known) in [(0, true), (60_000, true), (91_000, false)] {
            schedule.release("1", "y", now.plus(later));
            assert_eq!(schedule.numbers["1"].pairs.contains_key("0"), known, "{later}");
        }
        assert!(schedule.numbers["1"].pairs.is_empty() && schedule.numbers["1"].idle.is_empty());
    }

    proptest! {
        #[test]
        fn slots_of_a_number_are_an_interval_apart(rate in 1i64..1000, steps in proptest::collection::vec((0i64..50, 0u8..4), 1..200)) {
            let mut schedule = Schedule::default();
            schedule.rate("1", rate);
            schedule.run(CampaignId::from_bytes([1; 16]), 0);
            let (mut now, mut order, mut slots) = (Millis(1_000), 0, Vec::new());
            for (ms, what) in steps {
                now = now.plus(ms);
                if what == 3 {
                    schedule.inbound("1", now);
                } else {
                    order += 1;
                    schedule.add(item(order, [Lane::Reply, Lane::Transactional, Lane::Bulk][what as usize], &order.to_string()));
                }
                while let Some((item, slot)) = schedule.next(now) {
                    schedule.release("1", &item.to, now);
                    prop_assert!(slot >= now && slot.since(now) <= HORIZON_MS + 1_000 / rate + 1);
                    slots.push(slot.0);
                }
            }
            slots.sort_unstable();
            // In any second there are at most `rate` slots, and one for the edge's rounding.
            for (i, start) in slots.iter().enumerate() {
                let within = slots[i..].iter().take_while(|s| **s < start + 1000).count() as i64;
                prop_assert!(within <= rate + 1 + rate * HORIZON_MS / 1000, "{within} of {rate}");
            }
        }
    }
}
