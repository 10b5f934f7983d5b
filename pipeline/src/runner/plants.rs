//! Bugs that the fault harness must find, of those that take more than a line. Nothing happens unless one is asked for.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer as _};
use sluice_connectors::kafka;
use sluice_schemas::failpoint::{hit, planted};

use super::{Error, Runner};
use crate::state::{Changes, Read as _};

impl Runner<'_> {
    /// What must not happen before the commit: offsets of outputs that are not committed, state of a transaction that may abort.
    pub(super) fn too_early(&self, sealed: &[i32], offsets: &TopicPartitionList) -> Result<(), Error> {
        if planted("offsets_before_outputs") {
            self.consumer.commit(offsets, CommitMode::Sync).map_err(kafka::Error::from)?;
        }
        let (dedup, keyed) = (planted("dedup_before_commit"), planted("state_before_commit"));
        for partition in sealed.iter().filter_map(|id| self.partitions.get(id)).filter(|_| dedup || keyed) {
            let (mut early, changes) = (Changes::default(), partition.cell.changes());
            if dedup {
                early.seen.extend(changes.seen.iter().copied());
            } else {
                early.keyed.extend(changes.keyed.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            let mut new = false;
            for key in early.keyed.keys() {
                new |= partition.store.get(key)?.is_none();
            }
            partition.store.apply(&early, partition.cell.day(), &partition.store.position()?)?;
            if new {
                // A transaction that only moves on what was there before would lose nothing that is missed.
                hit(self.setup.role.name, "early_row");
            }
        }
        Ok(())
    }

    /// A commit failed, and the same producer goes on with what comes next.
    pub(super) fn again(&self) -> Result<(), Error> {
        Ok(self.producer.abort()?)
    }
}
