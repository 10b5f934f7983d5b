use std::collections::HashMap;

use arc_swap::{ArcSwap, Guard};
use sluice_schemas::ids::TenantId;
use sluice_schemas::meta::Context;

/// Where the updates of an account go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Owner of the account.
    pub tenant: TenantId,
    /// Its home partition, as stored when it was registered.
    pub home: i32,
}

/// Account → route. Whoever knows the registered numbers calls [`Routes::replace`] when they change.
pub struct Routes {
    table: ArcSwap<HashMap<String, Route>>,
    partitions: i32,
}

impl Routes {
    /// An empty table of a cluster whose topics have `partitions` partitions: everything is unrouted until it is replaced.
    pub fn new(partitions: i32) -> Self {
        Self { table: ArcSwap::default(), partitions: partitions.max(1) }
    }

    /// Installs a new table. Keys are phone number ids, Instagram account ids and page ids, and the WABA ids for
    /// account-level updates, which name no number; all are ids of Meta's one graph and cannot collide.
    pub fn replace(&self, table: HashMap<String, Route>) {
        self.table.store(std::sync::Arc::new(table));
    }

    /// How many ids are known.
    pub fn len(&self) -> usize {
        self.table.load().len()
    }

    /// Whether no id is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The table as it is now; held for one body, so that all its updates are routed alike.
    pub(super) fn now(&self) -> Table {
        Table { table: self.table.load(), partitions: self.partitions }
    }
}

pub(super) struct Table {
    table: Guard<std::sync::Arc<HashMap<String, Route>>>,
    partitions: i32,
}

impl Table {
    /// The route of an update: by its account, else, where it has none, by its entry. An unknown number of a known
    /// WABA is unknown: it waits in `events.unrouted` until it is registered.
    pub(super) fn of(&self, context: &Context<'_>) -> Option<Route> {
        self.table.get(subject(context)).copied()
    }

    /// A partition for what has no home: the same for the same account, so that its updates keep their order.
    pub(super) fn spread(&self, context: &Context<'_>) -> i32 {
        use std::hash::Hasher;
        let mut hasher = siphasher::sip::SipHasher13::new();
        hasher.write(subject(context).as_bytes());
        (hasher.finish() % u64::from(self.partitions.unsigned_abs())) as i32
    }
}

/// What an update is about: its account, else its entry.
pub(super) fn subject<'a>(context: &'a Context<'_>) -> &'a str {
    context.account.as_deref().or(context.entry_id.as_deref()).unwrap_or_default()
}
