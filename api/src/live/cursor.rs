//! A tenant's place in the topics of the event stream: `c3:120,m3:88,q3:7`, the offset last seen of each partition.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sluice_schemas::topics;

use super::Feed;

/// Where one record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Its topic.
    pub feed: Feed,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

impl Feed {
    const fn letter(self) -> char {
        match self {
            Self::Conversations => 'c',
            Self::Messages => 'm',
            Self::Quotes => 'q',
        }
    }

    /// The topic, without the cluster's prefix.
    pub const fn topic(self) -> &'static str {
        match self {
            Self::Conversations => topics::CONVERSATIONS,
            Self::Messages => topics::MESSAGES,
            Self::Quotes => topics::QUOTES,
        }
    }
}

/// The offset last seen of every partition of the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(BTreeMap<(Feed, i32), i64>);

impl Cursor {
    /// Takes in one record; never goes back.
    pub fn advance(&mut self, at: Position) {
        let seen = self.0.entry((at.feed, at.partition)).or_insert(at.offset);
        *seen = at.offset.max(*seen);
    }

    /// Whether this record was seen already.
    pub fn has_seen(&self, at: Position) -> bool {
        self.offset(at.feed, at.partition).is_some_and(|seen| at.offset <= seen)
    }

    /// Offset last seen; `None` where the cursor knows nothing of the partition.
    pub fn offset(&self, feed: Feed, partition: i32) -> Option<i64> {
        self.0.get(&(feed, partition)).copied()
    }

    /// Every place, in order.
    pub fn positions(&self) -> impl Iterator<Item = Position> {
        self.0.iter().map(|(&(feed, partition), &offset)| Position { feed, partition, offset })
    }

    /// Only these partitions.
    #[must_use]
    pub fn within(&self, partitions: &[i32]) -> Self {
        Self(self.0.iter().filter(|((_, partition), _)| partitions.contains(partition)).map(|(k, v)| (*k, *v)).collect())
    }

    /// Whether it names no place.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, at) in self.positions().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}{}:{}", at.feed.letter(), at.partition, at.offset)?;
        }
        Ok(())
    }
}

/// A text that is no event cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no event cursor: send the `id` of the last event unchanged")]
pub struct Invalid(String);

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let place = |part: &str| -> Option<Position> {
            let (head, offset) = part.split_once(':')?;
            let letter = head.chars().next()?;
            let feed = Feed::ALL.iter().copied().find(|feed| feed.letter() == letter)?;
            let partition = head.get(1..)?.parse().ok().filter(|partition| *partition >= 0)?;
            Some(Position { feed, partition, offset: offset.parse().ok().filter(|offset| *offset >= -1)? })
        };
        let mut cursor = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            cursor.advance(place(part).ok_or_else(|| Invalid(text.chars().take(80).collect()))?);
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places() -> impl Strategy<Value = Vec<Position>> {
        let place = (0..Feed::ALL.len(), 0..64i32, -1..i64::MAX);
        prop::collection::vec(place.prop_map(|(f, partition, offset)| Position { feed: Feed::ALL[f], partition, offset }), 0..20)
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was_written(places in places()) {
            let mut cursor = Cursor::default();
            for at in &places {
                cursor.advance(*at);
            }
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor.clone()));
            prop_assert!(places.iter().all(|at| cursor.has_seen(*at)));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Cursor>();
        }
    }

    #[test]
    fn a_wrong_cursor_is_named() {
        assert_eq!("c3:1,z".parse::<Cursor>(), Err(Invalid("c3:1,z".into())));
    }
}
