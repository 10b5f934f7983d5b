//! Who may go next: one bucket per number, replies before transactional messages before bulk, one in flight per pair.
//!
//! A pure state machine; time is an argument. Its memory is rebuilt from the stored sends. Slots are a rate limiter without
//! bursts: each message of a number gets a slot one interval after the one before, at most [`HORIZON_MS`] ahead of now, and
//! the sender writes no byte before its slot. Inbound messages take slots too, since Meta counts both directions
//! (contract §8).
//!
//! Tenants that have something to send take turns, one message each, lane by lane: deficit round robin (Shreedhar and Varghese, 1995) with
//! messages of equal cost, where the quantum is one message and no deficit remains. What is not due costs nothing: a tenant rests until its
//! earliest moment, in one ordered set for all.
//!
//! Claims go to the sender only as fast as it answers them ([`open`]), replies apart: what waits, waits here, where a reply overtakes it.

mod number;
mod open;
mod turns;

use std::collections::BTreeMap;

use sluice_schemas::ids::{CampaignId, SendId, TenantId};
use sluice_schemas::record::Lane;
use sluice_schemas::time::Millis;

use number::{Number, slot_due};
use open::Open;
use turns::Turns;

/// Slots are given at most this far ahead: longer than a commit takes, shorter than anyone notices.
pub const HORIZON_MS: i64 = 200;
/// Share of a number that bulk may use, in percent: the rest stays free for people who wait.
pub const BULK_PERCENT: i64 = 80;
/// Meta's default throughput of a number, messages a second, in and out together (contract §8).
pub const DEFAULT_RATE: i64 = 80;
/// A planned send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The send.
    pub id: SendId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Order of arrival.
    pub order: i64,
    /// Not before this time.
    pub not_before: Millis,
    /// Since when it could have gone, as far as is known: no slot from before is given to it.
    pub ready: Millis,
    /// Lane.
    pub lane: Lane,
    /// Number.
    pub account: String,
    /// Recipient.
    pub to: String,
    /// Campaign.
    pub campaign: Option<CampaignId>,
}

/// A limit beside that of the number: a running campaign's throttle, or a tenant's plan.
#[derive(Debug, Default)]
#[allow(clippy::struct_field_names, reason = "the unit belongs to each of them")]
struct Pace {
    /// Microseconds between two messages; 0 for no limit of its own.
    interval_us: i64,
    next_us: i64,
    next_bulk_us: i64,
}

impl Pace {
    /// At most `rate` messages a second; 0 for no limit.
    fn set(&mut self, rate: i64) {
        self.interval_us = if rate > 0 { 1_000_000 / rate } else { 0 };
    }

    /// When a message of this lane could go.
    fn due(&self, lane: Lane) -> Millis {
        slot_due(if lane == Lane::Bulk { self.next_us.max(self.next_bulk_us) } else { self.next_us })
    }
}

type Queue = BTreeMap<(Millis, i64), Item>;

/// A tenant that has sent something.
#[derive(Debug, Default)]
struct Tenant {
    /// Its numbers, which take turns too.
    accounts: Vec<String>,
    turn: usize,
    plan: Pace,
}

/// Planned sends of all numbers of a partition.
#[derive(Debug, Default)]
pub struct Schedule {
    numbers: BTreeMap<String, Number>,
    running: BTreeMap<CampaignId, Pace>,
    tenants: BTreeMap<TenantId, Tenant>,
    turns: Turns,
    open: Open,
}

impl Schedule {
    /// Adds a planned send.
    pub fn add(&mut self, item: Item) {
        let (account, tenant) = (item.account.clone(), item.tenant);
        let lane = if item.campaign.is_none() && item.lane == Lane::Bulk { Lane::Transactional } else { item.lane };
        let number = self.numbers.entry(account.clone()).or_default();
        if number.owner != Some(tenant) {
            if let Some(former) = number.owner.replace(tenant).and_then(|former| self.tenants.get_mut(&former)) {
                former.accounts.retain(|other| *other != account);
            }
            self.tenants.entry(tenant).or_default().accounts.push(account.clone());
        }
        number.add(item);
        self.wake(&account, &[lane]);
    }

    /// Sets a number's throughput, messages a second.
    pub fn rate(&mut self, account: &str, rate: i64) {
        self.number(account).set_rate(rate);
        self.wake(account, &turns::LANES);
    }

    /// What a tenant may send at most, messages a second over all its numbers here; 0 for no limit of its own.
    pub fn plan(&mut self, tenant: TenantId, rate: i64) {
        let accounts = {
            let tenant = self.tenants.entry(tenant).or_default();
            tenant.plan.set(rate);
            // A slot that a narrower plan gave far ahead is no reason to wait.
            (tenant.plan.next_us, tenant.plan.next_bulk_us) = (0, 0);
            tenant.accounts.clone()
        };
        for account in &accounts {
            self.wake(account, &turns::LANES);
        }
    }

    /// Throughput of a number that bulk may use, messages a second.
    pub fn bulk_rate(&self, account: &str) -> i64 {
        self.numbers.get(account).map_or(DEFAULT_RATE * BULK_PERCENT / 100, Number::bulk_rate)
    }

    /// An inbound message takes a slot of its number.
    pub fn inbound(&mut self, account: &str, now: Millis) {
        if let Some(number) = self.numbers.get_mut(account) {
            number.inbound(now);
        }
    }

    /// Nothing of this number leaves before `until`.
    pub fn hold_number(&mut self, account: &str, until: Millis) {
        self.number(account).hold(until);
    }

    /// Nothing of this number leaves before `until`; the newest word counts.
    pub fn gate(&mut self, account: &str, until: Millis) {
        self.number(account).gate(until);
        self.wake(account, &turns::LANES);
    }

    /// Nothing leaves for this person before `until`.
    pub fn hold_pair(&mut self, account: &str, to: &str, until: Millis) {
        self.number(account).hold_pair(to, until);
    }

    /// Bulk of this campaign may leave, at most `throttle` a second; 0 for no limit of its own.
    pub fn run(&mut self, campaign: CampaignId, throttle: i32) {
        self.running.entry(campaign).or_default().set(throttle.into());
        let with = |(account, number): (&String, &Number)| number.has(campaign).then(|| account.clone());
        let accounts: Vec<String> = self.numbers.iter().filter_map(with).collect();
        for account in &accounts {
            self.wake(account, &[Lane::Bulk]);
        }
    }

    /// Bulk of this campaign is held.
    pub fn hold(&mut self, campaign: CampaignId) {
        self.running.remove(&campaign);
    }

    /// Planned sends of a campaign on a number that may go by `now`.
    pub fn backlog(&self, account: &str, campaign: CampaignId, now: Millis) -> i64 {
        self.numbers.get(account).map_or(0, |number| number.backlog(campaign, now))
    }

    /// Planned sends of a campaign on a number, also those whose time has not come.
    pub fn planned(&self, account: &str, campaign: CampaignId) -> i64 {
        self.numbers.get(account).map_or(0, |number| number.planned(campaign))
    }

    /// Takes out every planned send of a campaign.
    pub fn drain(&mut self, account: &str, campaign: CampaignId) -> Vec<SendId> {
        self.numbers.get_mut(account).map(|number| number.drain(campaign)).unwrap_or_default()
    }

    /// A send is on its way again after a restart: its pair is busy.
    pub fn occupy(&mut self, account: &str, to: &str) {
        self.number(account).occupy(to);
        self.open.claimed();
    }

    /// The answer for a pair came: its next message may go.
    pub fn release(&mut self, account: &str, to: &str, now: Millis) {
        self.open.answered(now);
        if self.numbers.get_mut(account).is_some_and(|number| number.release(to, now)) {
            self.wake(account, &turns::LANES);
        }
    }

    /// Takes the next send that may go by `now`, with its slot.
    pub fn next(&mut self, now: Millis) -> Option<(Item, Millis)> {
        self.turns.begin(now);
        for lane in self.lanes() {
            while let Some(tenant) = self.turns.first(*lane) {
                if let Some(found) = self.take(tenant, *lane, now) {
                    self.open.claimed();
                    self.turns.rotate(*lane);
                    return Some(found);
                }
                let due = self.tenant_due(tenant, *lane);
                self.turns.rest(*lane, due.map(|due| due.max(now.plus(1))));
            }
        }
        None
    }

    /// When [`Schedule::next`] could have something.
    pub fn due(&self) -> Option<Millis> {
        self.turns.due(self.lanes())
    }

    /// The lanes that may claim now.
    fn lanes(&self) -> &'static [Lane] {
        if self.open.is_full() { &turns::LANES[..1] } else { &turns::LANES }
    }

    fn number(&mut self, account: &str) -> &mut Number {
        self.numbers.entry(account.to_owned()).or_default()
    }

    fn take(&mut self, tenant: TenantId, lane: Lane, now: Millis) -> Option<(Item, Millis)> {
        let Tenant { accounts, turn, plan } = self.tenants.get_mut(&tenant)?;
        if plan.due(lane) > now.plus(HORIZON_MS / 2) {
            return None;
        }
        for step in 0..accounts.len() {
            let at = (*turn + step) % accounts.len();
            if let Some(found) = self.numbers.get_mut(&accounts[at]).and_then(|number| number.take(lane, &mut self.running, plan, now)) {
                *turn = at + 1;
                return Some(found);
            }
        }
        None
    }

    fn tenant_due(&self, tenant: TenantId, lane: Lane) -> Option<Millis> {
        let tenant = self.tenants.get(&tenant)?;
        let due = |account: &String| self.numbers.get(account)?.due(lane, &self.running);
        tenant.accounts.iter().filter_map(due).min().map(|due| due.max(tenant.plan.due(lane)))
    }

    /// Something of this number may go earlier than thought.
    fn wake(&mut self, account: &str, lanes: &[Lane]) {
        let Some(number) = self.numbers.get(account) else { return };
        let Some(owner) = number.owner else { return };
        for lane in lanes {
            if let Some(due) = number.due(*lane, &self.running) {
                self.turns.wake(*lane, owner, due);
            }
        }
    }
}

#[cfg(test)]
mod tests;
