use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::SILENCE;

/// Tells whoever watches a chain that its thread goes on. A call into the Kafka client can wait for good, and then nothing else tells.
#[derive(Debug, Clone, Default)]
pub struct Alive(Arc<AtomicU64>);

impl Alive {
    /// The thread goes on.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts the looks that found no beat since the one before. Looks and not time: who was stopped together with the chain has seen nothing.
#[derive(Debug)]
pub struct Watch {
    alive: Alive,
    seen: u64,
    silent: Duration,
}

impl Watch {
    /// Watches from now on.
    pub fn new(alive: Alive) -> Self {
        Self { seen: alive.0.load(Ordering::Relaxed), alive, silent: Duration::ZERO }
    }

    /// Looks, `pause` after the look before; says whether the thread has been silent for [`SILENCE`].
    pub fn is_silent(&mut self, pause: Duration) -> bool {
        let beats = self.alive.0.load(Ordering::Relaxed);
        self.silent = if beats == self.seen { self.silent + pause } else { Duration::ZERO };
        self.seen = beats;
        self.silent >= SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_now_and_then_is_no_silence_and_none_at_all_is() {
        let alive = Alive::default();
        let mut watch = Watch::new(alive.clone());
        let pause = Duration::from_secs(1);
        for look in 0..500 {
            if look % 40 == 0 {
                alive.beat();
            }
            assert!(!watch.is_silent(pause), "{look}");
        }
        let silent = (0..100).position(|_| watch.is_silent(pause));
        assert!(silent.is_some_and(|looks| looks < 45), "{silent:?}");
        alive.beat();
        assert!(!watch.is_silent(pause));
    }
}
