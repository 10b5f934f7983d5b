//! How many claims may be without an answer at once, of all numbers together.
//!
//! What the sender cannot take yet would wait in its topic in the order of its claims, a reply behind a campaign. So there are never more
//! than it can have under way, and as many as it answered in a second: where answers are slow because Meta is, that limits nothing.

use sluice_schemas::time::Millis;

/// Claims that may always be open: as many as a sender has exchanges at once.
const ALWAYS: i64 = 1_024;

/// Claims without an answer, and how fast answers come.
#[derive(Debug, Default)]
pub(super) struct Open {
    claims: i64,
    /// The second of the newest answer, the answers in it, and those in the second before.
    second: i64,
    answers: i64,
    before: i64,
}

impl Open {
    pub(super) const fn claimed(&mut self) {
        self.claims += 1;
    }

    /// One has an answer, or will never have one.
    pub(super) fn answered(&mut self, now: Millis) {
        self.claims = (self.claims - 1).max(0);
        let second = now.0.div_euclid(Millis::SECOND);
        if second != self.second {
            self.before = if second == self.second + 1 { self.answers } else { 0 };
            (self.second, self.answers) = (second, 0);
        }
        self.answers += 1;
    }

    /// Whether only replies may be claimed.
    pub(super) fn is_full(&self) -> bool {
        self.claims >= ALWAYS + self.before.max(self.answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_may_be_open_as_are_answered_in_a_second_and_those_of_a_sender() {
        let mut open = Open::default();
        (0..ALWAYS).for_each(|_| open.claimed());
        assert!(open.is_full());
        // 500 answers a second make room for 500 more.
        for n in 0..1_000 {
            open.answered(Millis(n * 2));
            open.claimed();
        }
        let mut room = 0;
        while !open.is_full() {
            open.claimed();
            room += 1;
        }
        assert_eq!(room, 500);
        // After a second without any it is as before.
        (0..room).for_each(|_| open.answered(Millis(10_000)));
        (0..room).for_each(|_| open.claimed());
        open.answered(Millis(20_000));
        open.claimed();
        open.claimed();
        assert!(open.is_full());
    }
}
