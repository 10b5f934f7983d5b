//! The router without engines: what is decided before any of them is asked, and what happens when none answers.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use sluice_connectors::kafka::producer::Producer;
use sluice_connectors::{kafka, postgres};
use sluice_schemas::codec::Codecs;
use sluice_schemas::forecast::Forecast;
use tower::ServiceExt;

use crate::{Options, State, router};

/// Nothing listens there.
const NOWHERE: &str = "127.0.0.1:1";

fn app() -> axum::Router {
    let kafka = kafka::Options { brokers: NOWHERE.into(), ..kafka::Options::default() };
    let pool = postgres::Pool::new(&postgres::Options::at(&format!("postgres://{NOWHERE}/sluice"))).expect("pool");
    let producer = Producer::new(&kafka, Duration::from_millis(100)).expect("producer");
    router(State::new(Options::default(), &kafka, pool, None, producer, Codecs::unregistered(), |plan| Forecast {
        finish: plan.start,
        curve: Vec::new(),
    }))
}

async fn send(request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = app().oneshot(request).await.expect("answers");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("body");
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

async fn get(path: &str) -> (StatusCode, HeaderMap, String) {
    send(Request::get(path).header("host", "acme.localhost:8080").body(Body::empty()).expect("request")).await
}

#[tokio::test]
async fn the_api_refuses_whoever_has_no_token() {
    for path in ["/api/v1/campaigns", "/api/v1/quotes?status=awaiting_approval", "/api/v1/events", "/api/v1/stages"] {
        let (status, headers, body) = get(path).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(headers["www-authenticate"], "Bearer");
        assert!(body.contains("\"urn:sluice:problem:unauthenticated\""), "{body}");
    }
}

#[tokio::test]
async fn a_token_that_names_no_tenant_is_refused_without_a_look_up() {
    let request = Request::get("/api/v1/campaigns").header("authorization", "Bearer nonsense");
    assert_eq!(send(request.body(Body::empty()).expect("request")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_outage_is_a_503_that_tells_no_secrets() {
    let token = format!("Bearer sluice_{}_secret", "0".repeat(32));
    let request = Request::get("/api/v1/campaigns").header("authorization", token);
    let (status, headers, body) = send(request.body(Body::empty()).expect("request")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(headers["retry-after"], "2");
    assert!(!body.contains(NOWHERE), "{body}");
}

#[tokio::test]
async fn what_another_site_posts_is_refused() {
    for site in ["cross-site", "same-site"] {
        let request = Request::post("/logout").header("host", "acme.localhost:8080").header("sec-fetch-site", site);
        assert_eq!(send(request.body(Body::empty()).expect("request")).await.0, StatusCode::FORBIDDEN, "{site}");
    }
    let request = Request::post("/logout").header("host", "acme.localhost:8080").header("origin", "http://evil.localhost:8080");
    assert_eq!(send(request.body(Body::empty()).expect("request")).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn pages_carry_a_strict_policy_and_their_files_are_ours() {
    let (status, headers, body) = get("/nowhere").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let policy = headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(body.contains("There is no page here") || body.contains("there is no page here"), "{body}");
    let sheet = body.split("href=\"").find(|part| part.starts_with("/assets/app.css")).and_then(|part| part.split('"').next());
    let (status, headers, _) = get(sheet.expect("the page names its sheet")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers["cache-control"].to_str().expect("text").contains("immutable"));
}

#[tokio::test]
async fn no_template_has_an_inline_script_or_style() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/templates")).expect("templates") {
        let path = entry.expect("entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        for banned in [" style=", " onclick=", " onsubmit=", "hx-on", "<style", "javascript:", "js:", "http://", "https://"] {
            assert!(!text.contains(banned), "{banned} in {}", path.display());
        }
        assert!(text.matches("<script").count() == text.matches("<script src=").count(), "{}", path.display());
    }
}

#[tokio::test]
async fn a_host_that_is_no_tenant_is_told_so() {
    let request = Request::get("/login").header("host", "localhost:8080").body(Body::empty()).expect("request");
    let (status, _, body) = send(request).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.contains(".localhost"), "{body}");
}

#[tokio::test]
async fn unknown_addresses_and_methods_of_the_api_are_problems() {
    for request in [Request::get("/api/v1/nothing"), Request::delete("/api/v1/campaigns")] {
        let (status, headers, _) = send(request.body(Body::empty()).expect("request")).await;
        assert_eq!(headers["content-type"], "application/problem+json");
        assert!(status.is_client_error());
    }
}
