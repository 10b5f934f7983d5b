//! Messages are followed as long as Meta may still say something about them, and not longer.

use sluice_schemas::record::{SendState, StateMessage};
use sluice_schemas::time::Millis;

use super::{EARLY, MESSAGE, Reconcile, WAMID, account_key, answer};
use crate::chain::Context;

/// Meta repeats webhooks for 7 days (contract §1): nothing new comes after what is final.
const FINAL_MS: i64 = 8 * Millis::DAY;
/// Meta gives an undelivered message up after 30 days (contract §6).
const OPEN_MS: i64 = 31 * Millis::DAY;

/// How long a message is followed after it last moved; `None` while its send may still go on.
const fn followed_for(state: SendState) -> Option<i64> {
    match state {
        SendState::Read | SendState::Played | SendState::Failed | SendState::Suppressed | SendState::Cancelled => Some(FINAL_MS),
        SendState::Accepted | SendState::Sent | SendState::Delivered => Some(OPEN_MS),
        SendState::Planned | SendState::InFlight | SendState::Unknown | SendState::Quarantined => None,
    }
}

fn is_over(state: &StateMessage, now: Millis) -> bool {
    followed_for(state.state).is_some_and(|span| now.since(Millis(state.at_ms)) > span)
}

impl Reconcile {
    /// Forgets messages that are over, and statuses whose send never came, a piece of each table at a time.
    pub(super) fn forget(&mut self, cx: &mut Context<'_>) {
        for (id, value) in self.messages.next(&mut cx.state, MESSAGE, cx.now) {
            let Ok(state) = self.state.decode(&value) else { continue };
            if !is_over(&state, cx.now) {
                continue;
            }
            cx.state.delete(MESSAGE, &id);
            answer::forget(cx, &id, &state);
            if let Some(wamid) = &state.wamid {
                cx.state.delete(WAMID, &account_key(&state.account, wamid));
            }
        }
        for (key, value) in self.waiting.next(&mut cx.state, EARLY, cx.now) {
            let newest = self.early.decode(&value).ok().and_then(|early| early.statuses.iter().map(|status| status.at_ms).max());
            if newest.is_some_and(|at| cx.now.since(Millis(at)) > OPEN_MS) {
                cx.state.delete(EARLY, &key);
            }
        }
    }
}
