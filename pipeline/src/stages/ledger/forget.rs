//! Sends that ended are remembered as long as their cause can come again, and not longer.

use sluice_schemas::record::{Outbound, SendState, StateSend};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::HISTORY;

use super::{Ledger, SENDS};
use crate::chain::{Context, Poison};

/// What a replay of the longest-kept topic can bring again, and the days that a redrive of it may take.
const REMEMBERED_MS: i64 = HISTORY + 8 * Millis::DAY;

/// Whether nothing more happens to the send by itself.
const fn ended(state: SendState) -> bool {
    !matches!(state, SendState::Planned | SendState::InFlight | SendState::Unknown | SendState::Quarantined)
}

impl Ledger {
    /// A send whose id may have been forgotten is not planned: it could be a second time.
    pub(super) fn in_memory(cx: &Context<'_>, outbound: &Outbound) -> Result<(), Poison> {
        if cx.now.since(Millis(outbound.at_ms)) < REMEMBERED_MS {
            return Ok(());
        }
        let detail =
            format!("planned {} days ago; whether it was sent then is forgotten", cx.now.since(Millis(outbound.at_ms)) / Millis::DAY);
        Err(Poison { stage: "ledger", kind: "too_old", detail, tenant: outbound.tenant })
    }

    /// Ends a send: what is kept of it is that it was, and since when.
    pub(super) fn end(cx: &Context<'_>, send: &mut StateSend, state: SendState) {
        send.state = state;
        send.outbound = None;
        send.due_ms = cx.now.0;
    }

    /// Forgets what ended long ago, a piece of the table at a time.
    pub(super) fn forget(&mut self, cx: &mut Context<'_>) {
        for (id, value) in self.sweep.next(&mut cx.state, SENDS, cx.now) {
            let old = self.io.send.decode(&value).is_ok_and(|send| ended(send.state) && cx.now.since(Millis(send.due_ms)) > REMEMBERED_MS);
            if old {
                cx.state.delete(SENDS, &id);
            }
        }
    }
}
