//! Event time: milliseconds since the Unix epoch, UTC.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment in milliseconds since 1970-01-01T00:00:00Z. Stages receive it; they never read a clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// One second.
    pub const SECOND: i64 = 1_000;
    /// One minute.
    pub const MINUTE: i64 = 60_000;
    /// One hour.
    pub const HOUR: i64 = 3_600_000;
    /// One day.
    pub const DAY: i64 = 24 * Self::HOUR;

    /// The wall clock. Only edges and runners call this.
    pub fn now() -> Self {
        let now = Self(jiff::Timestamp::now().as_millisecond());
        #[cfg(feature = "failpoints")]
        let now = now.plus(crate::failpoint::clock_offset_ms());
        now
    }

    /// This moment moved by `ms`.
    #[must_use]
    pub const fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative when it is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Days since the epoch, UTC.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(Self::DAY)
    }
}

impl fmt::Display for Millis {
    /// RFC 3339, UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => at.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}
