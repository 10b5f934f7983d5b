//! The intake chain: dedup → conversation → quote over one partition.

mod commands;
mod memory;

use sluice_schemas::codec::{Codec, Codecs};
use sluice_schemas::command::Command as Said;
use sluice_schemas::ids::{ConversationId, SendId, TenantId, TraceId};
use sluice_schemas::meta::{self, Kind};
use sluice_schemas::record::{Command, Config, Conversation, Event, Lane, Outbound, Quote, RawEvent};
use sluice_schemas::redrive::Mark;
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, CONFIG, CONVERSATION_COMMANDS, CONVERSATIONS, EVENTS, OUTBOUND_REPLY, QUOTES};

use super::conversation::{self, Person};
use super::dedup;
use super::quoting::{Answer, Kept};
use crate::chain::{Chain, Context, Incoming, Poison};
use crate::domain::opt_out::{self, Wish};
use crate::domain::quote::Request;
use crate::state::Read;

use memory::Memory;

/// Table of conversations: conversation id → `Conversation`.
const CONVERSATION: u8 = 1;
/// Table of aliases: tenant, account, 0, phone or user id → conversation id.
const ALIAS: u8 = 2;
/// Table of quotes: quote id → `Quote`.
const QUOTE: u8 = 3;
/// Table of what is kept beside a quote: quote id → JSON of `Kept`.
const KEPT: u8 = 4;
/// Table of requests that miss something: conversation id → JSON of `Request`.
const PENDING: u8 = 5;
/// Table of configuration: key of the record → framed `Config`.
const CONFIGURATION: u8 = 6;

/// The chain of one partition.
pub struct Intake {
    raw: Codec<RawEvent>,
    event: Codec<Event>,
    command: Codec<Command>,
    config: Codec<Config>,
    conversation: Codec<Conversation>,
    quote: Codec<Quote>,
    outbound: Codec<Outbound>,
    memory: Memory,
}

/// Which messages are answered by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// Any.
    Always,
    /// Of redriven ones, those after which the conversation has not moved on.
    Timely,
}

fn poison(stage: &'static str, tenant: TenantId) -> impl Fn(sluice_schemas::codec::Error) -> Poison {
    move |e| Poison { stage, kind: e.kind(), detail: e.to_string(), tenant }
}

impl Intake {
    /// An empty chain; [`Chain::load`] fills it.
    pub fn new(codecs: &Codecs) -> Self {
        Self {
            raw: codecs.of(),
            event: codecs.of(),
            command: codecs.of(),
            config: codecs.of(),
            conversation: codecs.of(),
            quote: codecs.of(),
            outbound: codecs.of(),
            memory: Memory::default(),
        }
    }

    /// One update of a webhook.
    fn update(&mut self, cx: &mut Context<'_>, raw: &RawEvent, answers: Answers) -> Result<(), Poison> {
        let parsed = meta::parse(&raw.context(), &raw.raw);
        if let Some(reason) = &parsed.reject {
            return Err(Poison { stage: "dedup", kind: "unattributed", detail: reason.clone(), tenant: raw.tenant });
        }
        if !dedup::is_new(cx, raw.tenant, &parsed.dedup_key) {
            return Ok(());
        }
        let at = parsed.timestamp.map_or(Millis(raw.received_ms), |t| Millis(t.as_millisecond()));
        let person = Person::of(&parsed);
        let conversation = find(cx, raw, &parsed, person.as_ref());
        self.write_event(cx, raw, &parsed, conversation, at)?;
        match (conversation, person) {
            (Some(id), Some(person)) => self.advance(cx, raw, &parsed, id, &person, at, answers),
            _ => Ok(()),
        }
    }

    fn write_event(
        &self,
        cx: &mut Context<'_>,
        raw: &RawEvent,
        parsed: &meta::Event,
        conversation: Option<ConversationId>,
        at: Millis,
    ) -> Result<(), Poison> {
        let json = serde_json::to_string(parsed).map_err(|e| Poison {
            stage: "dedup",
            kind: "json",
            detail: e.to_string(),
            tenant: raw.tenant,
        })?;
        let event = Event {
            tenant: raw.tenant,
            account: raw.account.clone(),
            channel: raw.channel.clone(),
            conversation,
            kind: <&str>::from(parsed.kind).to_owned(),
            dedup_key: parsed.dedup_key.clone(),
            at_ms: at.0,
            received_ms: raw.received_ms,
            trace: raw.trace,
            event: json,
        };
        let value = self.event.encode(&event).map_err(poison("dedup", raw.tenant))?;
        let key = match conversation {
            Some(id) => topics::key(raw.tenant, &id),
            None => topics::key(raw.tenant, &raw.account),
        };
        cx.emit(EVENTS, key, value);
        Ok(())
    }

    /// Moves the conversation on, and answers a text that asks for a quote.
    #[allow(clippy::too_many_arguments, reason = "one event with all that is known of it")]
    fn advance(
        &mut self,
        cx: &mut Context<'_>,
        raw: &RawEvent,
        event: &meta::Event,
        id: ConversationId,
        person: &Person,
        at: Millis,
        answers: Answers,
    ) -> Result<(), Poison> {
        if !moves(event.kind) {
            return Ok(());
        }
        let stored = self.fetch(cx, raw.tenant, id)?;
        let late = answers == Answers::Timely && stored.as_ref().is_some_and(|stored| conversation::moved_on(stored, at));
        let before = stored.unwrap_or_else(|| conversation::begin(raw.tenant, id, &raw.account, &raw.channel, cx.now));
        let met = conversation::meet(before, person);
        match event.kind {
            Kind::Inbound | Kind::Postback => {
                let moved = conversation::inbound(met, event, at, cx.now);
                let moved = match event.text.as_deref().and_then(opt_out::wish) {
                    _ if late => moved,
                    Some(wish) => self.confirm(cx, raw, event, moved, person, wish)?,
                    None => self.answer(cx, raw, event, moved, person)?,
                };
                self.save(cx, &moved)
            }
            Kind::Echo => self.save(cx, &conversation::answered(met, &conversation::summary(event), cx.now)),
            _ => self.save(cx, &conversation::touched(met, cx.now)),
        }
    }

    /// Tells a person who wants no offers, or wants them again, that it is so. The ledger reads the same words.
    fn confirm(
        &self,
        cx: &mut Context<'_>,
        raw: &RawEvent,
        event: &meta::Event,
        about: Conversation,
        person: &Person,
        wish: Wish,
    ) -> Result<Conversation, Poison> {
        if !conversation::window_is_open(&about, cx.now) {
            return Ok(about);
        }
        let said = opt_out::confirmation(wish, self.memory.language(raw.tenant));
        self.reply(cx, &about, person.address().unwrap_or_default(), &event.dedup_key, &Said::text(said), raw.trace)?;
        Ok(conversation::answered(about, said, cx.now))
    }

    fn answer(
        &mut self,
        cx: &mut Context<'_>,
        raw: &RawEvent,
        event: &meta::Event,
        about: Conversation,
        person: &Person,
    ) -> Result<Conversation, Poison> {
        let (Some(shop), Some(text)) = (self.memory.shop(raw.tenant), &event.text) else { return Ok(about) };
        // A person who has taken over answers alone.
        if about.assignee.is_some() || !conversation::window_is_open(&about, cx.now) {
            return Ok(about);
        }
        let pending = cx.state.get(PENDING, about.conversation.as_bytes()).and_then(|bytes| serde_json::from_slice::<Request>(&bytes).ok());
        let locale = self.memory.language(raw.tenant);
        let Some(answer) = shop.answer(&about, pending, text, &event.dedup_key, locale, cx.now) else { return Ok(about) };
        self.keep(cx, &about, answer.record.clone(), answer.kept.as_ref(), raw.trace)?;
        remember(cx, &about, &answer);
        self.reply(cx, &about, person.address().unwrap_or_default(), &event.dedup_key, &Said::text(answer.text.as_str()), raw.trace)?;
        let quote = answer.record.as_ref().map(|record| record.quote).or(about.quote);
        let moved = conversation::answered(Conversation { stage: answer.stage.to_owned(), quote, ..about }, &answer.text, cx.now);
        Ok(moved)
    }

    fn keep(
        &mut self,
        cx: &mut Context<'_>,
        about: &Conversation,
        record: Option<Quote>,
        kept: Option<&Kept>,
        trace: TraceId,
    ) -> Result<(), Poison> {
        let Some(record) = record else { return Ok(()) };
        let record = Quote { trace, ..record };
        let value = self.quote.encode(&record).map_err(poison("quote", about.tenant))?;
        cx.state.put(QUOTE, record.quote.as_bytes(), &value);
        self.memory.note(&record);
        if let Some(bytes) = kept.and_then(|kept| serde_json::to_vec(kept).ok()) {
            cx.state.put(KEPT, record.quote.as_bytes(), bytes);
        }
        cx.emit(QUOTES, topics::key(about.tenant, &record.quote), value);
        Ok(())
    }

    fn reply(&self, cx: &mut Context<'_>, about: &Conversation, to: &str, cause: &str, said: &Said, trace: TraceId) -> Result<(), Poison> {
        let outbound = Outbound {
            tenant: about.tenant,
            account: about.account.clone(),
            channel: about.channel.clone(),
            send_id: SendId::of(about.tenant, cause, 0),
            cause: cause.to_owned(),
            conversation: Some(about.conversation),
            to: to.to_owned(),
            lane: Lane::Reply,
            campaign: None,
            seq: -1,
            epoch: 0,
            suppressed: None,
            window: None,
            body: said.to_json(),
            at_ms: cx.now.0,
            trace,
        };
        let value = self.outbound.encode(&outbound).map_err(poison("conversation", about.tenant))?;
        cx.emit(OUTBOUND_REPLY, topics::key(about.tenant, &about.conversation), value);
        Ok(())
    }

    fn fetch(&self, cx: &mut Context<'_>, tenant: TenantId, id: ConversationId) -> Result<Option<Conversation>, Poison> {
        let bytes = cx.state.get(CONVERSATION, id.as_bytes());
        bytes.map(|bytes| self.conversation.decode(&bytes).map_err(poison("conversation", tenant))).transpose()
    }

    fn save(&self, cx: &mut Context<'_>, conversation: &Conversation) -> Result<(), Poison> {
        let value = self.conversation.encode(conversation).map_err(poison("conversation", conversation.tenant))?;
        cx.state.put(CONVERSATION, conversation.conversation.as_bytes(), &value);
        cx.emit(CONVERSATIONS, topics::key(conversation.tenant, &conversation.conversation), value);
        Ok(())
    }
}

/// The conversation of this person, minted at first sight of a message; a status alone begins none.
fn find(cx: &mut Context<'_>, raw: &RawEvent, event: &meta::Event, person: Option<&Person>) -> Option<ConversationId> {
    let person = person?;
    let key = |alias: &str| [raw.tenant.as_bytes(), raw.account.as_bytes(), &[0], alias.as_bytes()].concat();
    let aliases: Vec<_> = person
        .aliases()
        .map(|alias| {
            let key = key(alias);
            let known = cx.state.get(ALIAS, &key);
            (key, known)
        })
        .collect();
    let known = aliases.iter().find_map(|(_, id)| <[u8; 16]>::try_from(id.as_deref()?).ok().map(ConversationId::from));
    if known.is_none() && !begins(event.kind) {
        return None;
    }
    let id = known.unwrap_or_else(|| ConversationId::mint(raw.tenant, &raw.account, person.address().unwrap_or_default()));
    for (key, _) in aliases.iter().filter(|(_, known)| known.is_none()) {
        cx.state.put(ALIAS, key, id.as_bytes());
    }
    Some(id)
}

fn remember(cx: &mut Context<'_>, about: &Conversation, answer: &Answer) {
    let key = about.conversation.as_bytes();
    match answer.pending.as_ref().and_then(|request| serde_json::to_vec(request).ok()) {
        Some(bytes) => cx.state.put(PENDING, key, bytes),
        None => {
            if cx.state.get(PENDING, key).is_some() {
                cx.state.delete(PENDING, key);
            }
        }
    }
}

/// Whether an event of this kind changes its conversation. Most events are statuses, which do not.
fn moves(kind: Kind) -> bool {
    matches!(kind, Kind::Inbound | Kind::Postback | Kind::Echo | Kind::Edit | Kind::Revoke | Kind::System | Kind::UserIdUpdate)
}

/// Whether an event of this kind begins a conversation with someone not seen before.
fn begins(kind: Kind) -> bool {
    matches!(kind, Kind::Inbound | Kind::Echo | Kind::Postback | Kind::Referral | Kind::Optin | Kind::Reaction)
}

impl Chain for Intake {
    fn load(&mut self, state: &dyn Read) -> Result<(), crate::state::Error> {
        self.memory = Memory::default();
        state.scan(CONFIGURATION, &mut |_, value| {
            let config = self.config.decode(value).map_err(|e| crate::state::Error::Value(e.to_string()))?;
            self.memory.take(&config);
            Ok(())
        })?;
        state.scan(QUOTE, &mut |_, value| {
            self.memory.note(&self.quote.decode(value).map_err(|e| crate::state::Error::Value(e.to_string()))?);
            Ok(())
        })
    }

    fn record(&mut self, cx: &mut Context<'_>, record: &Incoming<'_>) -> Result<(), Poison> {
        match record.topic {
            CONVERSATION_COMMANDS => {
                let command = self.command.decode(record.value).map_err(poison("conversation", TenantId::UNKNOWN))?;
                self.decide(cx, &command)
            }
            CONFIG => {
                let config = self.config.decode(record.value).map_err(poison("configuration", TenantId::UNKNOWN))?;
                if self.memory.take(&config) {
                    cx.state.put(CONFIGURATION, record.key, record.value.to_vec());
                }
                Ok(())
            }
            _ => {
                let raw = self.raw.decode(record.value).map_err(poison("dedup", TenantId::UNKNOWN))?;
                let answers = Mark::find(record.headers)
                    .map_or(Answers::Always, |mark| if mark.answer_late { Answers::Always } else { Answers::Timely });
                self.update(cx, &raw, answers)
            }
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        while let Some(id) = self.memory.take_overdue(cx.now) {
            if let Err(e) = self.expire(cx, id) {
                tracing::error!(quote = %id, "an approval that is over: {}", e.detail);
            }
        }
    }

    fn due(&self) -> Option<Millis> {
        self.memory.next_overdue()
    }
}

#[cfg(test)]
mod tests;
