use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::Ingress;

/// Meta's question when a callback address is set (contract §1).
#[derive(Deserialize)]
pub(super) struct Question {
    #[serde(rename = "hub.mode")]
    mode: Option<String>,
    #[serde(rename = "hub.verify_token")]
    verify_token: Option<String>,
    #[serde(rename = "hub.challenge")]
    challenge: Option<String>,
}

/// 200 with exactly the challenge for the right token, otherwise 403.
pub(super) async fn handshake<S>(State(ingress): State<Arc<Ingress<S>>>, question: Result<Query<Question>, QueryRejection>) -> Response {
    let challenge = question.ok().and_then(|Query(question)| answer(question, &ingress.verify_token));
    let status = if challenge.is_some() { StatusCode::OK } else { StatusCode::FORBIDDEN };
    ingress.metrics.answered(status, None);
    match challenge {
        Some(challenge) => ([(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))], challenge).into_response(),
        None => status.into_response(),
    }
}

fn answer(question: Question, token: &str) -> Option<String> {
    let known = question.verify_token?.as_bytes().ct_eq(token.as_bytes());
    (question.mode.as_deref() == Some("subscribe") && bool::from(known)).then_some(question.challenge).flatten()
}
