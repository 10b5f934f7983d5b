use tokio_postgres::error::SqlState;

/// Why Postgres could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server answers there.
    #[error("Postgres at {address} is not reachable: {reason}. Is it running, and is `postgres.url` right?")]
    Unreachable {
        /// Host, port and database, without credentials.
        address: String,
        /// What the network said.
        reason: String,
    },
    /// The server refused the login or the database.
    #[error("Postgres at {address} refused the login: {reason}. Check user, password and database, and whether `sluice migrate` has run")]
    Refused {
        /// Host, port and database, without credentials.
        address: String,
        /// What the server said.
        reason: String,
    },
    /// Every connection was busy for as long as a caller may wait.
    #[error("every one of the {size} Postgres connections is busy; raise `postgres.pool_size` or look for a slow statement")]
    Busy {
        /// Connections in the pool.
        size: usize,
    },
    /// The connection broke in the middle; what was not committed is undone.
    #[error("the connection to Postgres broke: {0}")]
    Broken(String),
    /// A statement failed.
    #[error("Postgres: {message} ({code})")]
    Statement {
        /// SQLSTATE.
        code: String,
        /// The server's message, without row contents.
        message: String,
        /// Constraint that was hurt.
        constraint: Option<String>,
    },
    /// What was asked for does not exist in this tenant.
    #[error("{what} `{id}` does not exist")]
    NotFound {
        /// `campaign`, `number`, …
        what: &'static str,
        /// Its identifier.
        id: String,
    },
    /// It exists already.
    #[error("{what} `{id}` exists already")]
    Exists {
        /// `tenant`, `number`, …
        what: &'static str,
        /// Its identifier.
        id: String,
    },
    /// It cannot be done in the present state.
    #[error("{what} is {state}: cannot {action}")]
    State {
        /// What was to change.
        what: &'static str,
        /// The state it is in.
        state: String,
        /// What was wanted.
        action: &'static str,
    },
    /// Somebody else was quicker.
    #[error("{what} was changed by somebody else meanwhile: look at it again and decide then")]
    Changed {
        /// What was to change.
        what: &'static str,
    },
    /// An input that cannot be used.
    #[error("{field}: {reason}")]
    Invalid {
        /// The key or column.
        field: String,
        /// What is wrong and how to put it right.
        reason: String,
    },
    /// The login could step around row-level security.
    #[error("{0}")]
    Role(String),
    /// A migration could not run.
    #[error("migration: {0}")]
    Migration(String),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] super::seal::Error),
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Refused { .. } => "refused",
            Self::Busy { .. } => "busy",
            Self::Broken(_) => "broken",
            Self::Statement { .. } => "statement",
            Self::NotFound { .. } => "not_found",
            Self::Exists { .. } => "exists",
            Self::State { .. } => "state",
            Self::Changed { .. } => "changed",
            Self::Invalid { .. } => "invalid",
            Self::Role(_) => "role",
            Self::Migration(_) => "migration",
            Self::Seal(_) => "seal",
        }
    }

    /// Whether the same call may succeed later without a change: the caller pauses instead of giving up on the record.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Broken(_) => true,
            // Serialization and deadlock, lack of resources, shutdown: 40, 53, 57.
            Self::Statement { code, .. } => ["40", "53", "57"].iter().any(|class| code.starts_with(class)),
            _ => false,
        }
    }

    pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// Names the thing instead of the constraint when a row exists already.
    pub(crate) fn or_exists(self, what: &'static str, id: impl ToString) -> Self {
        match self {
            Self::Statement { code, .. } if code == SqlState::UNIQUE_VIOLATION.code() => Self::Exists { what, id: id.to_string() },
            other => other,
        }
    }

    /// What a failed attempt to connect means.
    pub(crate) fn connecting(error: &tokio_postgres::Error, address: &str) -> Self {
        let address = address.to_owned();
        match error.as_db_error() {
            // 57P03: starting up or shutting down; 53300: too many connections.
            Some(db) if ["57P03", "53300"].contains(&db.code().code()) => Self::Unreachable { address, reason: db.message().to_owned() },
            Some(db) => Self::Refused { address, reason: db.message().to_owned() },
            None => Self::Unreachable { address, reason: chain(error) },
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self::Statement {
                code: db.code().code().to_owned(),
                message: db.message().to_owned(),
                constraint: db.constraint().map(str::to_owned),
            },
            None if error.is_closed() => Self::Broken(chain(&error)),
            None if std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>) => {
                Self::Broken(chain(&error))
            }
            None => Self::Statement { code: "client".into(), message: chain(&error), constraint: None },
        }
    }
}

/// The error with its causes, since the outer one alone says only "error connecting to server".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
