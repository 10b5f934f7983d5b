use serde::{Deserialize, Serialize};

/// One transaction of a chain on one partition: what a replay needs and nothing else could tell it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Journal {
    /// 1 for the first transaction of the partition, then without a gap.
    pub sequence: i64,
    /// Log generation: raised when a cluster is restored or replaced.
    pub generation: i32,
    /// Clock of the stages after it.
    pub clock_ms: i64,
    /// Next offset of every input after it.
    pub inputs: Vec<InputOffset>,
    /// Order in which the inputs were interleaved, run-length coded.
    pub runs: Vec<Run>,
    /// Sequence of the newest transaction that appended to the packed changelog; restore waits for it too.
    pub packed_sequence: i64,
    /// Build that ran it.
    pub build: String,
    /// Whether the chain's memory was rebuilt from state just before: what is kept in memory only began anew.
    #[serde(default)]
    pub loaded: bool,
}

/// Next offset to read of an input topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputOffset {
    /// Topic.
    pub topic: String,
    /// Next offset.
    pub offset: i64,
}

/// `count` consecutive records of input number `input`, or, when `input` is -1, one tick at `clock_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Index into [`Journal::inputs`], or -1 for a tick.
    pub input: i32,
    /// Records.
    pub count: i32,
    /// Clock of the stages at the first record of the run.
    pub clock_ms: i64,
}
