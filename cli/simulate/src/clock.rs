//! The simulator's clock: the machine's, or one that moves only when told.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::limits::Millis;

/// Which clock the limits and the webhooks' times follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ClockKind {
    /// The machine's clock.
    #[default]
    Real,
    /// Stands still until `POST /_sim/clock {"advance_ms": n}`. Webhook retries and fault latencies stay in real time,
    /// since the receiver lives in real time.
    Virtual,
}

/// See [`ClockKind`].
#[derive(Debug)]
pub(crate) enum Clock {
    Real,
    Virtual(AtomicI64),
}

impl Clock {
    pub(crate) fn new(kind: ClockKind, start: Option<Millis>) -> Self {
        match kind {
            ClockKind::Real => Self::Real,
            ClockKind::Virtual => Self::Virtual(AtomicI64::new(start.unwrap_or_else(machine_time))),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        match self {
            Self::Real => machine_time(),
            Self::Virtual(now) => now.load(Ordering::Acquire),
        }
    }

    /// Moves a virtual clock and returns its new time; `None` if this clock follows the machine.
    pub(crate) fn advance(&self, by: Millis) -> Option<Millis> {
        match self {
            Self::Real => None,
            Self::Virtual(now) => Some(now.fetch_add(by, Ordering::AcqRel) + by),
        }
    }
}

fn machine_time() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Millis)
}
