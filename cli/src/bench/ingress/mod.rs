//! `sluice bench ingress`: a signed POST to records acknowledged by the configured broker.
//!
//! Three servers run in this process, and the load in a child, so that its CPU is not counted: the ingress; a route that
//! checks the HMAC and writes the identical records by the same producer; a bare route that reads the body.

pub mod load;

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use prometheus::Registry;
use serde_json::json;
use sluice_api::ingress::{self, Ingress, Metrics, Route, Routes, to_kafka};
use sluice_connectors::kafka::Options;
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::TenantId;
use sluice_schemas::topics::{EVENTS_RAW, EVENTS_UNROUTED};
use tower::ServiceExt as _;

use super::bodies::{NUMBER, body};
use super::pairs::{cpu_time, quantile, rounded};
use super::topics::Topics;
use super::{Better, Measure};
use load::Load;

const SECRET: &str = "bench";
/// CPU per webhook against a route that checks and writes the same.
const WRITING_GOAL: f64 = 1.15;
/// CPU per webhook against a route that only reads the body.
const BARE_GOAL: f64 = 1.5;

/// CPU and wall nanoseconds of a webhook.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

/// All measures.
pub fn run(kafka: &Options, quick: bool) -> anyhow::Result<Vec<Measure>> {
    let topics = Topics::create(kafka, [EVENTS_RAW, EVENTS_UNROUTED])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let producer = Producer::new(&topics.options, Duration::from_secs(30))?;
    let mut measures = Vec::new();
    for (updates, requests) in [(1, 20_000), (1_000, 200)] {
        let requests = if quick { requests / 5 } else { requests };
        let body = Bytes::from(body(updates));
        let signature = hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &body));
        let records = runtime.block_on(records(&body, &signature))?;
        anyhow::ensure!(records.len() == updates, "{} records of {updates} updates", records.len());
        let urls = [
            serve(&runtime, real(to_kafka(producer.clone()))?)?,
            serve(&runtime, writing(producer.clone(), records))?,
            serve(&runtime, Router::new().route(PATH, post(async |body: Bytes| drop(black_box(body)))))?,
        ];
        let load = |url: &String| Load { url: url.clone(), updates, requests, signature: signature.clone() };
        for url in &urls {
            cost(&load(url))?;
        }
        let pairs = if quick { 3 } else { 10 };
        let mut costs = Vec::with_capacity(pairs);
        for pair in 0..pairs {
            eprintln!("ingress {updates} updates, pair {} of {pairs}", pair + 1);
            let mut round = [Cost { cpu: 0.0, wall: 0.0 }; 3];
            let order = if pair % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] };
            for side in order {
                round[side] = cost(&load(&urls[side]))?;
            }
            costs.push(round);
        }
        measures.push(measure(&costs, 1, updates, body.len(), "a route that checks the HMAC and writes the same records", WRITING_GOAL));
        measures.push(measure(&costs, 2, updates, body.len(), "a bare route that reads the body", BARE_GOAL));
    }
    drop(runtime);
    topics.delete()?;
    Ok(measures)
}

const PATH: &str = "/webhooks/whatsapp";

fn measure(costs: &[[Cost; 3]], side: usize, updates: usize, bytes: usize, against: &str, goal: f64) -> Measure {
    let each = |pick: &dyn Fn(&[Cost; 3]) -> f64| costs.iter().map(pick).collect::<Vec<f64>>();
    let ratios = each(&|round| round[0].cpu / round[side].cpu);
    let ratio = quantile(&ratios, 0.5);
    let per_second = |side: usize| rounded(1e9 / quantile(&each(&|round| round[side].wall), 0.5));
    Measure {
        bench: "ingress",
        measure: format!("CPU of a POST of {updates} updates, against {against}"),
        ours: rounded(quantile(&each(&|round| round[0].cpu), 0.5)),
        baseline: rounded(quantile(&each(&|round| round[side].cpu), 0.5)),
        ratio: rounded(ratio),
        goal: Some(goal),
        better: Better::Lower,
        unit: "ns",
        pairs: costs.len(),
        spread: rounded((quantile(&ratios, 0.75) - quantile(&ratios, 0.25)) / ratio),
        at: json!({
            "updates": updates, "bytes": bytes, "clock": "process CPU", "connections": load::CONNECTIONS,
            "ours_webhooks_per_second": per_second(0), "baseline_webhooks_per_second": per_second(side),
        }),
    }
}

fn real<S, F>(sink: S) -> anyhow::Result<Router>
where
    S: Fn(Vec<Out>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), sluice_connectors::kafka::Error>> + Send + 'static,
{
    let routes = Routes::new(1);
    routes.replace(HashMap::from([(NUMBER.to_owned(), Route { tenant: TenantId::from_bytes([1; 16]), home: 0 })]));
    let options =
        ingress::Options { app_secrets: vec![SECRET.to_owned()], verify_token: "bench".to_owned(), ..ingress::Options::default() };
    let metrics = Metrics::register(&Registry::new())?;
    Ok(ingress::router(Ingress::new(&options, Arc::new(routes), &Codecs::unregistered(), metrics, sink)?))
}

/// The records that the ingress makes of a body.
async fn records(body: &Bytes, signature: &str) -> anyhow::Result<Vec<Out>> {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&taken);
    let router = real(move |records| {
        if let Ok(mut taken) = sink.lock() {
            taken.extend(records);
        }
        std::future::ready(Ok(()))
    })?;
    let request = Request::post(PATH)
        .header("content-length", body.len())
        .header("x-hub-signature-256", format!("sha256={signature}"))
        .body(Body::from(body.clone()))?;
    let answer = router.oneshot(request).await?;
    anyhow::ensure!(answer.status() == StatusCode::OK, "the ingress refuses the benchmark's body");
    let taken = taken.lock().map_err(|_| anyhow::anyhow!("poisoned"))?.clone();
    Ok(taken)
}

fn writing(producer: Producer, records: Vec<Out>) -> Router {
    let key = Arc::new(hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()));
    let records = Arc::new(records);
    let take = move |headers: axum::http::HeaderMap, body: Bytes| {
        let (key, records, producer) = (Arc::clone(&key), Arc::clone(&records), producer.clone());
        async move {
            let given = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok()?.strip_prefix("sha256="));
            let given = given.and_then(|hex| hex::decode(hex).ok()).unwrap_or_default();
            if hmac::verify(&key, &body, &given).is_err() {
                return StatusCode::UNAUTHORIZED;
            }
            match producer.send_all(records.to_vec()).await {
                Ok(()) => StatusCode::OK,
                Err(_) => StatusCode::SERVICE_UNAVAILABLE,
            }
        }
    };
    Router::new().route(PATH, post(take)).layer(axum::extract::DefaultBodyLimit::disable())
}

fn serve(runtime: &tokio::runtime::Runtime, router: Router) -> anyhow::Result<String> {
    let router = router.layer(axum::extract::DefaultBodyLimit::disable());
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let url = format!("http://{}{PATH}", listener.local_addr()?);
    runtime.spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

/// CPU of this process while a child sends the load.
fn cost(load: &Load) -> anyhow::Result<Cost> {
    let (cpu, wall) = (cpu_time(), Instant::now());
    let status = std::process::Command::new(std::env::current_exe()?)
        .args(["bench", "ingress", "--load", &serde_json::to_string(load)?])
        .status()
        .context("the load")?;
    anyhow::ensure!(status.success(), "the load failed");
    let each = |took: Duration| took.as_secs_f64() * 1e9 / f64::from(load.requests);
    Ok(Cost { cpu: each(cpu_time().saturating_sub(cpu)), wall: each(wall.elapsed()) })
}
