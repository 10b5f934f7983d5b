use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is refused; the codes are Confluent's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No version of this subject.
    #[error("Subject '{0}' not found.")]
    SubjectNotFound(String),
    /// The subject has no such version.
    #[error("Version {0} not found.")]
    VersionNotFound(String),
    /// No schema with this id, or this text under this subject.
    #[error("Schema not found")]
    SchemaNotFound,
    /// Not an Avro schema.
    #[error("Invalid schema: {0}")]
    InvalidSchema(String),
    /// Neither a number from 1 nor `latest`.
    #[error("The specified version '{0}' is not a valid version id: use a number from 1, or `latest`")]
    InvalidVersion(String),
    /// A level other than the one this registry holds to.
    #[error("Invalid compatibility level '{0}': this registry always checks FULL with the previous version and BACKWARD with all")]
    InvalidLevel(String),
    /// The schema would break readers; the text names the field.
    #[error("Schema being registered is incompatible with an earlier schema for subject \"{subject}\": {reason}")]
    Incompatible {
        /// The subject.
        subject: String,
        /// Field and version.
        reason: String,
    },
    /// The database failed.
    #[error("the registry's database failed: {0}")]
    Store(String),
}

impl Error {
    /// Stable name for logs and metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SubjectNotFound(_) => "subject_not_found",
            Self::VersionNotFound(_) => "version_not_found",
            Self::SchemaNotFound => "schema_not_found",
            Self::InvalidSchema(_) => "invalid_schema",
            Self::InvalidVersion(_) => "invalid_version",
            Self::InvalidLevel(_) => "invalid_level",
            Self::Incompatible { .. } => "incompatible",
            Self::Store(_) => "store",
        }
    }

    const fn codes(&self) -> (StatusCode, u32) {
        match self {
            Self::SubjectNotFound(_) => (StatusCode::NOT_FOUND, 40401),
            Self::VersionNotFound(_) => (StatusCode::NOT_FOUND, 40402),
            Self::SchemaNotFound => (StatusCode::NOT_FOUND, 40403),
            Self::Incompatible { .. } => (StatusCode::CONFLICT, 409),
            Self::InvalidSchema(_) => (StatusCode::UNPROCESSABLE_ENTITY, 42201),
            Self::InvalidVersion(_) => (StatusCode::UNPROCESSABLE_ENTITY, 42202),
            Self::InvalidLevel(_) => (StatusCode::UNPROCESSABLE_ENTITY, 42203),
            Self::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, 50001),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = self.codes();
        if let Self::Store(reason) = &self {
            tracing::error!(%reason, "the registry's database failed");
        }
        (status, Json(json!({ "error_code": code, "message": self.to_string() }))).into_response()
    }
}
