use std::collections::{HashMap, VecDeque};

use super::{DAY, Millis};

/// The users that a business portfolio reached outside open windows in the last 24 hours (contract §8).
#[derive(Debug, Default)]
pub(crate) struct Recipients {
    last: HashMap<Box<str>, Millis>,
    order: VecDeque<(Millis, Box<str>)>,
}

impl Recipients {
    /// Whether `recipient` may be reached at `now` with at most `limit` unique users (`None`: unlimited).
    pub(crate) fn allows(&mut self, recipient: &str, now: Millis, limit: Option<u32>) -> bool {
        self.forget(now);
        limit.is_none_or(|limit| self.last.contains_key(recipient) || self.last.len() < limit as usize)
    }

    /// Counts a message to `recipient` at `now`.
    pub(crate) fn count(&mut self, recipient: &str, now: Millis) {
        self.last.insert(recipient.into(), now);
        self.order.push_back((now, recipient.into()));
    }

    /// Unique users in the 24 hours before `now`.
    pub(crate) fn unique(&mut self, now: Millis) -> usize {
        self.forget(now);
        self.last.len()
    }

    fn forget(&mut self, now: Millis) {
        while self.order.front().is_some_and(|(at, _)| *at <= now - DAY) {
            let Some((at, recipient)) = self.order.pop_front() else { return };
            // A later message to the same user keeps the user counted.
            if self.last.get(&recipient) == Some(&at) {
                self.last.remove(&recipient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_already_reached_costs_nothing_and_is_forgotten_after_a_day() {
        let mut reached = Recipients::default();
        for user in ["a", "b"] {
            assert!(reached.allows(user, 0, Some(2)));
            reached.count(user, 0);
        }
        assert!(!reached.allows("c", 10, Some(2)));
        assert!(reached.allows("a", 10, Some(2)));
        reached.count("a", 10);
        assert!(reached.allows("c", DAY, Some(2)), "b has left the 24 hours");
        assert_eq!(reached.unique(DAY), 1, "a was reached again at 10");
        assert!(reached.allows("z", 0, None));
    }
}
