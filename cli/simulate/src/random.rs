//! Choices that depend on the seed and on nothing that differs between two runs: no clock, no wamid, no thread.

/// A reproducible stream of choices for one subject (a recipient, a fault, ...).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw(u64);

impl Draw {
    /// The choices of `subject`'s `counter`-th occasion under `seed`.
    pub(crate) fn new(seed: u64, subject: &str, counter: u64) -> Self {
        Self(scramble(fnv(seed ^ 0xcbf2_9ce4_8422_2325, subject.as_bytes()) ^ scramble(counter)))
    }

    /// 64 bits for `purpose`; the same purpose gives the same bits.
    pub(crate) fn bits(self, purpose: &str) -> u64 {
        scramble(fnv(self.0, purpose.as_bytes()))
    }

    /// A number in `[0, 1)` for `purpose`.
    pub(crate) fn unit(self, purpose: &str) -> f64 {
        (self.bits(purpose) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub(crate) fn chance(self, purpose: &str, probability: f64) -> bool {
        self.unit(purpose) < probability
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(self, purpose: &str, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        low + (self.bits(purpose) % (high - low + 1) as u64) as i64
    }
}

fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The finaliser of splitmix64: every input bit reaches every output bit.
pub(crate) fn scramble(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_occasion_choose_the_same() {
        let draw = || Draw::new(7, "15550142", 3).bits("read");
        assert_eq!(draw(), draw());
        assert_ne!(draw(), Draw::new(8, "15550142", 3).bits("read"));
        assert_ne!(draw(), Draw::new(7, "15550142", 4).bits("read"));
        assert_ne!(draw(), Draw::new(7, "15550142", 3).bits("fail"));
    }

    #[test]
    fn a_probability_holds_over_many_recipients() {
        let hits = (0..10_000).filter(|n| Draw::new(1, &format!("1555{n}"), 0).chance("read", 0.3)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
    }
}
