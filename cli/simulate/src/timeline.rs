//! What is going to happen, ordered by the simulator's clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::limits::Millis;
use crate::state::{Number, Waba, lock};
use crate::webhook::Update;

/// Something due at a time.
pub(crate) enum Event {
    /// A webhook leaves.
    Update(Update),
    /// Somebody at Meta has looked at a template.
    Review { waba: Arc<Waba>, name: String, language: String },
    /// A customer answers a template.
    Reply { number: Arc<Number>, from: Box<str>, text: Box<str> },
}

/// Events in the order of their time; those of the same time in the order in which they were planned.
#[derive(Default)]
pub(crate) struct Timeline {
    heap: Mutex<Heap>,
    /// Rung when a virtual clock has moved.
    pub(crate) moved: Notify,
}

#[derive(Default)]
struct Heap {
    planned: u64,
    events: BinaryHeap<Reverse<Due>>,
}

struct Due {
    at: Millis,
    order: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl Timeline {
    /// Plans events.
    pub(crate) fn plan(&self, events: impl IntoIterator<Item = (Millis, Event)>) {
        let mut heap = lock(&self.heap);
        for (at, event) in events {
            let order = heap.planned;
            heap.planned += 1;
            heap.events.push(Reverse(Due { at, order, event }));
        }
    }

    /// Takes everything that is due at `now`.
    pub(crate) fn due(&self, now: Millis) -> Vec<Event> {
        let mut heap = lock(&self.heap);
        let mut due = Vec::new();
        while heap.events.peek().is_some_and(|next| next.0.at <= now) {
            due.extend(heap.events.pop().map(|next| next.0.event));
        }
        due
    }

    /// Events still to come.
    pub(crate) fn len(&self) -> usize {
        lock(&self.heap).events.len()
    }
}
