//! Notices that a client has lost the leader of a partition for good, so that its owner can take a fresh one.
//!
//! When the controller fences a broker that stood still, partitions have no leader for a moment. librdkafka (2.12 to 2.14 at least, its issue
//! 5430) then leaves such a partition without one for as long as the client lives, although the broker is back: records wait, no error is
//! told. Its only sign is a line of its log. Without this a chain, an effect or a producer would stand still until a restart.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use sluice_schemas::time::Millis;

/// The sign is told again and again while there is no leader; a client is renewed once that is over.
const QUIET: Duration = Duration::from_secs(1);

/// Remembers the sign; the context of a client, or a part of it.
#[derive(Debug, Default)]
pub struct Stale(AtomicI64);

impl Stale {
    /// Takes a line of the client's log, and passes it on.
    pub fn heard(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if is_sign(facility, message) {
            self.0.store(Millis::now().0, Ordering::Release);
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::error!("librdkafka: {facility} {message}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!("librdkafka: {facility} {message}"),
            _ => tracing::debug!("librdkafka: {facility} {message}"),
        }
    }

    /// Whether the client has to be replaced.
    pub fn is(&self) -> bool {
        let last = self.0.load(Ordering::Acquire);
        last > 0 && Millis::now().since(Millis(last)) >= QUIET.as_millis() as i64
    }
}

fn is_sign(facility: &str, message: &str) -> bool {
    facility == "METADATAUPDATE" && message.contains("not found in cache")
}

impl ClientContext for Stale {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.heard(level, facility, message);
    }
}

impl ConsumerContext for Stale {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_counts_once_it_has_ceased() {
        let stale = Stale::default();
        stale.heard(RDKafkaLogLevel::Warning, "SESSTMOUT", "Consumer group session timed out");
        assert!(!stale.is());
        stale.heard(RDKafkaLogLevel::Warning, "METADATAUPDATE", "[thrd:main]: Partition events.raw(x)[3]: new leader-1 not found in cache");
        assert!(!stale.is(), "it may be told again at once");
        stale.0.fetch_sub(QUIET.as_millis() as i64, Ordering::AcqRel);
        assert!(stale.is());
    }
}
