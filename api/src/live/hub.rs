//! Hands changes on to whoever listens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_schemas::ids::TenantId;
use tokio::sync::broadcast;

use super::{Cursor, LiveEvent, Position};

/// Events that a slow listener may fall behind before it must catch up from Kafka.
const BACKLOG: usize = 4_096;

/// Hands the changes that one Kafka reader sees to everyone who listens, tenant by tenant. Cheap to clone.
#[derive(Clone, Default)]
pub struct Hub(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    tenants: HashMap<TenantId, broadcast::Sender<Arc<LiveEvent>>>,
    reached: Cursor,
}

/// One listener: everything published after `from`.
pub struct Subscription {
    /// Where the hub's reader stood at the moment of subscribing.
    pub from: Cursor,
    /// What comes after it.
    pub events: broadcast::Receiver<Arc<LiveEvent>>,
}

impl Hub {
    /// Tells where the reader begins: `offset` is the last one *before* its first record, -1 for an empty log. Call it for
    /// every assigned partition, so that streams opened before the first event can be resumed.
    pub fn begin(&self, at: Position) {
        self.lock().reached.advance(at);
    }

    /// Hands out one event. Never waits: a listener that is too slow notices and catches up by itself.
    pub fn publish(&self, tenant: TenantId, event: LiveEvent) {
        let mut inner = self.lock();
        inner.reached.advance(event.id);
        if let Some(sender) = inner.tenants.get(&tenant)
            && sender.send(Arc::new(event)).is_err()
        {
            inner.tenants.remove(&tenant);
        }
    }

    /// Begins to listen.
    pub fn subscribe(&self, tenant: TenantId) -> Subscription {
        let mut inner = self.lock();
        let events = inner.tenants.entry(tenant).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe();
        Subscription { from: inner.reached.clone(), events }
    }

    // A panic elsewhere cannot leave these maps half-changed.
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Feed;

    fn event(offset: i64) -> LiveEvent {
        LiveEvent { id: Position { feed: Feed::Quotes, partition: 1, offset }, kind: "quote", data: serde_json::Value::Null }
    }

    #[test]
    fn a_tenant_hears_only_its_own() {
        let (hub, one, other) = (Hub::default(), TenantId::from_bytes([1; 16]), TenantId::from_bytes([2; 16]));
        let mut heard = hub.subscribe(one);
        hub.publish(other, event(1));
        hub.publish(one, event(2));
        assert_eq!(heard.events.try_recv().map(|event| event.id.offset), Ok(2));
        assert!(heard.events.try_recv().is_err());
    }

    #[test]
    fn a_subscription_knows_where_it_begins() {
        let hub = Hub::default();
        hub.begin(Position { feed: Feed::Quotes, partition: 1, offset: 4 });
        hub.publish(TenantId::UNKNOWN, event(5));
        assert_eq!(hub.subscribe(TenantId::UNKNOWN).from.to_string(), "q1:5");
    }
}
