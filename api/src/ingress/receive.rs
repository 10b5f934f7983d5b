use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sluice_connectors::kafka;
use sluice_connectors::kafka::producer::Out;
use sluice_schemas::failpoint::hit;
use sluice_schemas::meta;
use sluice_schemas::time::Millis;
use sluice_schemas::topics;

use super::refusal::Refusal;
use super::signature::Claimed;
use super::{Ingress, body, records::records};

/// Answers a webhook POST: 200 when all its updates are written, otherwise why not.
pub(super) async fn receive<S, F>(State(ingress): State<Arc<Ingress<S>>>, request: Request) -> Response
where
    S: Fn(Vec<Out>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), kafka::Error>> + Send + 'static,
{
    let started = Instant::now();
    let outcome = take(&ingress, request).await;
    let status = outcome.as_ref().map_or_else(Refusal::status, |()| StatusCode::OK);
    ingress.metrics.answered(status, Some(started.elapsed()));
    let Err(refusal) = outcome else { return status.into_response() };
    if matches!(refusal, Refusal::Encoding(_)) {
        tracing::error!(kind = refusal.kind(), %refusal, "webhook not taken");
    } else {
        tracing::debug!(kind = refusal.kind(), %refusal, "webhook refused");
    }
    refusal.into_response()
}

async fn take<S, F>(ingress: &Ingress<S>, request: Request) -> Result<(), Refusal>
where
    S: Fn(Vec<Out>) -> F,
    F: Future<Output = Result<(), kafka::Error>>,
{
    let received = Millis::now();
    let (head, body) = request.into_parts();
    let claimed = Claimed::read(&head.headers)?;
    let announced = content_length(&head.headers);
    if announced > ingress.max_body {
        return Err(Refusal::TooLarge(ingress.max_body));
    }
    let mut reserved = ingress.budget.reserve(announced)?;
    let body = body::read(body, ingress.max_body, &ingress.budget, &mut reserved).await?;
    ingress.secrets.verify(&body, &claimed)?;

    let updates = meta::split(&body)?;
    let records = records(&body, &updates, received, &ingress.routes.now(), &ingress.codec)?;
    let unrouted = records.iter().filter(|record| record.topic == topics::EVENTS_UNROUTED).count();
    hit("ingress", "before_write");
    write(ingress, records).await?;
    hit("ingress", "before_answer");
    ingress.metrics.written(&updates, unrouted);
    Ok(())
}

async fn write<S, F>(ingress: &Ingress<S>, records: Vec<Out>) -> Result<(), Refusal>
where
    S: Fn(Vec<Out>) -> F,
    F: Future<Output = Result<(), kafka::Error>>,
{
    let written = (ingress.sink)(records).await;
    let failed_before = ingress.outage.swap(written.is_err(), Ordering::Relaxed);
    match &written {
        Err(error) if !failed_before => tracing::warn!(kind = error.kind(), %error, "webhooks are answered 503 until Kafka takes records"),
        Ok(()) if failed_before => tracing::info!("Kafka takes records again"),
        _ => {}
    }
    Ok(written?)
}

/// The announced length, 0 when the body is chunked; the server has checked that it is a number.
fn content_length(headers: &HeaderMap) -> usize {
    headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}
