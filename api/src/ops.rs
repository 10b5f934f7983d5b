//! `/metrics`, `/livez` and `/readyz`, on an address of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Registry, TextEncoder};

/// What this process waits for before it can do its work. Roles set their own part; `/readyz` names what is missing.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<String, Option<String>>>>);

impl Readiness {
    /// `part` is not ready, and why. Call it before a part starts and when it begins to shut down.
    pub fn waiting(&self, part: &str, why: &str) {
        self.set(part, Some(why.to_owned()));
    }

    /// `part` is ready.
    pub fn ready(&self, part: &str) {
        self.set(part, None);
    }

    /// Parts that are not ready, with the reason.
    pub fn missing(&self) -> Vec<(String, String)> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().filter_map(|(part, why)| why.clone().map(|why| (part.clone(), why))).collect()
    }

    fn set(&self, part: &str, why: Option<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part.to_owned(), why);
    }
}

#[derive(Clone)]
struct Ops {
    registry: Registry,
    readiness: Readiness,
}

/// The routes of the operators' address.
pub fn router(registry: Registry, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .merge(failpoints())
        .with_state(Ops { registry, readiness })
}

/// Nothing in a build that ships; the fault harness arms its steps by `POST /failpoints`.
fn failpoints() -> Router<Ops> {
    #[cfg(feature = "failpoints")]
    return Router::new().route(
        "/failpoints",
        axum::routing::post(|steps: String| async move {
            sluice_schemas::failpoint::arm(&steps).map_err(|wrong| (StatusCode::BAD_REQUEST, wrong))
        }),
    );
    #[cfg(not(feature = "failpoints"))]
    Router::new()
}

async fn metrics(State(ops): State<Ops>) -> Response {
    match TextEncoder::new().encode_to_string(&ops.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, format!("metrics cannot be written: {e}\n")).into_response(),
    }
}

async fn readyz(State(ops): State<Ops>) -> Response {
    let missing = ops.readiness.missing();
    if missing.is_empty() {
        return "ready\n".into_response();
    }
    let lines: Vec<String> = missing.iter().map(|(part, why)| format!("{part}: {why}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines.concat()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    async fn get(app: &Router, path: &str) -> (u16, String) {
        let response = app.clone().oneshot(Request::get(path).body(Body::empty()).expect("request")).await.expect("answers");
        let status = response.status().as_u16();
        (status, String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.expect("body").to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing() {
        let readiness = Readiness::default();
        let app = router(Registry::new(), readiness.clone());
        readiness.waiting("ledger", "restores its state");
        assert_eq!(get(&app, "/readyz").await, (503, "ledger: restores its state\n".into()));
        readiness.ready("ledger");
        assert_eq!(get(&app, "/readyz").await, (200, "ready\n".into()));
        assert_eq!(get(&app, "/livez").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let registry = Registry::new();
        let counter = prometheus::IntCounter::new("sluice_test_total", "A count.").expect("counter");
        registry.register(Box::new(counter.clone())).expect("registers");
        counter.inc();
        let (status, text) = get(&router(registry, Readiness::default()), "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains("sluice_test_total 1"), "{text}");
    }
}
