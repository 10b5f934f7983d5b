use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A record that a stage could not process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Where it lies: `PARTITION:OFFSET`.
    pub id: String,
    /// When it was written, RFC 3339.
    pub at: String,
    /// Stage that gave up.
    pub stage: String,
    /// Error kind.
    pub kind: String,
    /// The error in words, without message text.
    pub detail: String,
    /// Attempts so far.
    pub attempt: i32,
    /// Build that gave up.
    pub build: String,
    /// Topic of the record.
    pub topic: String,
    /// Partition of the record.
    pub partition: i32,
    /// Offset of the record.
    pub offset: i64,
    /// What was decided on it; null while it is open.
    pub decision: Option<LetterDecision>,
}

/// What somebody decided on a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LetterDecision {
    /// `redriven` or `dropped`.
    pub decision: String,
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub actor: String,
    /// Why; may be empty for a redrive.
    pub reason: String,
}

/// A dead letter with the record that it keeps.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct KeptRecord {
    /// The letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// The record, decoded as far as this build can, secrets blanked.
    #[schema(value_type = Object)]
    pub record: serde_json::Value,
}

/// Open dead letters of one stage and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LetterGroup {
    /// Stage that gave up.
    pub stage: String,
    /// Error kind.
    pub kind: String,
    /// How many.
    pub records: u64,
    /// When the first was written, RFC 3339.
    pub first_at: String,
    /// When the last was written, RFC 3339.
    pub last_at: String,
}

/// What a redrive or drop did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settled {
    /// Letters written again or given up.
    pub done: u64,
    /// Letters that stay open, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Letters decided on before; they are passed over.
    pub settled: u64,
    /// Whether it was stopped before the end; the rest stays open.
    pub stopped: bool,
}
