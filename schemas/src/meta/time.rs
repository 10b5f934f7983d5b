//! Meta's timestamps.

use jiff::Timestamp;

use super::scan::Node;

/// Above this a number counts milliseconds: as seconds it would lie beyond the year 5100.
const MILLISECONDS: i64 = 100_000_000_000;

/// Reads seconds or milliseconds, numeric or string, or an ISO 8601 text. Zero and negative numbers are no time.
pub(crate) fn read(node: Node<'_>) -> Option<Timestamp> {
    match node.integer() {
        Some(number) => of(number),
        None => node.text()?.parse().ok(),
    }
}

/// Seconds or milliseconds since 1970, told apart by magnitude.
pub(crate) fn of(number: i64) -> Option<Timestamp> {
    match number {
        ..=0 => None,
        1..MILLISECONDS => Timestamp::from_second(number).ok(),
        _ => Timestamp::from_millisecond(number).ok(),
    }
}

/// RFC 3339 in UTC, whole seconds or three digits.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    if time.subsec_nanosecond() == 0 { format!("{time:.0}") } else { format!("{time:.3}") }
}

/// The serde form of an optional timestamp.
pub(crate) mod optional {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::ref_option, reason = "the signature that serde's `with` asks for")]
    pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_some(&super::rfc3339(*time)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Option::<Timestamp>::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_milliseconds_are_told_apart_by_magnitude() {
        for (given, expected) in [
            ("\"1767323045\"", Some("2026-01-02T03:04:05Z")),
            ("1767323045", Some("2026-01-02T03:04:05Z")),
            ("1767323045000", Some("2026-01-02T03:04:05Z")),
            ("\"1767323045120\"", Some("2026-01-02T03:04:05.120Z")),
            ("\"2026-01-02T03:04:05+0000\"", Some("2026-01-02T03:04:05Z")),
            ("0", None),
            ("-5", None),
            ("99999999999999999999", None),
            ("\"soon\"", None),
            ("{}", None),
        ] {
            let read = Node::read(given).ok().and_then(read).map(rfc3339);
            assert_eq!(read.as_deref(), expected, "{given}");
        }
    }
}
