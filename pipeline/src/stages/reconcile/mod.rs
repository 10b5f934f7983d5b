//! Reconcile: one lifecycle per outbound message, from the ledger's steps and Meta's statuses, in whatever order they come.
//!
//! The ledger's steps are in order; statuses are not (contract §1). A status is keyed by send id where it carries our
//! callback data, else by wamid; one that comes before its send is known waits for it. Each step that moves a message is
//! written once to `messages`, from where it stood to where it stands, so that counters can move one unit per record.

mod answer;
mod forget;
mod lattice;

use serde::Deserialize;
use sluice_schemas::codec::{Codec, Codecs};
use sluice_schemas::ids::{SendId, TenantId};
use sluice_schemas::record::{EarlyStatus, Event, LedgerEntry, Message, SendState, StateEarly, StateMessage};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, CONFIG, MESSAGES, SEND_LEDGER};

use crate::chain::{Chain, Context, Incoming, Poison};
use crate::domain::callback::Keys;
use crate::state::{Read, Sweep};

/// Table of messages: send id → `StateMessage`.
const MESSAGE: u8 = 1;
/// Table of wamids: account, 0, wamid → send id.
const WAMID: u8 = 2;
/// Table of statuses that wait: account, 0, wamid → `StateEarly`.
const EARLY: u8 = 3;
/// Table of the last campaign message to each person: account, 0, recipient → send id and when.
const LAST: u8 = 4;
/// Statuses kept for a send that is not known yet; Meta sends at most five kinds, some twice.
const MAX_EARLY: usize = 16;

/// The chain of one partition. It keeps nothing in memory but the place of its sweeps.
pub struct Reconcile {
    entry: Codec<LedgerEntry>,
    event: Codec<Event>,
    message: Codec<Message>,
    state: Codec<StateMessage>,
    early: Codec<StateEarly>,
    keys: Keys,
    messages: Sweep,
    waiting: Sweep,
}

/// The part of a status event that moves a message.
#[derive(Deserialize)]
struct Status {
    id: Option<String>,
    #[serde(rename = "status")]
    moved: Option<String>,
    callback_data: Option<String>,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    code: Option<i64>,
    title: Option<String>,
    details: Option<String>,
}

impl Reconcile {
    /// A reconcile chain; `keys` verify callback data.
    pub fn new(codecs: &Codecs, keys: Keys) -> Self {
        Self {
            entry: codecs.of(),
            event: codecs.of(),
            message: codecs.of(),
            state: codecs.of(),
            early: codecs.of(),
            keys,
            messages: Sweep::default(),
            waiting: Sweep::default(),
        }
    }

    fn ledger(&self, cx: &mut Context<'_>, entry: LedgerEntry) -> Result<(), Poison> {
        let before = self.load(cx, entry.send_id)?;
        let from = before.as_ref().map(|m| m.state);
        let mut state = before.unwrap_or_else(|| first(&entry));
        if let Some(wamid) = &entry.wamid {
            learn(cx, entry.send_id, &mut state, wamid);
        }
        if from.is_none() || lattice::ledger_may_move(state.state, entry.state) {
            state.state = entry.state;
            state.at_ms = entry.at_ms;
            answer::remember(cx, entry.send_id, &state);
            self.write(
                cx,
                entry.tenant,
                entry.send_id,
                &state,
                from,
                Said { code: entry.code, detail: entry.detail, body: entry.body, answer: None },
            )?;
        }
        self.save(cx, entry.send_id, &state)?;
        match &entry.wamid {
            Some(wamid) => self.catch_up(cx, entry.tenant, entry.send_id, state, wamid),
            None => Ok(()),
        }
    }

    /// Applies the statuses that waited for this wamid.
    fn catch_up(&self, cx: &mut Context<'_>, tenant: TenantId, id: SendId, mut state: StateMessage, wamid: &str) -> Result<(), Poison> {
        let key = account_key(&state.account, wamid);
        let Some(bytes) = cx.state.get(EARLY, &key) else { return Ok(()) };
        cx.state.delete(EARLY, &key);
        for status in self.early.decode(&bytes).map_err(bad(tenant))?.statuses {
            self.step(cx, tenant, id, &mut state, &status)?;
        }
        self.save(cx, id, &state)
    }

    fn status(&self, cx: &mut Context<'_>, event: &Event) -> Result<(), Poison> {
        let Ok(status) = serde_json::from_str::<Status>(&event.event) else { return Ok(()) };
        let (Some(wamid), Some(moved)) = (status.id.as_deref(), status.moved.as_deref().and_then(lattice::of_status)) else {
            return Ok(());
        };
        let fault = status.errors.into_iter().next();
        let step = EarlyStatus {
            state: moved,
            code: fault.as_ref().and_then(|f| f.code).and_then(|code| i32::try_from(code).ok()),
            detail: fault.and_then(|f| f.details.or(f.title)),
            at_ms: event.at_ms,
        };
        let by_callback = status.callback_data.and_then(|data| self.keys.verify(&event.account, &data)).map(|(id, _)| id);
        let Some(id) = by_callback.or_else(|| by_wamid(cx, &event.account, wamid)) else { return self.wait(cx, event, wamid, step) };
        let Some(mut state) = self.load(cx, id)? else { return self.wait(cx, event, wamid, step) };
        learn(cx, id, &mut state, wamid);
        self.step(cx, event.tenant, id, &mut state, &step)?;
        self.save(cx, id, &state)
    }

    fn wait(&self, cx: &mut Context<'_>, event: &Event, wamid: &str, step: EarlyStatus) -> Result<(), Poison> {
        let key = account_key(&event.account, wamid);
        let mut early = match cx.state.get(EARLY, &key) {
            Some(bytes) => self.early.decode(&bytes).map_err(bad(event.tenant))?,
            None => StateEarly { statuses: Vec::new() },
        };
        if early.statuses.len() < MAX_EARLY {
            early.statuses.push(step);
        }
        cx.state.put(EARLY, &key, self.early.encode(&early).map_err(bad(event.tenant))?);
        Ok(())
    }

    fn step(
        &self,
        cx: &mut Context<'_>,
        tenant: TenantId,
        id: SendId,
        state: &mut StateMessage,
        status: &EarlyStatus,
    ) -> Result<(), Poison> {
        if !lattice::status_may_move(state.state, status.state) {
            return Ok(());
        }
        let from = state.state;
        state.state = status.state;
        state.at_ms = status.at_ms;
        self.write(cx, tenant, id, state, Some(from), Said { code: status.code, detail: status.detail.clone(), body: None, answer: None })
    }

    fn write(
        &self,
        cx: &mut Context<'_>,
        tenant: TenantId,
        id: SendId,
        state: &StateMessage,
        from: Option<SendState>,
        said: Said,
    ) -> Result<(), Poison> {
        let message = Message {
            tenant,
            account: state.account.clone(),
            channel: state.channel.clone(),
            send_id: id,
            wamid: state.wamid.clone(),
            conversation: state.conversation,
            campaign: state.campaign,
            seq: state.seq,
            from,
            to: state.state,
            code: said.code,
            detail: said.detail,
            recipient: state.recipient.clone(),
            body: said.body,
            answer: said.answer,
            at_ms: state.at_ms,
            trace: state.trace,
        };
        let value = self.message.encode(&message).map_err(bad(tenant))?;
        cx.emit(MESSAGES, topics::key(tenant, &id), value);
        Ok(())
    }

    fn load(&self, cx: &mut Context<'_>, id: SendId) -> Result<Option<StateMessage>, Poison> {
        cx.state.get(MESSAGE, id.as_bytes()).map(|bytes| self.state.decode(&bytes).map_err(bad(TenantId::UNKNOWN))).transpose()
    }

    fn save(&self, cx: &mut Context<'_>, id: SendId, state: &StateMessage) -> Result<(), Poison> {
        cx.state.put(MESSAGE, id.as_bytes(), self.state.encode(state).map_err(bad(TenantId::UNKNOWN))?);
        Ok(())
    }
}

fn learn(cx: &mut Context<'_>, id: SendId, state: &mut StateMessage, wamid: &str) {
    if state.wamid.as_deref() != Some(wamid) {
        state.wamid = Some(wamid.to_owned());
        cx.state.put(WAMID, &account_key(&state.account, wamid), id.as_bytes().to_vec());
    }
}

/// What a step says beyond where it leads.
struct Said {
    code: Option<i32>,
    detail: Option<String>,
    body: Option<String>,
    answer: Option<String>,
}

fn first(entry: &LedgerEntry) -> StateMessage {
    StateMessage {
        state: entry.state,
        wamid: None,
        account: entry.account.clone(),
        channel: entry.channel.clone(),
        conversation: entry.conversation,
        campaign: entry.campaign,
        seq: entry.seq,
        recipient: entry.to.clone(),
        trace: entry.trace,
        at_ms: entry.at_ms,
        answered: false,
    }
}

/// The send that Meta calls so.
fn by_wamid(cx: &mut Context<'_>, account: &str, wamid: &str) -> Option<SendId> {
    let bytes = cx.state.get(WAMID, &account_key(account, wamid))?;
    <[u8; 16]>::try_from(bytes.as_slice()).ok().map(SendId::from)
}

fn account_key(account: &str, wamid: &str) -> Vec<u8> {
    [account.as_bytes(), &[0], wamid.as_bytes()].concat()
}

fn bad(tenant: TenantId) -> impl Fn(sluice_schemas::codec::Error) -> Poison {
    move |e| Poison { stage: "reconcile", kind: e.kind(), detail: e.to_string(), tenant }
}

impl Chain for Reconcile {
    fn load(&mut self, _: &dyn Read) -> Result<(), crate::state::Error> {
        (self.messages, self.waiting) = Default::default();
        Ok(())
    }

    fn record(&mut self, cx: &mut Context<'_>, record: &Incoming<'_>) -> Result<(), Poison> {
        if record.topic == SEND_LEDGER {
            let entry = self.entry.decode(record.value).map_err(bad(TenantId::UNKNOWN))?;
            return self.ledger(cx, entry);
        }
        // It has no configuration of its own; its cell listens there for what lets it go on.
        if record.topic == CONFIG {
            return Ok(());
        }
        let event = self.event.decode(record.value).map_err(bad(TenantId::UNKNOWN))?;
        match event.kind.as_str() {
            "status" => self.status(cx, &event),
            "inbound" => self.answer(cx, &event),
            _ => Ok(()),
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        self.forget(cx);
    }

    fn due(&self) -> Option<Millis> {
        Some(self.messages.due().min(self.waiting.due()))
    }
}

#[cfg(test)]
mod tests;
