use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_lc_rs::{digest, hmac};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use prometheus::Registry;
use sluice_connectors::kafka;
use sluice_connectors::kafka::producer::Out;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{TenantId, TraceId};
use sluice_schemas::record::RawEvent;
use sluice_schemas::topics;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::*;

const TENANT: TenantId = TenantId::from_bytes([7; 16]);
const SECRET: &str = "app-secret";
const NUMBER: &str = "100000000000001";
const WABA: &str = "200000000000001";

/// A router with a sink in memory that acknowledges when `acks` has a permit.
struct Bench {
    router: Router,
    written: Arc<Mutex<Vec<Out>>>,
    acks: Arc<Semaphore>,
    registry: Registry,
}

type Sent = BoxFuture<'static, Result<(), kafka::Error>>;

fn options() -> Options {
    Options { app_secrets: vec![SECRET.into(), "older-secret".into()], verify_token: "a-token".into(), ..Options::default() }
}

fn routes() -> Arc<Routes> {
    let routes = Routes::new(8);
    routes.replace(HashMap::from([
        (NUMBER.into(), Route { tenant: TENANT, home: 3 }),
        (WABA.into(), Route { tenant: TENANT, home: 3 }),
        ("300000000000001".into(), Route { tenant: TENANT, home: 5 }),
    ]));
    Arc::new(routes)
}

fn with_sink<S>(options: &Options, sink: S) -> (Router, Registry)
where
    S: Fn(Vec<Out>) -> Sent + Send + Sync + 'static,
{
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).expect("registers");
    let ingress = Ingress::new(options, routes(), &Codecs::unregistered(), metrics, sink).expect("valid options");
    (router(ingress), registry)
}

fn bench_with(options: &Options, acks: usize) -> Bench {
    let (written, acks) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(acks)));
    let (rows, permits) = (Arc::clone(&written), Arc::clone(&acks));
    let (router, registry) = with_sink(options, move |records| {
        rows.lock().expect("no panic").extend(records);
        let permits = Arc::clone(&permits);
        Box::pin(async move {
            permits.acquire().await.map_err(|_| kafka::Error::Refused("timed out".into()))?.forget();
            Ok(())
        })
    });
    Bench { router, written, acks, registry }
}

fn bench() -> Bench {
    bench_with(&options(), 1_000)
}

impl Bench {
    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.expect("answers")
    }

    async fn post(&self, body: impl Into<Bytes>) -> StatusCode {
        self.send(signed(body.into(), SECRET)).await.status()
    }

    fn events(&self) -> Vec<(Out, RawEvent)> {
        let codec = Codecs::unregistered().of::<RawEvent>();
        let written = self.written.lock().expect("no panic").clone();
        written.into_iter().map(|out| (out.clone(), codec.decode(out.payload.as_deref().expect("a value")).expect("decodes"))).collect()
    }

    fn count(&self, name: &str, label: &str) -> usize {
        let family = self.registry.gather().into_iter().find(|family| family.name() == name).expect("is registered");
        let found = family.get_metric().iter().find(|m| label.is_empty() || m.get_label().iter().any(|l| l.value() == label));
        let found = found.unwrap_or_else(|| panic!("{name}: no label {label}"));
        (found.get_counter().get_value() + found.get_gauge().get_value()) as usize
    }
}

fn signature(body: &[u8], secret: &str) -> String {
    format!("sha256={}", hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body)))
}

fn signed(body: Bytes, secret: &str) -> Request<Body> {
    Request::post("/webhooks/whatsapp")
        .header("content-length", body.len())
        .header("x-hub-signature-256", signature(&body, secret))
        .body(Body::from(body))
        .expect("valid")
}

fn message(number: &str, id: &str) -> String {
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"{WABA}","time":1700000000,"changes":[{{"field":"messages","value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550100001","phone_number_id":"{number}"}},"contacts":[{{"profile":{{"name":"Ana"}},"wa_id":"15550100002"}}],"messages":[{{"from":"15550100002", "id":"{id}","timestamp":"1700000000","type":"text","text":{{"body":"caf\u00e9"}}}}]}}}}]}}]}}"#
    )
}

#[tokio::test]
async fn a_body_becomes_records_at_home_byte_for_byte() {
    let bench = bench();
    let body = message(NUMBER, "wamid.1");
    assert_eq!(bench.post(body.clone()).await, StatusCode::OK);
    let events = bench.events();
    let [(out, event)] = &events[..] else { panic!("one record, not {}", events.len()) };
    assert_eq!((out.topic, out.partition), (topics::EVENTS_RAW, 3));
    assert_eq!(out.key, format!("{TENANT}/{NUMBER}").into_bytes());
    let raw = std::str::from_utf8(&event.raw).expect("is text");
    assert!(body.contains(raw) && raw.starts_with(r#"{"from":"15550100002", "id""#), "{raw}");
    let sha256 = digest::digest(&digest::SHA256, body.as_bytes());
    assert_eq!(event.body_sha256, sha256.as_ref());
    assert_eq!(event.trace, TraceId::of(sha256.as_ref(), 0));
    assert_eq!(event.contact.as_deref(), Some(&br#"{"profile":{"name":"Ana"},"wa_id":"15550100002"}"#[..]));
    assert_eq!(
        (event.tenant, &*event.channel, &*event.entry_id, event.entry_time, &*event.field, &*event.shape, &*event.account, event.position),
        (TENANT, "whatsapp", WABA, Some(1_700_000_000), "messages", "message", NUMBER, 0)
    );
    assert_eq!(event.display_phone_number.as_deref(), Some("15550100001"));
}

#[tokio::test]
async fn an_unknown_number_is_kept_in_events_unrouted() {
    let bench = bench();
    for id in ["wamid.1", "wamid.2"] {
        assert_eq!(bench.post(message("199999999999999", id)).await, StatusCode::OK);
    }
    let events = bench.events();
    assert!(events.iter().all(|(out, event)| out.topic == topics::EVENTS_UNROUTED && event.tenant == TenantId::UNKNOWN));
    assert_eq!(events[0].0.partition, events[1].0.partition);
    assert!((0..8).contains(&events[0].0.partition));
    assert_eq!(bench.count("sluice_ingress_unrouted_total", ""), 2);
}

#[tokio::test]
async fn an_account_level_update_goes_to_the_home_of_its_waba() {
    let bench = bench();
    let body = format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"{WABA}","changes":[{{"field":"account_update","value":{{"event":"VERIFIED_ACCOUNT"}}}}]}}]}}"#
    );
    assert_eq!(bench.post(body).await, StatusCode::OK);
    let (out, event) = &bench.events()[0];
    assert_eq!((out.topic, out.partition, &*event.account, &*event.shape), (topics::EVENTS_RAW, 3, "", "change"));
    assert_eq!(out.key, format!("{TENANT}/{WABA}").into_bytes());
}

#[tokio::test]
async fn an_instagram_item_is_routed_by_its_account() {
    let bench = bench();
    let body = r#"{"object":"instagram","entry":[{"id":"300000000000001","time":1700000000000,"messaging":[{"sender":{"id":"1"},"recipient":{"id":"300000000000001"},"timestamp":1700000000000,"message":{"mid":"m","text":"hi"}}]}]}"#;
    assert_eq!(bench.post(body).await, StatusCode::OK);
    let (out, event) = &bench.events()[0];
    assert_eq!((out.partition, &*event.channel, &*event.shape), (5, "instagram", "messaging"));
    assert_eq!(bench.count("sluice_ingress_updates_total", "instagram"), 1);
}

#[tokio::test]
async fn an_object_nobody_knows_is_kept_too() {
    let bench = bench();
    assert_eq!(bench.post(r#"{"object":"telegram","entry":[{"id":"1","changes":[{"field":"x","value":{}}]}]}"#).await, StatusCode::OK);
    let (out, event) = &bench.events()[0];
    assert_eq!((out.topic, &*event.channel, &*event.object), (topics::EVENTS_UNROUTED, "telegram", "telegram"));
    assert_eq!(bench.count("sluice_ingress_updates_total", "unknown"), 1);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_the_sink_is_done() {
    let bench = bench_with(&options(), 0);
    let mut answer = std::pin::pin!(bench.post(message(NUMBER, "wamid.1")));
    assert!(futures::poll!(&mut answer).is_pending());
    assert_eq!(bench.events().len(), 1, "the records were handed over");
    assert!(futures::poll!(&mut answer).is_pending());
    assert_eq!(bench.count("sluice_ingress_updates_total", "whatsapp"), 0);
    bench.acks.add_permits(1);
    assert_eq!(answer.await, StatusCode::OK);
}

#[tokio::test]
async fn a_refusal_of_kafka_is_503_with_retry_after() {
    let bench = bench_with(&options(), 0);
    bench.acks.close();
    let answer = bench.send(signed(message(NUMBER, "wamid.1").into(), SECRET)).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "5");
    assert_eq!(bench.count("sluice_ingress_requests_total", "503"), 1);
    assert_eq!(bench.count("sluice_ingress_updates_total", "whatsapp"), 0);
    assert_eq!(bench.count("sluice_ingress_in_flight_bytes", ""), 0);
}

#[tokio::test]
async fn any_of_the_app_secrets_may_have_signed() {
    let bench = bench();
    let body = message(NUMBER, "wamid.1");
    for (secret, status) in [(SECRET, 200), ("older-secret", 200), ("another-secret", 401)] {
        assert_eq!(bench.send(signed(body.clone().into(), secret)).await.status(), status, "{secret}");
    }
}

#[tokio::test]
async fn what_is_unsigned_or_signed_for_other_bytes_is_401_and_not_written() {
    let bench = bench();
    let body = message(NUMBER, "wamid.1");
    let right = signature(body.as_bytes(), SECRET);
    let other = signature(b"other", SECRET);
    for value in [None, Some(other.as_str()), Some(&right[7..]), Some(&right[..70]), Some("sha256="), Some(""), Some("sha256=zz")] {
        let mut request = Request::post("/webhooks/whatsapp");
        if let Some(value) = value {
            request = request.header("x-hub-signature-256", value);
        }
        let answer = bench.send(request.body(Body::from(body.clone())).expect("valid")).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{value:?}");
    }
    assert!(bench.events().is_empty());
}

#[tokio::test]
async fn the_signature_is_over_the_bytes_as_sent() {
    let bench = bench();
    let body = message(NUMBER, "wamid.1");
    let unescaped = body.replace("caf\\u00e9", "café");
    assert_ne!(body, unescaped);
    let mut request = signed(body.into(), SECRET);
    *request.body_mut() = Body::from(unescaped);
    assert_eq!(bench.send(request).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_no_webhook_is_400() {
    let bench = bench();
    for body in ["", "{", "[]", "{}", r#"{"entry":{}}"#, "\u{0}", r#"{"entry":[]} x"#] {
        assert_eq!(bench.post(body).await, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(bench.post(&b"\xff\xfe"[..]).await, StatusCode::BAD_REQUEST);
    assert!(bench.events().is_empty());
}

fn unread() -> Body {
    Body::from_stream(futures::stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, Infallible>>> {
        panic!("the body is read although the request is refused already")
    }))
}

fn unchecked(length: Option<usize>, body: Body) -> Request<Body> {
    let mut request = Request::post("/webhooks/whatsapp").header("x-hub-signature-256", signature(b"", SECRET));
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    request.body(body).expect("valid")
}

#[tokio::test]
async fn a_body_above_the_limit_is_413_announced_or_not() {
    let bench = bench();
    let limit = options().max_body;
    assert_eq!(bench.send(unchecked(Some(limit + 1), unread())).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let chunks = futures::stream::iter(std::iter::repeat_n(Ok::<_, Infallible>(Bytes::from(vec![b' '; 1 << 20])), 4));
    assert_eq!(bench.send(unchecked(None, Body::from_stream(chunks))).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(bench.count("sluice_ingress_in_flight_bytes", ""), 0);
}

#[tokio::test]
async fn the_largest_body_is_taken_in_chunks_too() {
    let bench = bench();
    let mut body = message(NUMBER, "wamid.1").into_bytes();
    body.resize(options().max_body, b' ');
    assert_eq!(bench.post(body.clone()).await, StatusCode::OK);
    let chunks: Vec<Result<Bytes, Infallible>> = body.chunks(65_536).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let mut request = unchecked(None, Body::from_stream(futures::stream::iter(chunks)));
    request.headers_mut().insert("x-hub-signature-256", signature(&body, SECRET).parse().expect("valid"));
    assert_eq!(bench.send(request).await.status(), StatusCode::OK);
    let events = bench.events();
    assert_eq!(events[0].1.raw, events[1].1.raw);
}

#[tokio::test]
async fn beyond_the_bytes_in_flight_posts_are_refused_at_once_and_unread() {
    let body = message(NUMBER, "wamid.1");
    let max_body = body.len() + 10;
    let bench = bench_with(&Options { max_body, max_in_flight_bytes: max_body, ..options() }, 0);
    let mut first = std::pin::pin!(bench.post(body.clone()));
    assert!(futures::poll!(&mut first).is_pending());
    assert_eq!(bench.count("sluice_ingress_in_flight_bytes", ""), body.len());

    let mut second = std::pin::pin!(bench.send(unchecked(Some(11), unread())));
    let std::task::Poll::Ready(answer) = futures::poll!(&mut second) else { panic!("the second POST waits") };
    assert_eq!((answer.status(), &answer.headers()["retry-after"]), (StatusCode::SERVICE_UNAVAILABLE, &"5".parse().expect("valid")));
    // Without an announced length the bytes are counted as they come.
    let chunks = futures::stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"12345678901"))]);
    assert_eq!(bench.send(unchecked(None, Body::from_stream(chunks))).await.status(), StatusCode::SERVICE_UNAVAILABLE);

    bench.acks.add_permits(2);
    assert_eq!(first.await, StatusCode::OK);
    assert_eq!(bench.post(body).await, StatusCode::OK, "the bytes came back");
    assert_eq!(bench.count("sluice_ingress_in_flight_bytes", ""), 0);
}

#[tokio::test]
async fn a_sender_that_goes_away_gives_its_bytes_back() {
    let bench = bench_with(&options(), 0);
    let mut answer = Box::pin(bench.post(message(NUMBER, "wamid.1")));
    assert!(futures::poll!(&mut answer).is_pending());
    drop(answer);
    assert_eq!(bench.count("sluice_ingress_in_flight_bytes", ""), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_408() {
    let bench = bench();
    let trickle = futures::stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]).chain(futures::stream::pending());
    assert_eq!(bench.send(unchecked(Some(100), Body::from_stream(trickle))).await.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(bench.count("sluice_ingress_in_flight_bytes", ""), 0);
}

#[tokio::test]
async fn the_handshake_answers_exactly_the_challenge_and_only_for_the_token() {
    let bench = bench();
    let ask = |query: &str| Request::get(format!("/webhooks/messenger{query}")).body(Body::empty()).expect("valid");
    let answer = bench.send(ask("?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=a-token")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers()["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/plain")));
    assert_eq!(axum::body::to_bytes(answer.into_body(), 100).await.expect("reads"), "1158201444");
    for query in [
        "",
        "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=b-token",
        "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        "?hub.mode=subscribe&hub.challenge=1",
        "?hub.mode=subscribe&hub.verify_token=a-token",
        "?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=a-token",
        "?hub.mode=subscribe&hub.challenge=1&hub.challenge=2&hub.verify_token=a-token",
    ] {
        assert_eq!(bench.send(ask(query)).await.status(), StatusCode::FORBIDDEN, "{query}");
    }
}

#[tokio::test]
async fn counters_are_there_before_the_first_request() {
    let bench = bench();
    for code in ["200", "400", "401", "403", "408", "413", "500", "503"] {
        assert_eq!(bench.count("sluice_ingress_requests_total", code), 0);
    }
    for channel in ["whatsapp", "instagram", "messenger", "unknown"] {
        assert_eq!(bench.count("sluice_ingress_updates_total", channel), 0);
    }
}

#[tokio::test]
async fn a_body_of_many_numbers_keeps_its_order_within_each() {
    let bench = bench();
    let entry = |body: &str| body[body.find("{\"id\"").expect("entry")..body.len() - 2].to_owned();
    let entries: Vec<String> =
        (0..1_000).map(|n| entry(&message(if n % 2 == 0 { NUMBER } else { "199999999999999" }, &format!("wamid.{n}")))).collect();
    let body = format!(r#"{{"object":"whatsapp_business_account","entry":[{}]}}"#, entries.join(","));
    assert_eq!(bench.post(body).await, StatusCode::OK);
    let events = bench.events();
    assert_eq!(events.len(), 1_000);
    assert!(
        events
            .iter()
            .enumerate()
            .all(|(n, (out, event))| { event.position == n as i32 && (out.topic == topics::EVENTS_RAW) == (n % 2 == 0) })
    );
    assert_eq!(bench.count("sluice_ingress_updates_total", "whatsapp"), 1_000);
    assert_eq!(bench.count("sluice_ingress_unrouted_total", ""), 500);
}
