use super::Millis;

const NANOS_PER_MS: i64 = 1_000_000;

/// A token bucket: `rate` tokens a second, at most `depth` saved up.
///
/// Kept as the time at which the bucket would be full again (the generic cell rate algorithm), so that no rounding of
/// fractional tokens accumulates. In any stretch of `w` seconds at most `depth + rate × w` tokens are granted.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    interval_ns: i64,
    depth: u32,
    full_at_ns: i64,
}

impl Bucket {
    /// A full bucket. `per_second` and `depth` are raised to what grants at least one token.
    pub(crate) fn new(per_second: f64, depth: u32) -> Self {
        let per_second = per_second.max(1e-6);
        Self { interval_ns: (1e9 / per_second).ceil().max(1.0) as i64, depth: depth.max(1), full_at_ns: 0 }
    }

    /// Takes one token at `now`; `false` leaves the bucket as it was.
    ///
    /// `shrink` (0 to 1) takes that part of the depth away for this decision: Meta's meter is not exact, and a caller
    /// that lives at the very edge is refused now and then.
    pub(crate) fn take(&mut self, now: Millis, shrink: f64) -> bool {
        let now = now.saturating_mul(NANOS_PER_MS);
        let depth = (f64::from(self.depth) * (1.0 - shrink.clamp(0.0, 1.0))).floor().max(1.0) as i64;
        let next = self.full_at_ns.max(now) + self.interval_ns;
        if next - now > depth * self.interval_ns {
            return false;
        }
        self.full_at_ns = next;
        true
    }

    /// Takes a token that cannot be refused (a customer writes). The debt is bounded by one more depth, so that a flood
    /// of customers silences the number for a moment and not for good.
    pub(crate) fn force(&mut self, now: Millis) {
        let now = now.saturating_mul(NANOS_PER_MS);
        let bound = now + 2 * i64::from(self.depth) * self.interval_ns;
        self.full_at_ns = (self.full_at_ns.max(now) + self.interval_ns).min(bound);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_grants_its_depth_and_then_one_per_interval() {
        let mut bucket = Bucket::new(80.0, 80);
        assert_eq!((0..200).filter(|_| bucket.take(1_000, 0.0)).count(), 80);
        assert!(!bucket.take(1_012, 0.0));
        assert!(bucket.take(1_013, 0.0));
    }

    #[test]
    fn messages_of_customers_leave_less_for_the_business() {
        let mut bucket = Bucket::new(80.0, 80);
        for _ in 0..50 {
            bucket.force(0);
        }
        assert_eq!((0..200).filter(|_| bucket.take(0, 0.0)).count(), 30);
    }

    #[test]
    fn a_shrunken_bucket_grants_less_but_never_nothing() {
        let mut bucket = Bucket::new(10.0, 10);
        assert_eq!((0..20).filter(|_| bucket.take(0, 0.5)).count(), 5);
        assert!(Bucket::new(10.0, 10).take(0, 1.0));
    }
}
