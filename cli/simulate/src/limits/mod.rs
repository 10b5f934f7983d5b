//! Meta's limits as pure state machines: every decision takes the time as an argument and reads no clock.
//!
//! Times are Unix milliseconds of the simulator's clock.

mod bucket;
mod pair;
mod portfolio;
#[cfg(test)]
mod properties;

pub(crate) use bucket::Bucket;
pub(crate) use pair::Debt;
pub use pair::PairRate;
pub(crate) use portfolio::Recipients;

/// Unix milliseconds.
pub(crate) type Millis = i64;

/// One hour in milliseconds.
pub(crate) const HOUR: Millis = 3_600_000;
/// 24 hours in milliseconds: the customer service window (contract §8) and the portfolio's rolling count.
pub(crate) const DAY: Millis = 24 * HOUR;

/// Whether a window of `length` that the customer's last message opened is still open at `now`.
pub(crate) fn window_open(last_inbound: Option<Millis>, now: Millis, length: Millis) -> bool {
    last_inbound.is_some_and(|at| now - at < length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_closes_exactly_after_its_length() {
        assert!(!window_open(None, 5, DAY));
        assert!(window_open(Some(5), 5 + DAY - 1, DAY));
        assert!(!window_open(Some(5), 5 + DAY, DAY));
    }
}
