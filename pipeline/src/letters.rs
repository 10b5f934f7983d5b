//! How dead letters are counted. Stages and kinds are known beforehand, so that every series is born at 0.

use std::sync::LazyLock;

use prometheus::{IntCounterVec, register_int_counter_vec};
use sluice_schemas::codec;
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::Failure;

static LETTERS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    match register_int_counter_vec!("sluice_dead_letters_total", "Dead letters by stage and error kind.", &["stage", "kind"]) {
        Ok(counter) => counter,
        Err(e) => unreachable!("metric names are unique: {e}"),
    }
});

/// Kind of the letters of a parked tenant: nobody looked at them.
pub const PARKED: &str = "parked";

/// What a file can fail over: the kinds of `connectors::media::Error`.
pub const MEDIA: &[&str] = &["token", "refused", "unreachable", "unexpected", "status", "gone", "large", "digest", "cut", "type"];

/// What each stage of a role can give up over, beside a record that cannot be decoded or encoded.
const KINDS: &[(&str, &str, &[&str])] = &[
    ("intake", "dedup", &["unattributed", "json"]),
    ("intake", "conversation", &["command"]),
    ("intake", "quote", &["decision"]),
    ("intake", "configuration", &[]),
    ("intake", "intake", &["panic", PARKED]),
    ("ledger", "ledger", &["panic", PARKED]),
    ("reconcile", "reconcile", &["panic", PARKED]),
    ("accounts", "accounts", &[]),
    ("expand", "expand", &[]),
    ("archive", "archive", &[]),
    ("media", "media", MEDIA),
    ("tally", "tally", &[]),
];

/// Makes the series of `role`, at 0.
pub fn born(role: &str) {
    for (_, stage, kinds) in KINDS.iter().filter(|(name, ..)| *name == role) {
        for kind in codec::Error::KINDS.iter().chain(*kinds) {
            LETTERS.with_label_values(&[stage, kind]);
        }
    }
}

/// Counts one.
pub fn count(stage: &str, kind: &str) {
    LETTERS.with_label_values(&[stage, kind]).inc();
}

/// What the letter of an effect says about a record that it cannot decode.
pub const fn undecodable<'a>(role: &'a str, kind: &'a str, detail: &'a str) -> Failure<'a> {
    Failure { tenant: TenantId::UNKNOWN, role, stage: role, kind, detail, build: crate::BUILD }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology;
    use sluice_schemas::record::DeadLetter;
    use sluice_schemas::redrive;

    #[test]
    fn every_series_of_a_role_is_born_at_zero() {
        born("intake");
        for kind in ["frame", "unattributed"] {
            assert_eq!(LETTERS.with_label_values(&["dedup", kind]).get(), 0, "{kind}");
        }
        for (role, ..) in KINDS {
            assert!(topology::role(role).is_some(), "{role}");
        }
    }

    #[test]
    fn the_role_of_an_old_letter_is_found_by_its_stage() {
        for (role, stage, _) in KINDS {
            let original = sluice_schemas::record::Original {
                topic: "events.raw",
                partition: 0,
                offset: 0,
                timestamp_ms: 0,
                key: b"",
                value: b"",
                headers: &[],
            };
            let letter = DeadLetter::new(original, Failure { role: "", stage, ..undecodable(role, "frame", "") });
            assert_eq!(redrive::role(&letter), *role, "{stage}");
        }
    }
}
