//! `sluice bench ingress`: a signed POST to acknowledged records, beside a bare route that reads the body.
//!
//! Both are called in process, without a socket: the difference is what the ingress itself costs. The sink
//! acknowledges at once, so that Kafka is not measured.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use anyhow::Context;
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use prometheus::Registry;
use sluice_api::ingress::{Ingress, Metrics, Options, Route, Routes, router};
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::TenantId;
use tower::ServiceExt;

use super::Measure;
use super::bodies::{NUMBER, body};
use super::pairs::{Plan, compare};

const SECRET: &str = "bench";

/// All measures of the benchmark; `quick` takes seconds.
pub fn run(quick: bool) -> anyhow::Result<Vec<Measure>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().context("a runtime for the benchmark")?;
    let ours = ingress()?;
    let bare: Router = Router::new().route("/webhooks/whatsapp", post(async |body: Bytes| drop(black_box(body))));
    let mut measures = Vec::new();
    for updates in [1, 1_000] {
        let body = Bytes::from(body(updates));
        let signature = hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &body));
        let send = |router: &Router, times: u64| {
            runtime.block_on(async {
                for _ in 0..times {
                    black_box(answered(router, &body, &signature).await);
                }
            });
        };
        anyhow::ensure!(runtime.block_on(answered(&ours, &body, &signature)), "the ingress refuses the benchmark's body");
        let plan = Plan {
            bench: "ingress",
            measure: "a signed POST to acknowledged records, against a bare route that reads the body".to_owned(),
            goal: None,
            per_iteration: updates as u64,
            bytes: body.len() as u64,
            quick,
            at: serde_json::json!({ "updates": updates, "transport": "in process" }),
        };
        measures.push(compare(&plan, |times| send(&ours, times), |times| send(&bare, times)));
    }
    Ok(measures)
}

fn ingress() -> anyhow::Result<Router> {
    let routes = Routes::new(64);
    routes.replace(HashMap::from([(NUMBER.to_owned(), Route { tenant: TenantId::from_bytes([1; 16]), home: 3 })]));
    let options = Options { app_secrets: vec![SECRET.to_owned()], verify_token: "bench".to_owned(), ..Options::default() };
    let metrics = Metrics::register(&Registry::new())?;
    let sink = |records| {
        black_box(&records);
        std::future::ready(Ok(()))
    };
    Ok(router(Ingress::new(&options, Arc::new(routes), &Codecs::unregistered(), metrics, sink)?))
}

async fn answered(router: &Router, body: &Bytes, signature: &str) -> bool {
    let request = Request::post("/webhooks/whatsapp")
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .header("x-hub-signature-256", format!("sha256={signature}"))
        .body(Body::from(body.clone()));
    let Ok(request) = request else { return false };
    match router.clone().oneshot(request).await {
        Ok(answer) => answer.status() == StatusCode::OK,
        Err(never) => match never {},
    }
}
