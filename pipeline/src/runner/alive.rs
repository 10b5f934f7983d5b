use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells whoever watches a chain that its thread goes on. A call into the Kafka client can wait for good, and then nothing else tells.
#[derive(Debug, Clone, Default)]
pub struct Alive(Arc<AtomicU64>);

impl Alive {
    /// The thread goes on.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes with every beat.
    pub fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
