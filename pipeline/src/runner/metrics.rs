//! What a chain says about itself. Labels are bounded: chain, stage, error kind.

use std::sync::LazyLock;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, register_gauge_vec, register_histogram_vec,
    register_int_counter_vec, register_int_gauge_vec,
};

use crate::letters;

macro_rules! metric {
    ($($name:ident: $type:ty = $make:expr;)+) => { $(static $name: LazyLock<$type> = LazyLock::new(|| match $make {
        Ok(metric) => metric,
        Err(e) => unreachable!("metric names are unique: {e}"),
    });)+ };
}

metric! {
    RECORDS: IntCounterVec = register_int_counter_vec!("sluice_stage_records_total", "Records by chain and outcome.", &["chain", "outcome"]);
    OUTPUTS: IntCounterVec = register_int_counter_vec!("sluice_stage_output_records_total", "Records written by chain, state and journal included.", &["chain"]);
    OUTPUT_BYTES: IntCounterVec = register_int_counter_vec!("sluice_stage_output_bytes_total", "Bytes of keys and values written by chain, uncompressed.", &["chain"]);
    COMMIT: HistogramVec = register_histogram_vec!("sluice_stage_commit_seconds", "Time of a transaction's commit.", &["chain"],
        vec![0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0]);
    BATCH: HistogramVec = register_histogram_vec!("sluice_stage_batch_records", "Records of a transaction.", &["chain"],
        vec![1.0, 10.0, 100.0, 1000.0, 10_000.0]);
    AGE: GaugeVec = register_gauge_vec!("sluice_stage_event_age_seconds", "Age of the newest record processed.", &["chain"]);
    RESTORE: GaugeVec = register_gauge_vec!("sluice_stage_restore_seconds", "Duration of the last restore.", &["chain"]);
    STATE: IntGaugeVec = register_int_gauge_vec!("sluice_stage_state_bytes", "State on disk.", &["chain"]);
    STOPPED: IntGaugeVec = register_int_gauge_vec!("sluice_stage_partitions_stopped", "Partitions that stand still because records of several tenants cannot be processed.", &["chain"]);
    PARTITIONS: IntGaugeVec = register_int_gauge_vec!("sluice_stage_partitions", "Partitions assigned.", &["chain"]);
}

/// Handles of one chain, born at 0.
pub struct Metrics {
    /// Records that are no dead letters.
    pub processed: IntCounter,
    /// Records written, state and journal included.
    pub outputs: IntCounter,
    /// Bytes of their keys and values.
    pub output_bytes: IntCounter,
    /// Time of a commit.
    pub commit_seconds: Histogram,
    /// Records of each committed transaction.
    pub batch_records: Histogram,
    pub(super) event_age_seconds: Gauge,
    pub(super) restore_seconds: Gauge,
    pub(super) state_bytes: IntGauge,
    pub(super) partitions: IntGauge,
    pub(super) stopped: IntGauge,
    dead: IntCounter,
}

impl Metrics {
    /// The handles of `chain`.
    pub fn of(chain: &str) -> Self {
        letters::born(chain);
        Self {
            processed: RECORDS.with_label_values(&[chain, "processed"]),
            outputs: OUTPUTS.with_label_values(&[chain]),
            output_bytes: OUTPUT_BYTES.with_label_values(&[chain]),
            dead: RECORDS.with_label_values(&[chain, "dead_letter"]),
            commit_seconds: COMMIT.with_label_values(&[chain]),
            batch_records: BATCH.with_label_values(&[chain]),
            event_age_seconds: AGE.with_label_values(&[chain]),
            restore_seconds: RESTORE.with_label_values(&[chain]),
            state_bytes: STATE.with_label_values(&[chain]),
            stopped: STOPPED.with_label_values(&[chain]),
            partitions: PARTITIONS.with_label_values(&[chain]),
        }
    }

    pub(super) fn written(&self, bytes: usize) {
        self.outputs.inc();
        self.output_bytes.inc_by(bytes as u64);
    }

    pub(super) fn dead_letter(&self, stage: &str, kind: &str) {
        self.dead.inc();
        letters::count(stage, kind);
    }
}
