use serde::{Deserialize, Serialize};

use super::Millis;

/// The pair limit (contract §8): one message per `interval_ms` to one user, `burst` of them borrowed at most.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairRate {
    /// Milliseconds that one message costs: 6,000.
    pub interval_ms: i64,
    /// Messages that may be owed at once: 45.
    pub burst: u32,
}

impl Default for PairRate {
    fn default() -> Self {
        Self { interval_ms: 6_000, burst: 45 }
    }
}

/// What one business number owes to one user's pair limit.
///
/// A message ahead of its time is borrowed against the future. Who borrows the whole burst must pay all of it back
/// before the next message: 45 at once are followed by a pause of 45 × 6 s (contract §8).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Debt {
    paid_at: Millis,
    exhausted: bool,
}

impl Debt {
    /// Whether a message may go at `now`. Changes nothing.
    pub(crate) fn allows(self, now: Millis, rate: PairRate) -> bool {
        if self.paid_at <= now {
            return true;
        }
        !self.exhausted && self.paid_at - now + rate.interval_ms <= i64::from(rate.burst) * rate.interval_ms
    }

    /// The debt after a message at `now`, which [`Self::allows`] must have permitted.
    pub(crate) fn after(self, now: Millis, rate: PairRate) -> Self {
        let paid_at = self.paid_at.max(now) + rate.interval_ms;
        let room = i64::from(rate.burst) * rate.interval_ms - (paid_at - now);
        // One message alone is no loan, even where the burst is one.
        let borrowed = paid_at - now > rate.interval_ms;
        Self { paid_at, exhausted: borrowed && room < rate.interval_ms }
    }
}

#[cfg(test)]
impl Debt {
    pub(crate) fn paid_at(self) -> Millis {
        self.paid_at
    }

    pub(crate) fn exhausted(self) -> bool {
        self.exhausted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(debt: &mut Debt, now: Millis) -> bool {
        let rate = PairRate::default();
        let allowed = debt.allows(now, rate);
        if allowed {
            *debt = debt.after(now, rate);
        }
        allowed
    }

    #[test]
    fn a_burst_of_45_is_followed_by_a_pause_of_45_times_6_seconds() {
        let mut debt = Debt::default();
        assert_eq!((0..60).filter(|_| send(&mut debt, 1_000)).count(), 45);
        assert!(!send(&mut debt, 1_000 + 45 * 6_000 - 1));
        assert!(send(&mut debt, 1_000 + 45 * 6_000));
    }

    #[test]
    fn one_message_every_six_seconds_is_never_refused() {
        let mut debt = Debt::default();
        assert!((0..500).all(|n| send(&mut debt, n * 6_000)));
    }

    #[test]
    fn a_short_burst_does_not_silence_the_pair() {
        let mut debt = Debt::default();
        assert!((0..3).all(|_| send(&mut debt, 0)));
        assert!(send(&mut debt, 1_000));
    }
}
