//! Who answered a campaign: the first thing that a recipient writes or presses after its message.
//!
//! What quotes a message, as a pressed button does, answers that message, however late. Words that quote none of ours answer the last
//! campaign's message to that person, if it left within [`WITHIN_MS`].

use serde::Deserialize;
use sluice_schemas::ids::SendId;
use sluice_schemas::record::{Event, SendState, StateMessage};
use sluice_schemas::time::Millis;

use super::{LAST, Reconcile, Said, account_key, by_wamid};
use crate::chain::{Context, Poison};

/// Three days: who writes later has something else in mind.
pub(super) const WITHIN_MS: i64 = 3 * Millis::DAY;

/// The part of an inbound event that tells what it answers.
#[derive(Deserialize)]
struct Inbound {
    from: Option<String>,
    #[serde(rename = "type")]
    type_: Option<String>,
    text: Option<String>,
    reply_to: Option<String>,
}

impl Reconcile {
    pub(super) fn answer(&self, cx: &mut Context<'_>, event: &Event) -> Result<(), Poison> {
        let Ok(inbound) = serde_json::from_str::<Inbound>(&event.event) else { return Ok(()) };
        let quoted = inbound.reply_to.and_then(|wamid| by_wamid(cx, &event.account, &wamid));
        let last = || last(cx, &event.account, inbound.from.as_deref()?, event.at_ms);
        let Some(id) = quoted.or_else(last) else { return Ok(()) };
        let Some(mut state) = self.load(cx, id)? else { return Ok(()) };
        if state.campaign.is_none() || state.answered {
            return Ok(());
        }
        state.answered = true;
        // A template's quick reply comes as `button` with its text; everything else is words.
        let pressed = (inbound.type_.as_deref() == Some("button")).then_some(inbound.text).flatten().unwrap_or_default();
        let said = Said { code: None, detail: None, body: None, answer: Some(pressed) };
        self.write(cx, event.tenant, id, &state, Some(state.state), said)?;
        self.save(cx, id, &state)
    }
}

/// Keeps a campaign's message as the last one to its person once it is on its way.
pub(super) fn remember(cx: &mut Context<'_>, id: SendId, state: &StateMessage) {
    if state.campaign.is_some() && state.state == SendState::InFlight {
        let value = [id.as_bytes().as_slice(), &state.at_ms.to_be_bytes()].concat();
        cx.state.put(LAST, &account_key(&state.account, &state.recipient), value);
    }
}

/// Forgets that a message was the last one to its person, if it was.
pub(super) fn forget(cx: &mut Context<'_>, id: &[u8], state: &StateMessage) {
    let key = account_key(&state.account, &state.recipient);
    if state.campaign.is_some() && cx.state.get(LAST, &key).is_some_and(|value| value.starts_with(id)) {
        cx.state.delete(LAST, &key);
    }
}

fn last(cx: &mut Context<'_>, account: &str, from: &str, at_ms: i64) -> Option<SendId> {
    let value = cx.state.get(LAST, &account_key(account, from))?;
    let (id, left) = (value.get(..16)?.try_into().ok()?, i64::from_be_bytes(value.get(16..)?.try_into().ok()?));
    (at_ms - left <= WITHIN_MS).then(|| SendId::from_bytes(id))
}
