//! What two chains wrote for the same record, side by side.

use crate::chain::Emit;

/// How a record differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Both wrote it, with other contents.
    Changed,
    /// Only the past has it.
    Missing,
    /// Only the new chain has it.
    Added,
}

impl Kind {
    /// As reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Added => "added",
        }
    }
}

/// A record that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Topic as the table names it.
    pub topic: &'static str,
    /// Key.
    pub key: Vec<u8>,
    /// What the past wrote.
    pub then: Option<Vec<u8>>,
    /// What the new chain writes.
    pub now: Option<Vec<u8>>,
}

impl Difference {
    /// How it differs.
    pub const fn kind(&self) -> Kind {
        match (&self.then, &self.now) {
            (Some(_), Some(_)) => Kind::Changed,
            (Some(_), None) => Kind::Missing,
            _ => Kind::Added,
        }
    }
}

/// Pairs records of the same topic and key in their order; returns how many are equal, and the others.
pub fn compare(then: &[Emit], now: &[Emit]) -> (u64, Vec<Difference>) {
    let mut left: Vec<&Emit> = now.iter().collect();
    let (mut equal, mut differences) = (0, Vec::new());
    for was in then {
        let pair = left.iter().position(|is| is.topic == was.topic && is.key == was.key).map(|at| left.remove(at));
        if pair.is_some_and(|is| is.value == was.value) {
            equal += 1;
        } else {
            let now = pair.map(|is| is.value.clone());
            differences.push(Difference { topic: was.topic, key: was.key.clone(), then: Some(was.value.clone()), now });
        }
    }
    let added = left.into_iter().map(|is| Difference { topic: is.topic, key: is.key.clone(), then: None, now: Some(is.value.clone()) });
    differences.extend(added);
    (equal, differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emit(topic: &'static str, key: &str, value: &str) -> Emit {
        Emit { topic, key: key.into(), value: value.into() }
    }

    #[test]
    fn the_same_records_in_the_same_order_do_not_differ() {
        let records = [emit("events", "a", "1"), emit("quotes", "a", "2"), emit("events", "a", "3")];
        assert_eq!(compare(&records, &records), (3, vec![]));
    }

    #[test]
    fn a_record_is_paired_with_the_one_of_its_topic_and_key() {
        let then = [emit("quotes", "a", "1"), emit("quotes", "b", "1"), emit("events", "a", "1")];
        let now = [emit("events", "a", "1"), emit("quotes", "b", "2"), emit("quotes", "c", "1")];
        let (equal, differences) = compare(&then, &now);
        let found: Vec<(&str, &[u8], Kind)> = differences.iter().map(|d| (d.topic, d.key.as_slice(), d.kind())).collect();
        assert_eq!(equal, 1);
        assert_eq!(
            found,
            [
                ("quotes", b"a".as_slice(), Kind::Missing),
                ("quotes", b"b".as_slice(), Kind::Changed),
                ("quotes", b"c".as_slice(), Kind::Added)
            ]
        );
    }
}
