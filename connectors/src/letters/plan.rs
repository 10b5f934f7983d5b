//! What a redrive or drop would do, before it does it.

use std::collections::BTreeMap;

use sluice_schemas::ids::TenantId;

use super::scan::Span;
use super::{Letter, Source};

/// Letters of one owner, stage and kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    /// Owner; nil when unknown.
    pub tenant: TenantId,
    /// Stage that gave up.
    pub stage: String,
    /// Error kind.
    pub kind: String,
    /// How many.
    pub records: u64,
    /// When the first was written, milliseconds.
    pub first_ms: i64,
    /// When the last was written, milliseconds.
    pub last_ms: i64,
}

/// One source to work through.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where.
    pub source: Source,
    pub(super) spans: Vec<Span>,
}

/// What would be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Sources to work through.
    pub steps: Vec<Step>,
    /// Open letters by owner, stage and kind.
    pub groups: Vec<Group>,
    /// Open letters that a redrive writes again, by topic.
    pub resent: BTreeMap<&'static str, u64>,
    /// Those that it does not, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Letters that were decided on before; they are passed over.
    pub settled: u64,
    /// How long finding them took, milliseconds.
    pub took_ms: u64,
    /// When nothing was found: when the oldest record that is still there was written.
    pub oldest_ms: Option<i64>,
}

impl Plan {
    /// Open letters.
    pub fn records(&self) -> u64 {
        self.groups.iter().map(|group| group.records).sum()
    }

    /// About how long it takes, in seconds: reading again, and an acknowledged write and a decision for each.
    pub fn expected_seconds(&self) -> u64 {
        self.took_ms.div_ceil(1_000) + self.records() / 2_000
    }

    pub(super) fn count(&mut self, letter: &Letter) {
        match letter.resend(false) {
            Ok(out) => *self.resent.entry(out.topic).or_default() += 1,
            Err(reason) => *self.refused.entry(reason).or_default() += 1,
        }
        let of = &letter.letter;
        let same = |group: &&mut Group| group.tenant == of.tenant && group.stage == of.stage && group.kind == of.kind;
        if let Some(group) = self.groups.iter_mut().find(same) {
            group.records += 1;
            group.first_ms = group.first_ms.min(letter.at_ms);
            group.last_ms = group.last_ms.max(letter.at_ms);
        } else {
            self.groups.push(Group {
                tenant: of.tenant,
                stage: of.stage.clone(),
                kind: of.kind.clone(),
                records: 1,
                first_ms: letter.at_ms,
                last_ms: letter.at_ms,
            });
        }
    }
}
