//! What the effects say about themselves.

use std::sync::LazyLock;

use prometheus::{IntCounter, IntCounterVec, register_int_counter, register_int_counter_vec};
use sluice_connectors::media;
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

/// Files by outcome: stored, there, or the kind of the error; born at 0.
pub static MEDIA: LazyLock<IntCounterVec> =
    LazyLock::new(|| match register_int_counter_vec!("sluice_media_total", "Files of inbound messages by outcome.", &["outcome"]) {
        Ok(counter) => {
            for outcome in ["stored", "there", "store"].iter().chain(media::Error::KINDS) {
                counter.with_label_values(&[outcome]);
            }
            counter
        }
        Err(e) => unreachable!("metric names are unique: {e}"),
    });

/// Bytes of the files that were stored.
pub static MEDIA_BYTES: LazyLock<IntCounter> =
    LazyLock::new(|| match register_int_counter!("sluice_media_bytes_total", "Bytes of the files of inbound messages that were stored.") {
        Ok(counter) => counter,
        Err(e) => unreachable!("metric names are unique: {e}"),
    });
