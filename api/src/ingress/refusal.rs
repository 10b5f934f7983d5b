use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sluice_connectors::kafka;
use sluice_schemas::{codec, meta};

/// Seconds after which a refused POST may come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a POST is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("X-Hub-Signature-256 is missing")]
    Unsigned,
    #[error("X-Hub-Signature-256 does not fit this body and any of the app secrets")]
    Signature,
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("too much is in work; try again later")]
    Overloaded,
    #[error("the body did not arrive in time")]
    Slow,
    #[error("the body broke off")]
    BrokenOff,
    #[error(transparent)]
    NotAWebhook(#[from] meta::split::Error),
    #[error("a record could not be encoded")]
    Encoding(#[from] codec::Error),
    #[error("not written; try again later")]
    NotWritten(#[from] kafka::Error),
}

impl Refusal {
    /// Stable name for the log.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Signature => "signature",
            Self::TooLarge(_) => "too_large",
            Self::Overloaded => "overloaded",
            Self::Slow => "slow",
            Self::BrokenOff => "broken_off",
            Self::NotAWebhook(error) => error.kind(),
            Self::Encoding(_) => "encoding",
            Self::NotWritten(error) => error.kind(),
        }
    }

    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Unsigned | Self::Signature => StatusCode::UNAUTHORIZED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenOff | Self::NotAWebhook(_) => StatusCode::BAD_REQUEST,
            Self::Encoding(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Overloaded | Self::NotWritten(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, format!("{self}\n")).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
