//! One error for every request: the API shows it as an RFC 9457 problem document, the console as a page.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Field {
    /// Name of the field, as in the request.
    pub field: String,
    /// What is wrong and how to put it right.
    pub detail: String,
}

/// Why a request was not served.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No session, no token, or one that has ended.
    #[error("sign in, or send `Authorization: Bearer <token>` with a token of this tenant")]
    Unauthenticated,
    /// Known, but not allowed to do this.
    #[error("{0}")]
    Forbidden(String),
    /// Nothing under this address, or not this tenant's.
    #[error("there is no {0} here")]
    NotFound(String),
    /// Fields that are missing or wrong.
    #[error("{}", .0.first().map_or("the request is not valid", |field| field.detail.as_str()))]
    Invalid(Vec<Field>),
    /// The thing is not in a state in which this can be done.
    #[error("{0}")]
    Conflict(String),
    /// It is not what the request has seen: `If-Match` names an older version.
    #[error("{0}")]
    Changed(String),
    /// Free-form messages may not be sent to this person now.
    #[error("the 24-hour window is closed: {0}")]
    WindowClosed(&'static str),
    /// The same `Idempotency-Key` came with another request.
    #[error("this Idempotency-Key was used for another request; use a new key")]
    KeyReused,
    /// Too many attempts.
    #[error("too many failed attempts; try again in {0} seconds")]
    TooMany(u64),
    /// The body is larger than allowed.
    #[error("the upload is larger than {0} bytes")]
    TooLarge(usize),
    /// A service that this needs does not answer.
    #[error("{service} does not answer at the moment; nothing was changed, try again")]
    Unavailable {
        /// `postgres`, `kafka`, `history`.
        service: &'static str,
        /// For the log only.
        cause: String,
    },
    /// A fault of ours.
    #[error("something went wrong on our side; it has been logged")]
    Internal(String),
}

impl Error {
    /// One wrong field.
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Field { field: field.to_owned(), detail: detail.into() }])
    }

    /// Stable name: metric label, and last part of the problem's `type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not-found",
            Self::Invalid(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::Changed(_) => "changed",
            Self::WindowClosed(_) => "window-closed",
            Self::KeyReused => "idempotency-key-reused",
            Self::TooMany(_) => "too-many-attempts",
            Self::TooLarge(_) => "too-large",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// The HTTP status that it is answered with.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) | Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) | Self::WindowClosed(_) => StatusCode::CONFLICT,
            Self::Changed(_) => StatusCode::PRECONDITION_FAILED,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A short heading in words.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "Not signed in",
            Self::Forbidden(_) => "Not allowed",
            Self::NotFound(_) => "Not found",
            Self::Invalid(_) => "Not valid",
            Self::Conflict(_) => "Not possible now",
            Self::Changed(_) => "Changed meanwhile",
            Self::WindowClosed(_) => "Window closed",
            Self::KeyReused => "Idempotency-Key used before",
            Self::TooMany(_) => "Too many attempts",
            Self::TooLarge(_) => "Too large",
            Self::Unavailable { .. } => "Not reachable",
            Self::Internal(_) => "Our fault",
        }
    }

    /// Writes the cause to the log, which the answer does not carry.
    pub fn log(&self) {
        match self {
            Self::Unavailable { service, cause } => tracing::warn!(service, cause, "request not served"),
            Self::Internal(cause) => tracing::error!(cause, "request failed"),
            _ => {}
        }
    }
}

/// An RFC 9457 problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Stable: `urn:sluice:problem:<kind>`.
    pub r#type: String,
    /// A short heading.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do.
    pub detail: String,
    /// One entry per wrong field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Field>,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self {
            r#type: format!("urn:sluice:problem:{}", error.kind()),
            title: error.title().to_owned(),
            status: error.status().as_u16(),
            detail: error.to_string(),
            errors: if let Error::Invalid(fields) = error { fields.clone() } else { Vec::new() },
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let mut response = (self.status(), Json(Problem::from(&self))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooMany(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::Unavailable { .. } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_fields_and_keeps_its_type() {
        let problem = Problem::from(&Error::field("name", "`name` is missing"));
        insta::assert_json_snapshot!(problem, @r#"
        {
          "type": "urn:sluice:problem:invalid",
          "title": "Not valid",
          "status": 422,
          "detail": "`name` is missing",
          "errors": [
            {
              "field": "name",
              "detail": "`name` is missing"
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_cause_is_never_shown() {
        let error = Error::Internal("password of the database".into());
        assert!(!serde_json::to_string(&Problem::from(&error)).expect("writes").contains("password"));
    }
}
