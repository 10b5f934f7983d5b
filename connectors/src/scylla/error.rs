/// Why the history could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No node answers.
    #[error("no CQL node of {nodes} is reachable: {reason}. Is it running, and is `cql.nodes` right?")]
    Unreachable {
        /// The nodes tried.
        nodes: String,
        /// What the driver said.
        reason: String,
    },
    /// The keyspace or a table is missing.
    #[error("keyspace `{keyspace}` is not ready: {reason}. Run `sluice migrate`")]
    Schema {
        /// The keyspace.
        keyspace: String,
        /// What is missing.
        reason: String,
    },
    /// A configuration value that cannot be used.
    #[error("cql.{field}: {reason}")]
    Invalid {
        /// The key.
        field: &'static str,
        /// What is wrong and how to put it right.
        reason: String,
    },
    /// A statement failed after the driver's retries.
    #[error("CQL: {0}")]
    Statement(String),
    /// A row holds what this build cannot read.
    #[error("CQL: {table}: {reason}")]
    Row {
        /// Table.
        table: &'static str,
        /// What did not fit.
        reason: String,
    },
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Schema { .. } => "schema",
            Self::Invalid { .. } => "invalid",
            Self::Statement(_) => "statement",
            Self::Row { .. } => "row",
        }
    }

    pub(super) fn statement(error: impl std::fmt::Display) -> Self {
        Self::Statement(error.to_string())
    }
}
