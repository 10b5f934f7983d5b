//! Who wants no offers. Kept by tenant, for every number of it; asked when a campaign's message arrives and again when it is to be claimed,
//! so that a word that comes between counts. Replies and messages that the person's own dealings call for go on.

use std::borrow::Cow;

use serde::Deserialize;
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{Config, Event, Lane, OptOut, OptOutSource, Outbound, SendResult, SendState, StateSend};
use sluice_schemas::topics::{self, OPT_OUTS};

use super::{Item, Ledger, Step, poison};
use crate::chain::{Context, Poison};
use crate::domain::opt_out::{Wish, wish};

/// Table of opt-outs: tenant, person → `OptOut`.
const TABLE: u8 = 5;
/// The person stopped marketing in the app (contract §7).
const STOPPED: i32 = 131_050;

/// Of an event that may say so: the words, and every name of the person.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    /// `stop` or `resume` of a preference.
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    contact: Option<Contact<'a>>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Contact<'a> {
    #[serde(borrow)]
    wa_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    category: Option<Cow<'a, str>>,
}

impl Said<'_> {
    fn names(&self) -> Vec<String> {
        let contact = self.contact.as_ref();
        let all =
            [self.from.as_ref(), self.user_id.as_ref(), contact.and_then(|c| c.wa_id.as_ref()), contact.and_then(|c| c.user_id.as_ref())];
        let mut names: Vec<String> = all.into_iter().flatten().map(|name| name.clone().into_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Every name of the person who wrote.
pub(super) fn names(event: &Event) -> Vec<String> {
    serde_json::from_str::<Said<'_>>(&event.event).map(|said| said.names()).unwrap_or_default()
}

/// A person's decision in `config`.
#[derive(Deserialize)]
struct Noted {
    by: String,
    reason: String,
    lift: bool,
}

/// A word about a person's offers.
struct Word {
    wish: Wish,
    source: OptOutSource,
    detail: Option<String>,
    at_ms: i64,
}

impl Ledger {
    /// What a customer wrote may be a wish about the offers.
    pub(super) fn opt_out_by_word(&mut self, cx: &mut Context<'_>, event: &Event) -> Result<(), Poison> {
        let Ok(said) = serde_json::from_str::<Said<'_>>(&event.event) else { return Ok(()) };
        let Some((text, wish)) = said.text.as_deref().and_then(|text| Some((text, wish(text)?))) else { return Ok(()) };
        let word = Word { wish, source: OptOutSource::Word, detail: Some(text.trim().to_owned()), at_ms: event.at_ms };
        self.heard(cx, event.tenant, &said.names(), &word)
    }

    /// `user_preferences` (contract §5): about marketing alone so far.
    pub(super) fn opt_out_by_preference(&mut self, cx: &mut Context<'_>, event: &Event) -> Result<(), Poison> {
        let Ok(said) = serde_json::from_str::<Said<'_>>(&event.event) else { return Ok(()) };
        let category = said.data.as_ref().and_then(|data| data.category.as_deref()).unwrap_or("marketing_messages");
        let wish = match said.event.as_deref() {
            Some("stop") if category == "marketing_messages" => Wish::Stop,
            Some("resume") if category == "marketing_messages" => Wish::Start,
            _ => return Ok(()),
        };
        self.heard(cx, event.tenant, &said.names(), &Word { wish, source: OptOutSource::Preference, detail: None, at_ms: event.at_ms })
    }

    /// Meta refused a send because the person stopped marketing.
    pub(super) fn opt_out_by_refusal(&mut self, cx: &mut Context<'_>, outbound: &Outbound, result: &SendResult) -> Result<(), Poison> {
        if result.code != Some(STOPPED) {
            return Ok(());
        }
        let word = Word { wish: Wish::Stop, source: OptOutSource::Refusal, detail: result.detail.clone(), at_ms: cx.now.0 };
        self.heard(cx, outbound.tenant, std::slice::from_ref(&outbound.to), &word)
    }

    /// Somebody of the tenant noted it, or took it back.
    pub(super) fn configure_opt_out(&mut self, cx: &mut Context<'_>, config: &Config) -> Result<(), Poison> {
        let Some(noted) = config.value.as_deref().and_then(|value| serde_json::from_str::<Noted>(value).ok()) else { return Ok(()) };
        let word = Word {
            wish: if noted.lift { Wish::Start } else { Wish::Stop },
            source: OptOutSource::Operator,
            detail: Some(format!("{}: {}", noted.by, noted.reason)),
            at_ms: config.at_ms,
        };
        self.heard(cx, config.tenant, std::slice::from_ref(&config.name), &word)
    }

    fn heard(&self, cx: &mut Context<'_>, tenant: TenantId, names: &[String], word: &Word) -> Result<(), Poison> {
        for name in names {
            let before = self.opt_out(cx, tenant, name)?;
            if let Some(next) = after(tenant, name, before, word) {
                let value = self.io.opt_out.encode(&next).map_err(poison(tenant))?;
                cx.state.put(TABLE, &key(tenant, name), &value);
                cx.emit(OPT_OUTS, topics::key(tenant, name), value);
            }
        }
        Ok(())
    }

    fn opt_out(&self, cx: &mut Context<'_>, tenant: TenantId, person: &str) -> Result<Option<OptOut>, Poison> {
        let bytes = cx.state.get(TABLE, &key(tenant, person));
        bytes.map(|bytes| self.io.opt_out.decode(&bytes).map_err(poison(tenant))).transpose()
    }

    /// Why this message of a campaign must not go, if its recipient wants no offers.
    pub(super) fn unwanted(&self, cx: &mut Context<'_>, outbound: &Outbound) -> Result<Option<String>, Poison> {
        if outbound.lane != Lane::Bulk {
            return Ok(None);
        }
        let found = self.opt_out(cx, outbound.tenant, &outbound.to)?;
        Ok(found.filter(|found| found.lifted.is_none()).map(|found| reason(&found)))
    }

    /// Ends a message of a campaign that was planned before its recipient opted out; its place is free again.
    pub(super) fn suppress(
        &mut self,
        cx: &mut Context<'_>,
        item: &Item,
        mut send: StateSend,
        outbound: &Outbound,
        detail: String,
    ) -> Result<(), Poison> {
        self.schedule.release(&item.account, &item.to, cx.now);
        Self::end(cx, &mut send, SendState::Suppressed);
        self.store(cx, item.id, &send)?;
        self.enter(cx, outbound, &send, Step { detail: Some(detail), ..Step::default() })
    }
}

/// What is kept of a person stands under this.
pub(super) fn key(tenant: TenantId, person: &str) -> Vec<u8> {
    [tenant.as_bytes(), person.as_bytes()].concat()
}

/// What holds after a word; `None` where it changes nothing: it is older than what is known, or says the same.
fn after(tenant: TenantId, person: &str, before: Option<OptOut>, word: &Word) -> Option<OptOut> {
    if before.as_ref().is_some_and(|before| before.at_ms > word.at_ms) {
        return None;
    }
    let open = before.filter(|before| before.lifted.is_none());
    match (word.wish, open) {
        (Wish::Stop, Some(_)) | (Wish::Start, None) => None,
        (Wish::Stop, None) => Some(OptOut {
            tenant,
            person: person.to_owned(),
            source: word.source,
            detail: word.detail.clone(),
            since_ms: word.at_ms,
            lifted: None,
            at_ms: word.at_ms,
        }),
        (Wish::Start, Some(before)) => {
            let why = word.detail.clone().unwrap_or_else(|| word.source.name().to_owned());
            Some(OptOut { lifted: Some(why), at_ms: word.at_ms, ..before })
        }
    }
}

fn reason(opt_out: &OptOut) -> String {
    match (opt_out.source, opt_out.detail.as_deref()) {
        (OptOutSource::Word, Some(word)) => format!("opted out: wrote {word}"),
        (OptOutSource::Operator, Some(by)) => format!("opted out, noted by {by}"),
        (OptOutSource::Refusal, _) => "opted out: Meta refused an offer (131050)".to_owned(),
        _ => "opted out of marketing in the app".to_owned(),
    }
}
