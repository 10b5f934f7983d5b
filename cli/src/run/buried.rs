//! Dead letters of the last day, by role: followed in their topic, so that any process counts all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sluice_connectors::kafka::tail::Tail;
use sluice_connectors::kafka::{Error, Options};
use sluice_schemas::codec::{Codec, Codecs};
use sluice_schemas::record::DeadLetter;
use sluice_schemas::redrive;
use sluice_schemas::time::Millis;
use sluice_schemas::topics::EVENTS_DEAD_LETTER;

/// Time that one look may take: a flood is counted over several.
const LOOK: Duration = Duration::from_millis(500);

/// Counts by hour and role.
#[derive(Default)]
pub struct Counts(BTreeMap<(i64, String), i64>);

impl Counts {
    fn add(&mut self, role: &str, at: Millis) {
        *self.0.entry((at.0.div_euclid(Millis::HOUR), role.to_owned())).or_default() += 1;
    }

    /// Those of a role in the last 24 hours, to the hour; older ones are forgotten.
    fn of(&mut self, role: &str, now: Millis) -> i64 {
        let oldest = now.0.div_euclid(Millis::HOUR) - 24;
        self.0.retain(|(hour, _), _| *hour > oldest);
        self.0.iter().filter(|((_, counted), _)| counted == role).map(|(_, n)| n).sum()
    }
}

/// Follows the topic.
pub struct Buried {
    codec: Codec<DeadLetter>,
    tail: Option<Tail>,
    counts: Counts,
}

impl Buried {
    /// Begins with nothing.
    pub fn new(codecs: &Codecs) -> Self {
        Self { codec: codecs.of(), tail: None, counts: Counts::default() }
    }

    /// Takes in what has come.
    pub fn look(&mut self, options: &Options) -> Result<(), Error> {
        let tail = match &self.tail {
            Some(tail) => tail,
            None => self.tail.insert(Tail::open(options, EVENTS_DEAD_LETTER, Millis::now().plus(-Millis::DAY).0)?),
        };
        let until = Instant::now() + LOOK;
        while let Some(entry) = tail.next(until.saturating_duration_since(Instant::now()).min(Duration::from_millis(50))) {
            if let Ok(letter) = self.codec.decode(entry.value.as_deref().unwrap_or_default()) {
                self.counts.add(redrive::role(&letter), Millis(entry.timestamp_ms));
            }
            if Instant::now() >= until {
                break;
            }
        }
        Ok(())
    }

    /// Those of a role in the last 24 hours.
    pub fn of(&mut self, role: &str) -> i64 {
        self.counts.of(role, Millis::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_by_role_and_then_forgotten() {
        let (mut counts, now) = (Counts::default(), Millis(1_790_000_000_000));
        for (role, ago) in [("intake", 0), ("intake", 23), ("ledger", 5), ("intake", 30)] {
            counts.add(role, now.plus(-ago * Millis::HOUR));
        }
        assert_eq!((counts.of("intake", now), counts.of("ledger", now), counts.of("sender", now)), (2, 1, 0));
        assert_eq!(counts.of("intake", now.plus(2 * Millis::HOUR)), 1);
        assert_eq!(counts.of("intake", now.plus(Millis::DAY)), 0);
        assert!(counts.0.is_empty());
    }
}
