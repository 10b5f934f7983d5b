//! Failed logins, counted per account and tenant: a few are a person's, many are a guesser's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Failures are forgotten after this.
const WINDOW_MS: i64 = 10 * 60 * 1_000;
/// Accounts remembered at once; beyond it the oldest are forgotten, so that a flood of names costs no memory.
const ACCOUNTS: usize = 10_000;

/// Counts failed logins. Time is passed in.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<String, Failures>>);

#[derive(Clone, Copy)]
struct Failures {
    since_ms: i64,
    n: u32,
}

impl Throttle {
    /// Seconds to wait before `account` may try again; `None` when it may now.
    pub fn wait(&self, account: &str, allowed: u32, now_ms: i64) -> Option<u64> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = accounts.get(account).filter(|failures| now_ms - failures.since_ms < WINDOW_MS && failures.n >= allowed)?;
        Some((failures.since_ms + WINDOW_MS - now_ms).div_euclid(1_000).max(1).unsigned_abs())
    }

    /// Counts one failure.
    pub fn failed(&self, account: &str, now_ms: i64) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= ACCOUNTS {
            accounts.retain(|_, failures| now_ms - failures.since_ms < WINDOW_MS);
            if accounts.len() >= ACCOUNTS {
                accounts.clear();
            }
        }
        let failures = accounts.entry(account.to_owned()).or_insert(Failures { since_ms: now_ms, n: 0 });
        if now_ms - failures.since_ms >= WINDOW_MS {
            *failures = Failures { since_ms: now_ms, n: 0 };
        }
        failures.n += 1;
    }

    /// Forgets the failures of an account that has signed in.
    pub fn succeeded(&self, account: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_waits_and_only_the_guessed_account() {
        let throttle = Throttle::default();
        (0..3).for_each(|_| throttle.failed("acme/ana", 1_000));
        assert_eq!(throttle.wait("acme/ana", 3, 61_000), Some(540));
        assert_eq!(throttle.wait("acme/bea", 3, 61_000), None);
        assert_eq!(throttle.wait("acme/ana", 3, 1_000 + WINDOW_MS), None);
        throttle.succeeded("acme/ana");
        assert_eq!(throttle.wait("acme/ana", 3, 61_000), None);
    }
}
