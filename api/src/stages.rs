//! How each stage keeps up, as measured from the outside. The measuring task calls [`Stages::observe`]; pages read [`Stages::all`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_schemas::time::Millis;

use crate::view;

/// One measurement of one chain or effect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observation {
    /// Chain or effect, as the topology names it.
    pub name: String,
    /// `chain` or `effect`.
    pub kind: String,
    /// Topics it reads.
    pub reads: Vec<String>,
    /// Sum of its committed offsets over all inputs: the difference over time is the throughput.
    pub committed: i64,
    /// Records that wait.
    pub lag: i64,
    /// Age of the oldest record that waits, in seconds.
    pub lag_seconds: Option<f64>,
    /// Records it gave up in the last 24 hours.
    pub dead_letters: i64,
    /// When it was measured.
    pub at_ms: i64,
}

/// The last measurement of each stage. Cheap to clone.
#[derive(Clone, Default)]
pub struct Stages(Arc<Mutex<BTreeMap<String, Measured>>>);

/// A stage's place in the list, its last measurement, and its throughput.
type Measured = (usize, Observation, Option<f64>);

impl Stages {
    /// Takes in a measurement. Stages are listed in the order of their first one.
    pub fn observe(&self, now: Observation) {
        let mut stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = stages.len();
        let entry = stages.entry(now.name.clone()).or_insert_with(|| (place, now.clone(), None));
        let seconds = (now.at_ms - entry.1.at_ms) as f64 / 1_000.0;
        if seconds > 0.0 {
            // Offsets go back only when a log was replaced: then there is no rate for once.
            entry.2 = (now.committed >= entry.1.committed).then(|| (now.committed - entry.1.committed) as f64 / seconds);
        }
        entry.1 = now;
    }

    /// Every stage, in order.
    pub fn all(&self) -> Vec<view::Stage> {
        let stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = stages.values().cloned().collect();
        all.sort_by_key(|(place, ..)| *place);
        all.into_iter()
            .map(|(_, seen, per_second)| view::Stage {
                name: seen.name,
                kind: seen.kind,
                reads: seen.reads,
                per_second,
                lag: seen.lag,
                lag_seconds: seen.lag_seconds,
                dead_letters: seen.dead_letters,
                measured_at: Millis(seen.at_ms).to_string(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_the_difference_over_time() {
        let stages = Stages::default();
        let seen = |committed, at_ms| Observation { name: "intake".into(), committed, at_ms, ..Observation::default() };
        stages.observe(seen(100, 1_000));
        assert_eq!(stages.all()[0].per_second, None);
        stages.observe(seen(300, 3_000));
        assert_eq!(stages.all()[0].per_second, Some(100.0));
        stages.observe(seen(5, 4_000));
        assert_eq!(stages.all()[0].per_second, None);
    }
}
