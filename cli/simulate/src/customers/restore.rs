//! What a restarted simulator learns from its book.

use std::sync::Arc;

use super::course;
use crate::book::Line;
use crate::limits::Millis;
use crate::state::{State, lock};

/// Messages younger than this run their course again.
const RECENT: Millis = 600_000;

/// Restores windows, counts and unfinished courses from what the book's file held.
///
/// Messages accepted in the last ten minutes run their course again from the start: their statuses may have been lost
/// with the queue, and Meta's receivers must bear duplicates anyway.
pub(crate) fn restore(state: &Arc<State>) {
    let now = state.clock.now();
    for line in state.book.take_restored() {
        match line {
            Line::Refused(_) => {}
            Line::Inbound(inbound) => {
                let at = inbound.time.as_millisecond();
                if let Some(number) = state.numbers.get(&*inbound.account) {
                    number.pair(&inbound.from, |pair| pair.last_inbound = Some(at));
                } else if let Some(account) = state.accounts.get(&*inbound.account) {
                    lock(&account.people).insert(inbound.from, at);
                }
            }
            Line::Accepted(entry) => {
                let Some(number) = state.numbers.get(&*entry.phone_number_id) else { continue };
                let at = entry.time.as_millisecond();
                let occasion = number.pair(&entry.to, |pair| {
                    pair.accepted += 1;
                    pair.accepted - 1
                });
                if entry.outside_window && &*entry.kind == "template" {
                    lock(&number.waba.portfolio.reached).count(&entry.to, at);
                }
                if now - at < RECENT {
                    course::begin(state, number, &entry, occasion);
                }
            }
        }
    }
}
