//! The ledger: what shall be sent, what may go now, what became of it.
//!
//! ```text
//! planned → in_flight → accepted
//!    ▲          │  └──→ failed                    (Meta's refusal, permanent)
//!    └──────────┤                                 (proven negative: refused but worth another try, or never written)
//!               └────→ unknown → accepted         (a status webhook with our callback data)
//!                          └───→ quarantined      (nothing came within the deadline)
//! ```
//!
//! A committed attempt is repeated only when it is proven negative. Crash, time-out, 5xx or a broken body give unknown,
//! which no timer ever turns into another transmission.

mod account;
mod campaign;
pub mod caps;
mod configuration;
mod content;
pub mod dry_run;
mod forget;
mod holds;
mod memory;
mod opt_out;
mod reach;
pub mod schedule;
mod settle;
mod window;

use sluice_schemas::codec::{Codec, Codecs};
use sluice_schemas::ids::{SendId, TenantId};
use sluice_schemas::record::{
    Claim, Config, Control, Demand, Event, Hold, LedgerEntry, OptOut, Outbound, SendResult, SendState, StateCampaign, StateSend,
};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, CAMPAIGN_CONTROL, CONFIG, EVENTS, SEND_CLAIMS, SEND_LEDGER, SEND_RESULTS};

use crate::chain::{Chain, Context, Incoming, Poison};
use crate::domain::callback::Keys;
use crate::state::Read;

pub use memory::Ledger;
pub use schedule::{Item, Schedule};

/// Table of sends: send id → `StateSend`.
const SENDS: u8 = 1;
/// Table of campaigns: campaign id → `StateCampaign`.
const CAMPAIGNS: u8 = 2;
/// Table of numbers: account → JSON of `configuration::Number`.
const NUMBERS: u8 = 3;
/// Table of plans: tenant → JSON of `caps::Plan`.
const PLANS: u8 = 8;

/// After its slot a claim may be written for this long.
pub const LEASE_MS: i64 = 2_000;
/// An attempt without an answer is unknown after its lease, the HTTP time-out, and this long for the way of the answer.
const ANSWER_MS: i64 = 10_000;
/// Claims between two records at most: some milliseconds of work.
const CLAIMS: usize = 256;
/// Attempts that Meta may refuse before a send fails.
const MAX_FAILURES: i32 = 8;

/// What the ledger is told at start.
#[derive(Clone)]
pub struct Settings {
    /// Keys of the callback data.
    pub keys: Keys,
    /// The sender gives up an HTTP exchange after this time, milliseconds.
    pub http_timeout_ms: i64,
    /// An unknown send is quarantined after this time, milliseconds.
    pub unknown_deadline_ms: i64,
}

/// Codecs of everything the ledger reads and writes.
pub(crate) struct Io {
    outbound: Codec<Outbound>,
    result: Codec<SendResult>,
    control: Codec<Control>,
    config: Codec<Config>,
    event: Codec<Event>,
    claim: Codec<Claim>,
    entry: Codec<LedgerEntry>,
    demand: Codec<Demand>,
    hold: Codec<Hold>,
    opt_out: Codec<OptOut>,
    send: Codec<StateSend>,
    campaign: Codec<StateCampaign>,
}

impl Io {
    fn new(codecs: &Codecs) -> Self {
        Self {
            outbound: codecs.of(),
            result: codecs.of(),
            control: codecs.of(),
            config: codecs.of(),
            event: codecs.of(),
            claim: codecs.of(),
            entry: codecs.of(),
            demand: codecs.of(),
            hold: codecs.of(),
            opt_out: codecs.of(),
            send: codecs.of(),
            campaign: codecs.of(),
        }
    }
}

fn poison(tenant: TenantId) -> impl Fn(sluice_schemas::codec::Error) -> Poison {
    move |e| Poison { stage: "ledger", kind: e.kind(), detail: e.to_string(), tenant }
}

impl Chain for Ledger {
    fn load(&mut self, state: &dyn Read) -> Result<(), crate::state::Error> {
        self.reload(state)
    }

    fn record(&mut self, cx: &mut Context<'_>, record: &Incoming<'_>) -> Result<(), Poison> {
        let bad = poison(TenantId::UNKNOWN);
        match record.topic {
            SEND_RESULTS => {
                let result = self.io.result.decode(record.value).map_err(bad)?;
                self.settle(cx, &result)?;
            }
            EVENTS => {
                let event = self.io.event.decode(record.value).map_err(bad)?;
                self.event(cx, &event)?;
            }
            CAMPAIGN_CONTROL => {
                let control = self.io.control.decode(record.value).map_err(bad)?;
                self.control(cx, &control)?;
            }
            CONFIG => {
                let config = self.io.config.decode(record.value).map_err(bad)?;
                self.configure(cx, &config)?;
            }
            _ => {
                let outbound = self.io.outbound.decode(record.value).map_err(bad)?;
                self.plan(cx, &outbound, record.value)?;
            }
        }
        self.advance(cx)
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        self.fire(cx);
        self.wake(cx.now);
        self.forget(cx);
        self.forget_claims(cx);
        // Encoding our own records cannot fail on input; a failure here would repeat at the next tick and show in the logs.
        if let Err(e) = self.advance(cx) {
            tracing::error!(detail = e.detail, "ledger tick");
        }
    }

    fn due(&self) -> Option<Millis> {
        self.next_due()
    }
}

impl Ledger {
    /// Takes over a send, once: a repeat of its id changes nothing.
    fn plan(&mut self, cx: &mut Context<'_>, outbound: &Outbound, framed: &[u8]) -> Result<(), Poison> {
        self.arrived(cx, outbound)?;
        if cx.state.get(SENDS, outbound.send_id.as_bytes()).is_some() {
            return Ok(());
        }
        Self::in_memory(cx, outbound)?;
        self.order += 1;
        let mut send = StateSend {
            state: SendState::Planned,
            attempt: 0,
            failures: 0,
            order: self.order,
            due_ms: 0,
            wamid: None,
            outbound: Some(framed.to_vec()),
        };
        let cancelled = outbound.campaign.is_some_and(|campaign| self.is_cancelled(campaign));
        let unwanted = self.unwanted(cx, outbound)?;
        let detail = match outbound.suppressed.as_ref().or(unwanted.as_ref()) {
            Some(reason) => {
                Self::end(cx, &mut send, SendState::Suppressed);
                Some(reason.clone())
            }
            None if cancelled => {
                Self::end(cx, &mut send, SendState::Cancelled);
                Some("the campaign was cancelled".to_owned())
            }
            None => None,
        };
        if send.state == SendState::Planned {
            send.due_ms = window::opens(outbound, cx.now).map_or(0, |opening| opening.0);
            self.schedule.add(Item { ready: cx.now, ..item(outbound, &send) });
        }
        self.store(cx, outbound.send_id, &send)?;
        self.enter(cx, outbound, &send, Step { code: None, detail, first: true })
    }

    /// Claims whatever may go now and asks for more audience where it runs short. After some claims the next record has its turn: it may be
    /// a reply that goes before what is left.
    fn advance(&mut self, cx: &mut Context<'_>) -> Result<(), Poison> {
        for _ in 0..CLAIMS {
            let Some((item, slot)) = self.schedule.next(cx.now) else { break };
            self.claim(cx, &item, slot)?;
        }
        self.pull(cx)
    }

    fn claim(&mut self, cx: &mut Context<'_>, item: &Item, slot: Millis) -> Result<(), Poison> {
        let Some((mut send, outbound)) = self.load_send(cx, item.id)? else { return Ok(()) };
        if self.waits(cx, item, &outbound)? {
            return Ok(());
        }
        let unwanted = self.unwanted(cx, &outbound)?;
        if let Some(reason) = unwanted.or_else(|| self.capped(cx, &outbound)) {
            return self.suppress(cx, item, send, &outbound, reason);
        }
        if self.out_of_hours(cx, item, &mut send, &outbound)? || self.beyond_reach(cx, item, &outbound)? {
            return Ok(());
        }
        self.count(cx, &outbound);
        send.state = SendState::InFlight;
        send.attempt += 1;
        let not_after = slot.plus(LEASE_MS);
        self.set_timer(item.id, &mut send, not_after.plus(self.settings.http_timeout_ms + ANSWER_MS));
        self.store(cx, item.id, &send)?;
        let claim = Claim {
            tenant: outbound.tenant,
            account: outbound.account.clone(),
            channel: outbound.channel.clone(),
            send_id: item.id,
            attempt: send.attempt,
            to: outbound.to.clone(),
            lane: outbound.lane,
            slot_ms: slot.0,
            not_after_ms: not_after.0,
            body: outbound.body.clone(),
            trace: outbound.trace,
        };
        let value = self.io.claim.encode(&claim).map_err(poison(outbound.tenant))?;
        cx.emit(SEND_CLAIMS, topics::key(outbound.tenant, &item.id), value);
        self.enter(cx, &outbound, &send, Step::default())
    }

    /// Reads a send that has not ended, with its payload.
    fn load_send(&self, cx: &mut Context<'_>, id: SendId) -> Result<Option<(StateSend, Outbound)>, Poison> {
        let bad = poison(TenantId::UNKNOWN);
        let Some(bytes) = cx.state.get(SENDS, id.as_bytes()) else { return Ok(None) };
        let send = self.io.send.decode(&bytes).map_err(&bad)?;
        let Some(framed) = &send.outbound else { return Ok(None) };
        let outbound = self.io.outbound.decode(framed).map_err(&bad)?;
        Ok(Some((send, outbound)))
    }

    fn store(&self, cx: &mut Context<'_>, id: SendId, send: &StateSend) -> Result<(), Poison> {
        let bytes = self.io.send.encode(send).map_err(poison(TenantId::UNKNOWN))?;
        cx.state.put(SENDS, id.as_bytes(), bytes);
        Ok(())
    }

    /// Writes a step to `send.ledger`.
    fn enter(&self, cx: &mut Context<'_>, outbound: &Outbound, send: &StateSend, step: Step) -> Result<(), Poison> {
        let entry = LedgerEntry {
            tenant: outbound.tenant,
            account: outbound.account.clone(),
            channel: outbound.channel.clone(),
            send_id: outbound.send_id,
            state: send.state,
            attempt: send.attempt,
            wamid: send.wamid.clone(),
            code: step.code,
            detail: step.detail,
            conversation: outbound.conversation,
            campaign: outbound.campaign,
            seq: outbound.seq,
            to: outbound.to.clone(),
            body: step.first.then(|| outbound.body.clone()),
            at_ms: cx.now.0,
            trace: outbound.trace,
        };
        let value = self.io.entry.encode(&entry).map_err(poison(outbound.tenant))?;
        cx.emit(SEND_LEDGER, topics::key(outbound.tenant, &outbound.send_id), value);
        Ok(())
    }
}

/// What a step of `send.ledger` says beyond the state.
#[derive(Default)]
struct Step {
    code: Option<i32>,
    detail: Option<String>,
    first: bool,
}

fn item(outbound: &Outbound, send: &StateSend) -> Item {
    Item {
        id: outbound.send_id,
        tenant: outbound.tenant,
        order: send.order,
        not_before: Millis(send.due_ms),
        ready: Millis(send.due_ms),
        lane: outbound.lane,
        account: outbound.account.clone(),
        to: outbound.to.clone(),
        campaign: outbound.campaign,
    }
}

#[cfg(test)]
mod tests;
