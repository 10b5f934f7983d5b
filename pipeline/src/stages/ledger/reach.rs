//! Meta's messaging limit: how many different people a business portfolio may reach with templates outside their open windows in any
//! 24 hours (contract §8), shared by all its numbers.
//!
//! A person counts from the claim on, so that the limit holds before Meta counts, and is given back when the attempt is proven negative.
//! Who was reached within 24 hours, or wrote within 24 hours, costs nothing. Beyond the limit a hold of scope `portfolio` is opened until
//! somebody's 24 hours are over; what waits for it loses nothing. Kept only for portfolios whose limit is known and finite, so memory is
//! bounded by the limit and by the people who wrote within a day.

use std::collections::{BTreeMap, BTreeSet};

use sluice_schemas::ids::{SendId, TenantId};
use sluice_schemas::record::{Event, Hold, HoldScope, Outbound};
use sluice_schemas::time::Millis;

use super::content::content;
use super::holds::Key;
use super::opt_out::names;
use super::{Item, Ledger};
use crate::chain::{Context, Poison};
use crate::state::{Error, Read};

/// Table of people reached: tenant, portfolio, 0, person → [`Reached`].
const REACHED: u8 = 6;
/// Table of people who wrote: account, 0, person → when, 8 bytes.
const WROTE: u8 = 7;
/// The limit is looked at again after this time at the earliest: with a long backlog one place becomes free after another.
const AGAIN_MS: i64 = 60_000;

/// What limits a number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Share {
    tenant: TenantId,
    portfolio: String,
    limit: Option<i64>,
}

/// When a person was reached, by which send, and when before that; 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reached {
    at: Millis,
    by: SendId,
    before: Millis,
}

impl Reached {
    fn to_bytes(self) -> Vec<u8> {
        [&self.at.0.to_be_bytes()[..], self.by.as_bytes(), &self.before.0.to_be_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (at, rest) = bytes.split_first_chunk::<8>()?;
        let (by, before) = rest.split_first_chunk::<16>()?;
        let before = Millis(i64::from_be_bytes(before.try_into().ok()?));
        Some(Self { at: Millis(i64::from_be_bytes(*at)), by: SendId::from_bytes(*by), before })
    }
}

/// People of the last 24 hours, and when.
#[derive(Debug)]
struct Day<T> {
    people: BTreeMap<String, T>,
    order: BTreeSet<(Millis, String)>,
}

impl<T> Default for Day<T> {
    fn default() -> Self {
        Self { people: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<T: Copy> Day<T> {
    fn put(&mut self, person: &str, at: Millis, what: T, before: Option<Millis>) {
        if let Some(before) = before {
            self.order.remove(&(before, person.to_owned()));
        }
        self.order.insert((at, person.to_owned()));
        self.people.insert(person.to_owned(), what);
    }

    fn remove(&mut self, person: &str, at: Millis) {
        self.order.remove(&(at, person.to_owned()));
        self.people.remove(person);
    }

    /// Takes out who is over 24 hours past.
    fn expire(&mut self, now: Millis) -> Vec<String> {
        let mut gone = Vec::new();
        while self.order.first().is_some_and(|(at, _)| at.plus(Millis::DAY) <= now) {
            if let Some((_, person)) = self.order.pop_first() {
                self.people.remove(&person);
                gone.push(person);
            }
        }
        gone
    }
}

/// What the ledger knows of its portfolios.
#[derive(Debug, Default)]
pub(super) struct Reach {
    numbers: BTreeMap<String, Share>,
    reached: BTreeMap<(TenantId, String), Day<Reached>>,
    wrote: BTreeMap<String, Day<Millis>>,
}

impl Reach {
    /// Takes a number into memory; without a portfolio of its own its business account stands for one.
    pub fn know(&mut self, number: &str, tenant: TenantId, portfolio: String, limit: Option<i64>) {
        self.numbers.insert(number.to_owned(), Share { tenant, portfolio, limit: limit.filter(|limit| *limit > 0) });
    }

    fn limited(&self, number: &str) -> Option<(&Share, i64)> {
        let share = self.numbers.get(number)?;
        Some((share, share.limit?))
    }

    /// Whether the person's 24 h window with this number is open.
    fn may_write(&self, number: &str, person: &str, now: Millis) -> bool {
        self.wrote.get(number).and_then(|day| day.people.get(person)).is_some_and(|at| at.plus(Millis::DAY) > now)
    }

    /// Numbers of the portfolio that this number belongs to.
    pub fn siblings(&self, number: &str) -> Vec<String> {
        let Some(share) = self.numbers.get(number) else { return Vec::new() };
        let same = |other: &Share| other.tenant == share.tenant && other.portfolio == share.portfolio;
        self.numbers.iter().filter(|(_, other)| same(other)).map(|(name, _)| name.clone()).collect()
    }

    /// The hold that this number's limit opens.
    pub fn key(&self, number: &str) -> Option<Key> {
        self.numbers.get(number).map(|share| (share.tenant, HoldScope::Portfolio, share.portfolio.clone()))
    }
}

fn reached_key(tenant: TenantId, portfolio: &str, person: &str) -> Vec<u8> {
    [tenant.as_bytes().as_slice(), portfolio.as_bytes(), &[0], person.as_bytes()].concat()
}

fn wrote_key(number: &str, person: &str) -> Vec<u8> {
    [number.as_bytes(), &[0], person.as_bytes()].concat()
}

impl Ledger {
    /// Reads who was reached and who wrote; after the numbers.
    pub(super) fn reload_reach(&mut self, state: &dyn Read) -> Result<(), Error> {
        let bad = || Error::Value("reach: not a row of ours".into());
        state.scan(REACHED, &mut |key, value| {
            let (tenant, rest) = key.split_first_chunk::<16>().ok_or_else(bad)?;
            let (portfolio, person) = std::str::from_utf8(rest).ok().and_then(|rest| rest.split_once('\0')).ok_or_else(bad)?;
            let reached = Reached::from_bytes(value).ok_or_else(bad)?;
            let day = self.reach.reached.entry((TenantId::from_bytes(*tenant), portfolio.to_owned())).or_default();
            day.put(person, reached.at, reached, None);
            Ok(())
        })?;
        state.scan(WROTE, &mut |key, value| {
            let (number, person) = std::str::from_utf8(key).ok().and_then(|key| key.split_once('\0')).ok_or_else(bad)?;
            let at = Millis(i64::from_be_bytes(value.try_into().map_err(|_| bad())?));
            self.reach.wrote.entry(number.to_owned()).or_default().put(person, at, at, None);
            Ok(())
        })
    }

    /// A message of a customer opens the window with this number.
    pub(super) fn wrote(&mut self, cx: &mut Context<'_>, event: &Event) {
        if self.reach.limited(&event.account).is_none() {
            return;
        }
        let day = self.reach.wrote.entry(event.account.clone()).or_default();
        for person in day.expire(cx.now) {
            cx.state.delete(WROTE, &wrote_key(&event.account, &person));
        }
        let at = Millis(event.at_ms).min(cx.now);
        for person in names(event) {
            let before = day.people.get(&person).copied();
            if before.is_none_or(|before| before < at) {
                day.put(&person, at, at, before);
                cx.state.put(WROTE, &wrote_key(&event.account, &person), at.0.to_be_bytes().to_vec());
            }
        }
    }

    /// Whether this send must wait because its portfolio has reached as many people as it may; counts its person otherwise.
    pub(super) fn beyond_reach(&mut self, cx: &mut Context<'_>, item: &Item, outbound: &Outbound) -> Result<bool, Poison> {
        let Some((share, limit)) = self.reach.limited(&outbound.account) else { return Ok(false) };
        let Share { tenant, portfolio, .. } = share.clone();
        if content(&outbound.body).template.is_none() || self.reach.may_write(&outbound.account, &outbound.to, cx.now) {
            return Ok(false);
        }
        let day = self.reach.reached.entry((tenant, portfolio.clone())).or_default();
        for person in day.expire(cx.now) {
            cx.state.delete(REACHED, &reached_key(tenant, &portfolio, &person));
        }
        let known = day.people.get(&outbound.to).copied();
        if known.is_none() && day.people.len() as i64 >= limit {
            let free_at = day.order.first().map_or(cx.now, |(at, _)| at.plus(Millis::DAY));
            let key = (tenant, HoldScope::Portfolio, portfolio);
            self.hold_reach(cx, &key, limit, free_at)?;
            self.park(key, item, cx.now);
            return Ok(true);
        }
        let reached = Reached { at: cx.now, by: outbound.send_id, before: known.map_or(Millis(0), |known| known.at) };
        day.put(&outbound.to, cx.now, reached, known.map(|known| known.at));
        cx.state.put(REACHED, &reached_key(tenant, &portfolio, &outbound.to), reached.to_bytes());
        if known.is_none() {
            self.lift(cx, &(tenant, HoldScope::Portfolio, portfolio), "somebody's 24 hours are over")?;
        }
        Ok(false)
    }

    fn hold_reach(&mut self, cx: &mut Context<'_>, key: &Key, limit: i64, free_at: Millis) -> Result<(), Poison> {
        if self.holds.waits_until(key).is_some_and(|until| until > cx.now) {
            return Ok(());
        }
        let since_ms = self.holds.since(key).unwrap_or(cx.now.0);
        let detail = format!("{limit} different people were reached outside open windows within 24 hours: Meta's limit");
        let hold = Hold {
            until_ms: free_at.max(cx.now.plus(AGAIN_MS)).0,
            at_ms: cx.now.0,
            ..Hold::open(key.0, key.1, key.2.clone(), detail, since_ms)
        };
        self.put_hold(cx, key.clone(), hold)
    }

    /// An attempt was proven negative: its person was not reached by it.
    pub(super) fn give_back(&mut self, cx: &mut Context<'_>, outbound: &Outbound) {
        self.uncount(cx, outbound);
        let Some((share, _)) = self.reach.limited(&outbound.account) else { return };
        let Share { tenant, portfolio, .. } = share.clone();
        let Some(day) = self.reach.reached.get_mut(&(tenant, portfolio.clone())) else { return };
        let Some(reached) = day.people.get(&outbound.to).copied().filter(|reached| reached.by == outbound.send_id) else { return };
        let key = reached_key(tenant, &portfolio, &outbound.to);
        if reached.before > Millis(0) && reached.before.plus(Millis::DAY) > cx.now {
            let back = Reached { at: reached.before, ..reached };
            day.put(&outbound.to, back.at, back, Some(reached.at));
            cx.state.put(REACHED, &key, back.to_bytes());
        } else {
            day.remove(&outbound.to, reached.at);
            cx.state.delete(REACHED, &key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reached_comes_back_from_its_bytes() {
        let reached = Reached { at: Millis(7), by: SendId::from_bytes([9; 16]), before: Millis(3) };
        assert_eq!(Reached::from_bytes(&reached.to_bytes()), Some(reached));
        assert_eq!(Reached::from_bytes(b"short"), None);
    }
}
