//! Holds: what sends wait for beyond time and turns, such as a token that Meta refuses, and what ends the wait.
//!
//! A hold of a number, an account or the app closes the gates of its numbers in the schedule. One of a template or a flow is met when a
//! send is to be claimed: a campaign of it stands still, other sends are parked. After its pause one send is tried: accepted, it lifts the
//! hold; refused, the next pause is longer. Refusals that open or keep a hold do not count as failures of the send, so that lifting the
//! cause loses nothing.

use std::collections::BTreeMap;

use sluice_schemas::ids::{CampaignId, SendId, TenantId};
use sluice_schemas::meta::codes::{self, Scope};
use sluice_schemas::record::{ControlState, Hold, HoldScope, Outbound, SendResult};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, HOLDS};

use super::content::content;
use super::{Item, Ledger, poison};
use crate::chain::{Context, Poison};
use crate::state::{Error, Read};

/// Table of holds: tenant, scope, `/`, name → `Hold`.
const TABLE: u8 = 4;
/// The first pause before a send is tried; each refusal makes it four times as long, …
const PAUSE_MS: i64 = 60_000;
/// … up to this.
const LONGEST_PAUSE_MS: i64 = Millis::HOUR;
/// Meta pauses a template for 3 h at first (contract §9); its webhook lifts the hold sooner.
const CONTENT_PAUSE_MS: i64 = 3 * Millis::HOUR;
/// The next send is not tried before the answer to this one must have come.
const PROBE_MS: i64 = 60_000;
/// Meta's spam limit of a number: trying makes it worse (contract §7).
const SPAM: i32 = 131_048;
/// Until nobody knows when.
const FAR: Millis = Millis(i64::MAX / 4);

/// What is held: owner, scope, name.
pub(super) type Key = (TenantId, HoldScope, String);

/// What the ledger knows of a number.
#[derive(Debug, Clone, Default)]
pub(super) struct Number {
    pub tenant: TenantId,
    /// WhatsApp Business account; the number itself on other channels.
    pub account: String,
    pub display: Option<String>,
}

/// Everything held on a partition.
#[derive(Debug, Default)]
pub(super) struct Holds {
    open: BTreeMap<Key, Hold>,
    /// Sends that wait for a template or flow.
    parked: BTreeMap<Key, Vec<Item>>,
    /// Campaigns that do.
    campaigns: BTreeMap<CampaignId, Key>,
    pub numbers: BTreeMap<String, Number>,
}

impl Holds {
    fn account(&self, number: &str) -> String {
        self.numbers.get(number).map_or_else(|| number.to_owned(), |known| known.account.clone())
    }

    /// Keys whose hold closes the gate of this number.
    fn gates(&self, tenant: TenantId, number: &str) -> [Key; 3] {
        [
            (tenant, HoldScope::Number, number.to_owned()),
            (tenant, HoldScope::Account, self.account(number)),
            (tenant, HoldScope::App, "-".to_owned()),
        ]
    }

    /// When the gate of a number opens.
    fn gate(&self, tenant: TenantId, number: &str) -> Millis {
        self.gates(tenant, number).iter().filter_map(|key| self.open.get(key)).map(until).max().unwrap_or(Millis(0))
    }

    /// Numbers whose gate a hold of this key closes. An account of which no number is known goes by the number's own name.
    fn concerned(&self, (tenant, scope, name): &Key) -> Vec<String> {
        let of = |matches: &dyn Fn(&Number) -> bool| -> Vec<String> {
            self.numbers.iter().filter(|(_, number)| number.tenant == *tenant && matches(number)).map(|(id, _)| id.clone()).collect()
        };
        match scope {
            HoldScope::Number => vec![name.clone()],
            HoldScope::Account => match of(&|number| number.account == *name) {
                none if none.is_empty() => vec![name.clone()],
                some => some,
            },
            HoldScope::App => of(&|_| true),
            HoldScope::Template | HoldScope::Flow | HoldScope::Portfolio | HoldScope::Chain => Vec::new(),
        }
    }

    /// When a hold ends by itself, if there is one.
    pub fn waits_until(&self, key: &Key) -> Option<Millis> {
        self.open.get(key).map(until)
    }

    /// When a hold began, if there is one.
    pub fn since(&self, key: &Key) -> Option<i64> {
        self.open.get(key).map(|hold| hold.since_ms)
    }

    /// The numbers of a business account.
    pub fn of_account(&self, tenant: TenantId, account: &str) -> Vec<String> {
        let here = |number: &Number| number.tenant == tenant && number.account == account;
        self.numbers.iter().filter(|(_, number)| here(number)).map(|(name, _)| name.clone()).collect()
    }

    /// The number that people know under this spelling.
    pub fn displayed(&self, tenant: TenantId, display: &str) -> Option<String> {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let named = |number: &&Number| number.display.as_deref().is_some_and(|known| digits(known) == digits(display));
        self.numbers.iter().find(|(_, number)| number.tenant == tenant && named(number)).map(|(account, _)| account.clone())
    }
}

fn until(hold: &Hold) -> Millis {
    if hold.until_ms < 0 { FAR } else { Millis(hold.until_ms) }
}

fn state_key((tenant, scope, name): &Key) -> Vec<u8> {
    [tenant.as_bytes(), scope.name().as_bytes(), b"/", name.as_bytes()].concat()
}

impl Ledger {
    /// Reads the holds; after the numbers, before the sends.
    pub(super) fn reload_holds(&mut self, state: &dyn Read) -> Result<(), Error> {
        state.scan(TABLE, &mut |_, value| {
            let hold = self.io.hold.decode(value).map_err(|e| Error::Value(e.to_string()))?;
            self.holds.open.insert((hold.tenant, hold.scope, hold.name.clone()), hold);
            Ok(())
        })?;
        let keys: Vec<Key> = self.holds.open.keys().cloned().collect();
        for key in &keys {
            self.gate(key);
        }
        Ok(())
    }

    /// What a refusal says must wait, if anything: beyond this one send and for longer than a throttle.
    fn cause(&self, outbound: &Outbound, result: &SendResult) -> Option<Key> {
        let verdict = codes::classify(None, result.code.map(i64::from), None, None);
        let name = outbound.account.clone();
        let (scope, name) = match (result.class.as_deref()?, verdict.slows) {
            ("account", Some(Scope::Account)) => (HoldScope::Account, self.holds.account(&name)),
            ("account", _) | ("hold", Some(Scope::Number)) => (HoldScope::Number, name),
            ("hold", Some(Scope::Template)) => (HoldScope::Template, content(&outbound.body).template?),
            ("hold" | "throttle", Some(Scope::Flow)) => (HoldScope::Flow, content(&outbound.body).flow?),
            _ => return None,
        };
        Some((outbound.tenant, scope, name))
    }

    /// Opens a hold, or makes an open one last longer, where the refusal calls for one; says whether it did.
    pub(super) fn hold_for(&mut self, cx: &mut Context<'_>, outbound: &Outbound, result: &SendResult) -> Result<bool, Poison> {
        let Some(key) = self.cause(outbound, result) else { return Ok(false) };
        let before = self.holds.open.get(&key);
        // Answers to what was under way when the hold began say nothing new.
        if before.is_some_and(|hold| hold.probe != Some(outbound.send_id)) {
            return Ok(true);
        }
        let (since_ms, refusals) = before.map_or((cx.now.0, 1), |hold| (hold.since_ms, hold.refusals + 1));
        let hold = Hold {
            tenant: key.0,
            scope: key.1,
            name: key.2.clone(),
            code: result.code,
            detail: result.detail.clone(),
            since_ms,
            until_ms: pause(key.1, result.code, refusals).map_or(-1, |pause| cx.now.plus(pause).0),
            refusals,
            probe: None,
            lifted: None,
            at_ms: cx.now.0,
        };
        self.put_hold(cx, key, hold)?;
        Ok(true)
    }

    pub(super) fn put_hold(&mut self, cx: &mut Context<'_>, key: Key, hold: Hold) -> Result<(), Poison> {
        self.store_hold(cx, &key, &hold, true)?;
        self.holds.open.insert(key.clone(), hold);
        self.gate(&key);
        Ok(())
    }

    /// Whether this send waits for a hold; one that is tried instead becomes the hold's probe.
    pub(super) fn waits(&mut self, cx: &mut Context<'_>, item: &Item, outbound: &Outbound) -> Result<bool, Poison> {
        if self.holds.open.is_empty() {
            return Ok(false);
        }
        let said = content(&outbound.body);
        let template = said.template.map(|name| (outbound.tenant, HoldScope::Template, name));
        let flow = said.flow.map(|name| (outbound.tenant, HoldScope::Flow, name));
        let about: Vec<Key> = template.into_iter().chain(flow).filter(|key| self.holds.open.contains_key(key)).collect();
        if let Some(key) = about.iter().find(|key| self.holds.open.get(key).is_some_and(|hold| until(hold) > cx.now)) {
            self.park(key.clone(), item, cx.now);
            return Ok(true);
        }
        for key in about.into_iter().chain(self.holds.gates(outbound.tenant, &outbound.account)) {
            self.probe(cx, &key, item.id)?;
        }
        Ok(false)
    }

    /// Puts a send aside; its pair and its place among the open claims are free again.
    pub(super) fn park(&mut self, key: Key, item: &Item, now: Millis) {
        self.schedule.release(&item.account, &item.to, now);
        match item.campaign {
            Some(campaign) => {
                self.schedule.hold(campaign);
                self.schedule.add(item.clone());
                self.holds.campaigns.insert(campaign, key);
            }
            None => self.holds.parked.entry(key).or_default().push(item.clone()),
        }
    }

    fn probe(&mut self, cx: &mut Context<'_>, key: &Key, id: SendId) -> Result<(), Poison> {
        let Some(hold) = self.holds.open.get_mut(key) else { return Ok(()) };
        hold.probe = Some(id);
        hold.until_ms = cx.now.plus(PROBE_MS).0;
        let hold = hold.clone();
        self.store_hold(cx, key, &hold, false)?;
        self.gate(key);
        Ok(())
    }

    /// A send was accepted: holds that it was the probe of are lifted.
    pub(super) fn proven(&mut self, cx: &mut Context<'_>, id: SendId) -> Result<(), Poison> {
        for key in self.probed(id) {
            self.lift(cx, &key, "a send was accepted")?;
        }
        Ok(())
    }

    /// A send failed for a reason of its own: holds that it was the probe of try another one.
    pub(super) fn unproven(&mut self, cx: &mut Context<'_>, id: SendId) -> Result<(), Poison> {
        for key in self.probed(id) {
            let Some(hold) = self.holds.open.get_mut(&key) else { continue };
            hold.probe = None;
            hold.until_ms = cx.now.0;
            let hold = hold.clone();
            self.store_hold(cx, &key, &hold, false)?;
            self.gate(&key);
            self.unpark(&key);
        }
        Ok(())
    }

    fn probed(&self, id: SendId) -> Vec<Key> {
        self.holds.open.iter().filter(|(_, hold)| hold.probe == Some(id)).map(|(key, _)| key.clone()).collect()
    }

    /// Ends a hold, if there is one: what waited goes on.
    pub(super) fn lift(&mut self, cx: &mut Context<'_>, key: &Key, why: &str) -> Result<(), Poison> {
        let Some(mut hold) = self.holds.open.remove(key) else { return Ok(()) };
        hold.lifted = Some(why.to_owned());
        hold.at_ms = cx.now.0;
        self.store_hold(cx, key, &hold, true)?;
        self.gate(key);
        self.unpark(key);
        Ok(())
    }

    /// [`Ledger::lift`] of a hold that began at `at_ms` or before.
    pub(super) fn lift_older(&mut self, cx: &mut Context<'_>, key: &Key, at_ms: i64, why: &str) -> Result<(), Poison> {
        let older = self.holds.open.get(key).is_some_and(|hold| hold.since_ms <= at_ms);
        if older { self.lift(cx, key, why) } else { Ok(()) }
    }

    /// A number was edited, perhaps its token: what Meta refused is tried again. Its spam limit is not lifted by that.
    pub(super) fn number_changed(&mut self, cx: &mut Context<'_>, tenant: TenantId, number: &str, at_ms: i64) -> Result<(), Poison> {
        for key in self.holds.gates(tenant, number) {
            if self.holds.open.get(&key).is_some_and(|hold| hold.code != Some(SPAM)) {
                self.lift_older(cx, &key, at_ms, "the number was edited")?;
            }
        }
        Ok(())
    }

    /// A tenant was edited, perhaps its suspension: holds that are our own, not Meta's, are tried again.
    pub(super) fn tenant_changed(&mut self, cx: &mut Context<'_>, tenant: TenantId, at_ms: i64) -> Result<(), Poison> {
        let own = |(key, hold): (&Key, &Hold)| (key.0 == tenant && key.1 == HoldScope::Number && hold.code.is_none()).then(|| key.clone());
        let keys: Vec<Key> = self.holds.open.iter().filter_map(own).collect();
        for key in keys {
            self.lift_older(cx, &key, at_ms, "the tenant was edited")?;
        }
        Ok(())
    }

    /// Meta says that a template is paused or disabled.
    pub(super) fn hold_template(&mut self, cx: &mut Context<'_>, key: Key, detail: String) -> Result<(), Poison> {
        if self.holds.open.contains_key(&key) {
            return Ok(());
        }
        let (tenant, scope, name) = key.clone();
        let hold = Hold::open(tenant, scope, name, detail, cx.now.0);
        self.put_hold(cx, key, hold)
    }

    /// Meta is content with a number again.
    pub(super) fn unflagged(&mut self, cx: &mut Context<'_>, tenant: TenantId, display: &str) -> Result<(), Poison> {
        match self.holds.displayed(tenant, display) {
            Some(number) => self.lift(cx, &(tenant, HoldScope::Number, number), "Meta unflagged the number"),
            None => Ok(()),
        }
    }

    /// Opens or closes the schedule's gates of every number that the hold concerns.
    fn gate(&mut self, key: &Key) {
        for number in self.holds.concerned(key) {
            self.schedule.gate(&number, self.holds.gate(key.0, &number));
        }
    }

    /// A throttle of Meta slows what it names: the number, all of the account, or all that the tenant sends.
    pub(super) fn throttle(&mut self, outbound: &Outbound, code: Option<i32>, until: Millis) {
        let key = match codes::classify(None, code.map(i64::from), None, None).slows {
            Some(Scope::Account) => (outbound.tenant, HoldScope::Account, self.holds.account(&outbound.account)),
            Some(Scope::App) => (outbound.tenant, HoldScope::App, "-".to_owned()),
            _ => (outbound.tenant, HoldScope::Number, outbound.account.clone()),
        };
        self.schedule.hold_number(&outbound.account, until);
        for number in self.holds.concerned(&key) {
            self.schedule.hold_number(&number, until);
        }
    }

    fn unpark(&mut self, key: &Key) {
        for item in self.holds.parked.remove(key).unwrap_or_default() {
            self.schedule.add(item);
        }
        let waiting: Vec<CampaignId> = self.holds.campaigns.iter().filter(|(_, of)| *of == key).map(|(id, _)| *id).collect();
        for id in waiting {
            self.holds.campaigns.remove(&id);
            if let Some(campaign) = self.campaigns.get(&id).filter(|campaign| campaign.state == ControlState::Running) {
                self.schedule.run(id, campaign.throttle);
            }
        }
    }

    /// When parked sends are tried: the schedule does not know of them.
    pub(super) fn holds_due(&self) -> Option<Millis> {
        let waiting = self.holds.parked.keys().chain(self.holds.campaigns.values());
        waiting.filter_map(|key| self.holds.open.get(key)).map(until).filter(|until| *until < FAR).min()
    }

    /// Lets parked sends try again whose hold's pause is over.
    pub(super) fn wake(&mut self, now: Millis) {
        let over = |key: &&Key| self.holds.open.get(*key).is_some_and(|hold| until(hold) <= now);
        let keys: Vec<Key> = self.holds.parked.keys().chain(self.holds.campaigns.values()).filter(over).cloned().collect();
        for key in &keys {
            self.unpark(key);
        }
    }

    fn store_hold(&self, cx: &mut Context<'_>, key: &Key, hold: &Hold, tell: bool) -> Result<(), Poison> {
        let value = self.io.hold.encode(hold).map_err(poison(hold.tenant))?;
        if hold.lifted.is_some() {
            cx.state.delete(TABLE, &state_key(key));
        } else {
            cx.state.put(TABLE, &state_key(key), &value);
        }
        if tell {
            cx.emit(HOLDS, topics::key(hold.tenant, &format_args!("{}/{}", hold.scope.name(), hold.name)), value);
        }
        Ok(())
    }
}

/// How long to wait before a send is tried; `None` until somebody lifts it.
fn pause(scope: HoldScope, code: Option<i32>, refusals: i32) -> Option<i64> {
    match (scope, code) {
        (_, Some(SPAM)) => None,
        (HoldScope::Template | HoldScope::Flow, _) => Some(CONTENT_PAUSE_MS),
        _ => Some((PAUSE_MS * 4_i64.pow((refusals - 1).clamp(0, 4) as u32)).min(LONGEST_PAUSE_MS)),
    }
}
