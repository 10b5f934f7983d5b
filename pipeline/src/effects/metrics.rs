//! What the effects say about themselves.

use std::sync::LazyLock;

use prometheus::{IntCounterVec, register_int_counter_vec};
use sluice_schemas::record::Outcome;

/// Sends by outcome and error class, born at 0.
pub static SENDS: LazyLock<IntCounterVec> =
    LazyLock::new(|| match register_int_counter_vec!("sluice_sends_total", "Transmissions by outcome and class.", &["outcome", "class"]) {
        Ok(counter) => {
            for outcome in Outcome::ALL {
                counter.with_label_values(&[outcome.name(), "none"]);
            }
            for class in ["retry", "throttle", "permanent", "account", "hold"] {
                counter.with_label_values(&[Outcome::Rejected.name(), class]);
            }
            counter
        }
        Err(e) => unreachable!("metric names are unique: {e}"),
    });
