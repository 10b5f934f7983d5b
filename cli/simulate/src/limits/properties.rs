//! Laws that hold for every sequence of attempts.

use proptest::prelude::*;

use super::{Bucket, DAY, Debt, Millis, PairRate, Recipients};

/// Times of attempts, in order.
fn attempts(max_gap: Millis) -> impl Strategy<Value = Vec<Millis>> {
    prop::collection::vec(0..max_gap, 1..400).prop_map(|gaps| {
        gaps.into_iter()
            .scan(1_000_000, |now, gap| {
                *now += gap;
                Some(*now)
            })
            .collect()
    })
}

/// Checks every window that starts and ends at a granted attempt: `most(width in ms)` bounds the grants in it.
fn bounded(granted: &[Millis], most: impl Fn(Millis) -> f64) -> Result<(), TestCaseError> {
    for (first, start) in granted.iter().enumerate() {
        for (last, end) in granted.iter().enumerate().skip(first) {
            let grants = (last - first + 1) as f64;
            prop_assert!(grants <= most(end - start) + 1e-6, "{grants} in {} ms", end - start);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_number_never_gets_more_than_its_depth_and_rate_in_any_window(
        times in attempts(40), rate in 1_u32..200, depth in 1_u32..50, forced in 0_usize..5, shrink in 0.0..1.0_f64
    ) {
        let mut bucket = Bucket::new(f64::from(rate), depth);
        for _ in 0..forced {
            bucket.force(times[0]);
        }
        let granted: Vec<_> = times.into_iter().filter(|now| bucket.take(*now, shrink)).collect();
        bounded(&granted, |width| f64::from(depth) + f64::from(rate) * width as f64 / 1e3)?;
    }

    #[test]
    fn a_pair_never_gets_more_than_its_burst_and_rate_in_any_window(
        times in attempts(8_000), burst in 1_u32..50
    ) {
        let rate = PairRate { interval_ms: 6_000, burst };
        let mut debt = Debt::default();
        let mut granted = Vec::new();
        for now in times {
            if debt.allows(now, rate) {
                debt = debt.after(now, rate);
                granted.push(now);
            }
        }
        bounded(&granted, |width| f64::from(burst) + width as f64 / 6e3)?;
    }

    #[test]
    fn a_pair_that_borrowed_everything_pays_everything_before_the_next_message(
        times in attempts(300), burst in 2_u32..50
    ) {
        let rate = PairRate { interval_ms: 6_000, burst };
        let mut debt = Debt::default();
        for now in times {
            if debt.allows(now, rate) {
                debt = debt.after(now, rate);
            }
            if debt.exhausted() && debt.paid_at() > now {
                prop_assert!(!debt.allows(now, rate));
                prop_assert!(!debt.allows(debt.paid_at() - 1, rate));
                prop_assert!(debt.allows(debt.paid_at(), rate));
            }
        }
    }

    #[test]
    fn a_portfolio_never_reaches_more_users_than_its_limit_in_any_day(
        steps in prop::collection::vec((0..DAY / 8, 0_u8..12), 1..120), limit in 1_u32..8
    ) {
        let mut reached = Recipients::default();
        let mut now = 0;
        let mut log: Vec<(Millis, u8)> = Vec::new();
        for (gap, user) in steps {
            now += gap;
            if reached.allows(&user.to_string(), now, Some(limit)) {
                reached.count(&user.to_string(), now);
                log.push((now, user));
            }
            let users: std::collections::HashSet<_> =
                log.iter().filter(|(at, _)| *at > now - DAY).map(|(_, user)| user).collect();
            prop_assert!(users.len() <= limit as usize);
            prop_assert_eq!(users.len(), reached.unique(now));
        }
    }
}
