//! Refusals: Meta's error codes, texts and HTTP statuses (contract §7).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u32,
    pub(crate) subcode: Option<u32>,
    /// `error_data.details`: which field, and what is wrong with it.
    pub(crate) details: String,
}

impl Refusal {
    pub(crate) fn new(code: u32, details: impl Into<String>) -> Self {
        Self { code, subcode: None, details: details.into() }
    }

    pub(crate) fn sub(code: u32, subcode: u32, details: impl Into<String>) -> Self {
        Self { code, subcode: Some(subcode), details: details.into() }
    }

    /// 100: a parameter of the wrong kind.
    pub(crate) fn bad(details: impl Into<String>) -> Self {
        Self::new(100, details)
    }

    /// 131008: a required parameter is missing.
    pub(crate) fn missing(details: impl Into<String>) -> Self {
        Self::new(131_008, details)
    }

    /// 131009: a parameter's value is not valid.
    pub(crate) fn invalid(details: impl Into<String>) -> Self {
        Self::new(131_009, details)
    }

    /// 100 with subcode 33: the object does not exist, or this token may not see it.
    pub(crate) fn no_object(id: &str) -> Self {
        Self::sub(
            100,
            33,
            format!(
                "Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation"
            ),
        )
    }

    /// The error body.
    pub(crate) fn body(&self) -> Value {
        let title = title(self.code);
        let kind = if self.code == 100 && self.subcode == Some(33) { "GraphMethodException" } else { "OAuthException" };
        let mut error = json!({
            "message": if self.code == 190 { self.details.clone() } else { format!("(#{}) {title}", self.code) },
            "type": kind,
            "code": self.code,
            "fbtrace_id": trace_id(self),
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if matches!(self.code, 1 | 2 | 4 | 130_429 | 131_016 | 131_056) {
            error["is_transient"] = true.into();
        }
        if self.code != 190 {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": self.details});
        }
        json!({ "error": error })
    }

    /// The entry of a failed status's `errors[]`.
    pub(crate) fn status_error(code: u32, details: &str) -> Value {
        let title = title(code);
        json!({
            "code": code,
            "title": title,
            "message": title,
            "error_data": {"details": if details.is_empty() { title } else { details }},
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(http_status(self.code)).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(self.body())).into_response();
        // The recording of refusals reads the code from here and need not parse the body.
        response.extensions_mut().insert(self);
        response
    }
}

/// Looks like Meta's: letters, digits, `_` and `-`, the same for the same refusal.
fn trace_id(refusal: &Refusal) -> String {
    use base64::Engine;
    let bits = crate::random::Draw::new(u64::from(refusal.code), &refusal.details, 0).bits("trace");
    format!("A{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bits.to_be_bytes()))
}

/// The HTTP status that Meta's error table names for a code. Throttles are 400.
pub(crate) fn http_status(code: u32) -> u16 {
    match code {
        0 | 190 => 401,
        3 | 10 | 200..=299 | 368 | 130_497 | 131_005 | 131_031 => 403,
        132_001 => 404,
        1 | 131_000 | 131_016 | 131_057 | 133_000 => 500,
        2 | 133_004 => 503,
        _ => 400,
    }
}

/// The text behind `(#code)`.
pub(crate) fn title(code: u32) -> &'static str {
    match code {
        0 => "AuthException",
        1 => "An unknown error occurred",
        2 => "Service temporarily unavailable",
        3 => "Application does not have the capability to make this API call",
        4 => "Application request limit reached",
        10 => "Application does not have permission for this action",
        100 => "Invalid parameter",
        190 => "Access token has expired",
        368 => "Temporarily blocked for policies violations",
        551 => "This person isn't available right now",
        613 => "Calls to this api have exceeded the rate limit",
        80_007 => "Rate limit issues",
        130_403 => "Message blocked by the business",
        130_429 => "Rate limit hit",
        130_472 => "User's number is part of an experiment",
        130_497 => "Business account is restricted from messaging users in this country",
        131_000 => "Something went wrong",
        131_005 => "Access denied",
        131_008 => "Required parameter is missing",
        33 | 131_009 => "Parameter value is not valid",
        131_016 => "Service unavailable",
        131_021 => "Recipient cannot be sender",
        131_026 => "Message undeliverable",
        131_030 => "Recipient phone number not in allowed list",
        131_031 => "Business Account locked",
        131_037 => "Display name approval needed",
        131_042 => "Business eligibility payment issue",
        131_045 => "Incorrect certificate",
        131_047 => "Re-engagement message",
        131_048 => "Spam rate limit hit",
        131_049 => "This message was not delivered to maintain healthy ecosystem engagement",
        131_050 => "User has stopped receiving marketing messages",
        131_051 => "Unsupported message type",
        131_052 => "Media download error",
        131_053 => "Media upload error",
        131_056 => "(Business Account, Consumer Account) pair rate limit hit",
        131_057 => "Account in maintenance mode",
        131_062 => "Business-scoped user id is not supported for this message",
        132_000 => "Number of parameters does not match the expected number of params",
        132_001 => "Template name does not exist in the translation",
        132_005 => "Translated text too long",
        132_007 => "Template format character policy violated",
        132_012 => "Parameter format does not match format in the created template",
        132_015 => "Template is paused",
        132_016 => "Template is disabled",
        132_018 => "There was an issue with the parameters in the template",
        132_068 => "Flow is in blocked state",
        132_069 => "Flow is in throttled state",
        133_000 => "Incomplete deregistration",
        133_004 => "Server temporarily unavailable",
        133_010 => "Phone number not registered",
        137_000 => "Recipient identity key hash mismatch",
        _ => "Unknown error",
    }
}
