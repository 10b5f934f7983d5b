//! Everything a simulator is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::clock::ClockKind;
use crate::world::World;

/// The resolved configuration of one simulator; [`crate::Args`] makes one from the command line.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the Graph API listens; port 0 chooses a free one.
    pub listen: SocketAddr,
    /// What exists.
    pub world: World,
    /// Every choice follows from it: same seed, same fates.
    pub seed: u64,
    /// Real or virtual time.
    pub clock: ClockKind,
    /// Where a virtual clock starts, in Unix milliseconds; the machine's time if absent.
    pub clock_start: Option<i64>,
    /// What happens to accepted messages.
    pub behaviour: Behaviour,
    /// How webhooks are delivered.
    pub delivery: Delivery,
    /// A file that keeps the book across restarts.
    pub book: Option<PathBuf>,
    /// Whether the book keeps the bodies of accepted messages; without them it stays small in long benchmarks.
    pub keep_bodies: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8082)),
            world: World::demo(),
            seed: 1,
            clock: ClockKind::Real,
            clock_start: None,
            behaviour: Behaviour::default(),
            delivery: Delivery::default(),
            book: None,
            keep_bodies: true,
        }
    }
}

/// A span of milliseconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Shortest.
    pub low: i64,
    /// Longest.
    pub high: i64,
}

impl Span {
    /// From `low` to `high` milliseconds.
    pub const fn new(low: i64, high: i64) -> Self {
        Self { low, high }
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    /// `50..300` or `50`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| format!("`{text}` is no number of milliseconds"));
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        let span = Self { low: number(low)?.into(), high: number(high)?.into() };
        if span.low > span.high { Err(format!("`{text}` ends before it starts")) } else { Ok(span) }
    }
}

/// What happens to accepted messages. Probabilities are 0 to 1.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// From acceptance to `sent`.
    pub sent_after: Span,
    /// From `sent` to `delivered`.
    pub delivered_after: Span,
    /// From `delivered` to `read`.
    pub read_after: Span,
    /// From `delivered` to the customer's reply to a template.
    pub reply_after: Span,
    /// Share of messages that reach the device. The rest stays at `sent` in silence, as an expired message does
    /// (contract §6).
    pub delivered_rate: f64,
    /// Share of delivered messages that are read.
    pub read_rate: f64,
    /// Share of read messages whose `delivered` is skipped (contract §4).
    pub skip_delivered_rate: f64,
    /// Share of messages whose statuses come in the wrong order.
    pub out_of_order_rate: f64,
    /// Share of statuses that come twice.
    pub duplicate_rate: f64,
    /// Codes of failed statuses with their probabilities.
    pub failures: Vec<(u32, f64)>,
    /// Recipients that are not on WhatsApp (131026); `*` stands for any digits.
    pub undeliverable: Vec<String>,
    /// Refusals with these codes come later, as failed statuses of an accepted message, instead of in the answer
    /// (contract §7: a code may come either way).
    pub late_codes: Vec<u32>,
    /// Share of recipients of a delivered template that write back.
    pub reply_rate: f64,
    /// What they write.
    pub replies: Vec<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            sent_after: Span::new(20, 150),
            delivered_after: Span::new(100, 800),
            read_after: Span::new(300, 3_000),
            reply_after: Span::new(1_000, 8_000),
            delivered_rate: 1.0,
            read_rate: 0.6,
            skip_delivered_rate: 0.0,
            out_of_order_rate: 0.0,
            duplicate_rate: 0.0,
            failures: Vec::new(),
            undeliverable: vec!["*0026".into()],
            late_codes: vec![131_026, 131_049, 131_050, 130_472],
            reply_rate: 0.0,
            replies: ["Yes, please", "How much is it?", "Not now", "STOP"].map(String::from).into(),
        }
    }
}

/// How webhooks are delivered.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The app's WhatsApp callback addresses; each receives every update.
    pub whatsapp: Vec<String>,
    /// The app's Instagram callback address.
    pub instagram: Option<String>,
    /// The app's Messenger callback address.
    pub messenger: Option<String>,
    /// Updates per POST, at most 1,000 (contract §1).
    pub max_batch: usize,
    /// POSTs in flight per address.
    pub concurrency: usize,
    /// Milliseconds that an update may wait for others to share its POST.
    pub linger_ms: u64,
    /// Milliseconds before the first repetition of a refused POST; each further wait is twice as long.
    pub retry_first_ms: u64,
    /// Longest wait between two repetitions, in milliseconds. Repetitions never end.
    pub retry_max_ms: u64,
    /// Milliseconds after which an unanswered POST counts as refused.
    pub timeout_ms: u64,
    /// Updates that may wait. Beyond it new messages are refused with 131016 instead of losing an update.
    pub backlog: usize,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            whatsapp: Vec::new(),
            instagram: None,
            messenger: None,
            max_batch: 50,
            concurrency: 16,
            linger_ms: 10,
            retry_first_ms: 250,
            retry_max_ms: 10_000,
            timeout_ms: 10_000,
            backlog: 2_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_one_number_or_two() {
        assert_eq!("50..300".parse(), Ok(Span::new(50, 300)));
        assert_eq!("7".parse(), Ok(Span::new(7, 7)));
        assert!("9..1".parse::<Span>().is_err());
        assert!("soon".parse::<Span>().is_err());
    }
}
